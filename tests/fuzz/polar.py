"""`polar`: accuracy, status and scale of every method, as its notes state them."""

from __future__ import annotations

import numpy as np

import orthola
from orthola.testing import orthogonality, polar_residual, psd_violation
from tests.fuzz.draws import DTYPES, batch, certain, matrix, pick, scaled, sides, stays_normal
from tests.polar.targets import ROUNDOFF, targets

METHODS = ("auto", "auto", "svd", "newton", "newton-schulz", "halley", "qr-halley")


def example(rng: np.random.Generator) -> dict[str, float]:
    dtype, method, side = pick(rng, DTYPES), pick(rng, METHODS), pick(rng, ("right", "left"))
    m, n = sides(rng)
    drawn = matrix(rng, m, n, dtype=dtype, shape=batch(rng))
    a, before = drawn.matrix, drawn.matrix.copy()
    u, h, status = orthola.polar(a, method=method, side=side)
    bounds = targets(dtype, min(m, n), method="auto")  # the SVD may have been asked
    threshold = max(m, n) * 2 * ROUNDOFF[dtype]
    told = True
    if drawn.rank < min(m, n):
        told = np.all(status == orthola.Status.RANK_DEFICIENT)
    elif drawn.condition < 0.02 / threshold:
        told = np.all(status == orthola.Status.OK)
    ratios = {
        "orthogonality": np.max(orthogonality(u)) / bounds.orthogonality,
        "residual": np.max(polar_residual(a, u, h, side=side)) / bounds.residual,
        "semidefinite": np.max(psd_violation(h)) / targets(dtype, h.shape[-1]).psd_violation,
        "Hermitian": certain(h == np.conj(np.swapaxes(h, -1, -2))),
        "status": certain(told),
        "input untouched": certain(a == before),
    }
    if rng.random() < 0.5:
        return ratios
    k = -40 if drawn.exponent > 0 else 40
    again = orthola.polar(scaled(a, k), method=method, side=side)
    if stays_normal(a, scaled(a, k), again.unitary, h, again.hermitian):
        same = np.array_equal(again.unitary, u) and np.array_equal(again.hermitian, scaled(h, k))
        ratios["scale, bit for bit"] = certain(same)
    return ratios
