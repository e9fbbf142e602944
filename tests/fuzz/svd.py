"""`svd_update` and its kin: every claim of a certificate, against the dense matrix."""

from __future__ import annotations

import numpy as np

import orthola
from tests.fuzz.draws import certain
from tests.lowrank.streams import random_stream, run


def example(rng: np.random.Generator) -> dict[str, float]:
    stream = random_stream(int(rng.integers(2**40)))
    result = orthola.svd_result(run(stream), stream.config)
    m, claims, k = stream.matrix, result.certificate, int(result.rank)
    unit, eps = np.ldexp(1.0, -stream.exponent), float(np.finfo(stream.dtype).eps)
    low, high = (claims.sigma_interval * unit).T
    truth = np.zeros(len(low))
    s = np.linalg.svd(m, compute_uv=False)
    truth[: min(len(s), len(low))] = s[: len(low)]
    tail = float(np.linalg.norm(s[k:]))
    u = result.basis[:, :k].astype(m.dtype)
    missing = float(np.linalg.norm(m - u @ (u.conj().T @ m)))
    size = float(np.linalg.norm(m))
    defect = np.max(np.abs(u.conj().T @ u - np.eye(k)), initial=0.0)
    return {
        "singular values above their upper bound": share(truth, high),
        "singular values below their lower bound": share(low, truth),
        "optimum": max(
            share(tail, claims.optimum_interval[1] * unit),
            share(claims.optimum_interval[0] * unit, tail),
        ),
        # The basis is rounded once more on its way out.
        "error": share(missing, claims.error[1] * unit + 4 * eps * size),
        "orthonormal": defect / (100 * eps),
        "order": certain(np.diff(result.singular_values) <= 0),
    }


def share(less: object, more: object) -> float:
    """Largest ratio of what must not be more; 0 by 0 counts as 0."""
    x, y = (np.atleast_1d(np.asarray(z, dtype=float)) for z in (less, more))
    filled = np.where(y > 0, y, 1.0)
    return float(np.max(np.where(x <= 0, 0.0, np.where(y > 0, x / filled, np.inf)), initial=0.0))
