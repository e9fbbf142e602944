"""Samples with sparse codes in a known orthogonal dictionary, and streams over them."""

from __future__ import annotations

import numpy as np

import orthola
from orthola._dictionary.objectives import err4


def codes(rng, m, n, theta, *, complex_=False):
    """Bernoulli-Gaussian: normal with probability theta, else 0."""
    x = rng.standard_normal((m, n))
    if complex_:
        x = (x + 1j * rng.standard_normal((m, n))) / np.sqrt(2.0)
    return x * (rng.random((m, n)) < theta)


def samples(m, n, theta=0.3, *, seed=0, sigma=0.0, complex_=False):
    """(samples, dictionary)."""
    rng = np.random.default_rng([seed, m, n])
    kind = "complex128" if complex_ else "float64"
    d = orthola.haar(n, rng=rng, dtype=kind)
    y = codes(rng, m, n, theta, complex_=complex_) @ d
    return y + sigma * codes(rng, m, n, 1.0, complex_=complex_), d


def streamed(y, batch, *, state=None, seed=1, lmo="auto", **options):
    """The state after all mini-batches."""
    if state is None:
        state = orthola.dictionary_init(y.shape[-1], rng=seed, dtype=y.dtype, **options)
    for first in range(0, y.shape[0], batch):
        state = orthola.dictionary_update(state, y[first : first + batch], lmo=lmo)
    return state


def error(state, d, *, refine=False):
    return float(err4(orthola.dictionary_result(state, refine=refine).dictionary, d))


def norm_of(state):
    return float(np.linalg.norm(state.iterate, 2))
