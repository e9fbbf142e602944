"""`polar`: accuracy, status and scale of every method, as its notes state them."""

from __future__ import annotations

import numpy as np

import orthola
from orthola.testing import orthogonality, polar_residual, psd_violation
from tests.fuzz.draws import (
    DTYPES,
    batch,
    certain,
    matrix,
    pick,
    scaled,
    sides,
    singular_values,
    stays_normal,
)  # fmt: skip
from tests.polar.targets import ROUNDOFF, targets

METHODS = ("auto", "auto", "svd", "newton", "newton-schulz", "halley", "qr-halley")


def example(rng: np.random.Generator) -> dict[str, float]:
    dtype, method, side = pick(rng, DTYPES), pick(rng, METHODS), pick(rng, ("right", "left"))
    m, n = sides(rng)
    drawn = matrix(rng, m, n, dtype=dtype, shape=batch(rng))
    a, before = drawn.matrix, drawn.matrix.copy()
    u, h, status = orthola.polar(a, method=method, side=side)
    # The SVD may have been asked, for all items or for some.
    promised = [targets(dtype, min(m, n), method=way) for way in ("svd", "newton")]
    threshold = max(m, n) * 2 * ROUNDOFF[dtype]
    told = True
    if drawn.rank < min(m, n):
        told = np.all(status == orthola.Status.RANK_DEFICIENT)
    elif drawn.condition < 0.02 / threshold:
        told = np.all(status == orthola.Status.OK)
    most = max(x.residual for x in promised)
    negative = targets(dtype, h.shape[-1]).psd_violation
    ratios = {
        "orthogonality": np.max(orthogonality(u)) / max(x.orthogonality for x in promised),
        "residual": np.max(polar_residual(a, u, h, side=side) / (most + underflow(h, a))),
        "semidefinite": np.max(psd_violation(h) / (negative + underflow(h, h))),
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


def underflow(h: np.ndarray, relative_to: np.ndarray) -> np.ndarray:
    """What the rounding of subnormal entries adds to the bounds: n smallest numbers by a norm."""
    info = np.finfo(h.dtype)
    if np.max(np.abs(h), initial=0.0) > info.smallest_normal / info.eps:
        return np.zeros(h.shape[:-2])
    added = []
    for x in relative_to.reshape(-1, *relative_to.shape[-2:]):
        values, exponent = singular_values(x)
        largest = float(np.max(values, initial=0.0))
        lost = h.shape[-1] * 2.0 ** (int(info.minexp) - info.nmant - exponent)
        added.append(lost / largest if largest else 0.0)
    return np.reshape(added, h.shape[:-2])
