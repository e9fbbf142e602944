"""Matrices, and a number that depends on both polar factors, for derivatives in PyTorch."""

from __future__ import annotations

import pytest

from orthola import polar
from orthola.testing import from_spectrum, gaussian, orthonormal, spectrum

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

# What PyTorch says about itself when forward mode or a compiler is first used.
OF_TORCH = "ignore:.*torch.jit.script:DeprecationWarning"


def matrix(m, n, dtype="float64", *, shape=(), condition=4.0):
    values = spectrum("geometric", min(m, n), condition=condition)
    return torch.tensor(from_spectrum(m, n, values, shape=shape, dtype=dtype, rng=10 * m + n))


def repeated(m, n, dtype="float64"):
    return torch.tensor(2.0 * orthonormal(m, n, dtype=dtype, rng=3))


def weights(like, seed=0):
    dtype = str(like.dtype).removeprefix("torch.")
    return torch.tensor(
        gaussian(*like.shape[-2:], shape=tuple(like.shape[:-2]), dtype=dtype, rng=seed)
    )


CASES = {
    "square": matrix(3, 3),
    "reflection": torch.diag(torch.tensor([2.0, 1.0, -0.5], dtype=torch.float64)),
    "tall": matrix(4, 2),
    "wide": matrix(2, 4),
    "column": matrix(3, 1),
    "row": matrix(1, 3),
    "number": torch.tensor([[-2.0]], dtype=torch.float64),
    "complex square": matrix(2, 2, "complex128"),
    "complex tall": matrix(3, 2, "complex128"),
    "complex wide": matrix(2, 3, "complex128"),
    "batch": matrix(3, 2, shape=(2, 2)),
    "identity": torch.eye(3, dtype=torch.float64),
    "complex identity": torch.eye(2, dtype=torch.complex128),
    "repeated tall": repeated(4, 3),
    "repeated complex": repeated(3, 2, "complex128"),
}


def factors(side="right", **options):
    return lambda x: polar(x, side=side, **options)[:2]


def loss(x, **options):
    """A real number that depends on all entries of both factors."""
    u, h, _ = polar(x, **options)
    return combined(u, h, weights(u, 1), weights(h, 2))


def combined(u, h, v, w):
    return (v * u).real.sum() + (w * h @ h).real.sum()
