"""`orthogonalize`: singular values go into the interval of the schedule."""

from __future__ import annotations

import numpy as np

import orthola
from tests.fuzz.draws import (
    DTYPES,
    batch,
    certain,
    matrix,
    pick,
    scaled,
    sides,
    stays_normal,
)  # fmt: skip

ALLOWANCE = {"float64": 1e-12, "complex128": 1e-12, "float32": 2e-4, "complex64": 2e-4,
             "float16": 5e-3}  # fmt: skip
KINDS = (
    *(("polar-express", steps, bound) for steps in (1, 2, 3, 5, 6, 8) for bound in (1e-1, 1e-3)),
    ("muon", None, 1e-3),
    ("polar-express-gram", None, 1e-3),
)


def example(rng: np.random.Generator) -> dict[str, float]:
    dtype = pick(rng, (*DTYPES, "float16"))
    kind, steps, bound = pick(rng, KINDS)
    options = {"steps": steps, "schedule": kind, "gram": pick(rng, (False, True, "auto"))}
    m, n = sides(rng, 20)
    half = dtype == "float16"
    drawn = matrix(rng, m, n, dtype="float32" if half else dtype, shape=batch(rng))
    a = drawn.matrix
    if half:
        a = (a / 2.0**drawn.exponent).astype(dtype)
    y = orthola.orthogonalize(a, lower_bound=bound, **options)
    rule = orthola.schedule(kind, steps=steps, lower_bound=bound)
    ratios = {"interval": overshoot(a, y, rule) / ALLOWANCE[dtype]}
    k = -3 if drawn.exponent > 0 else 3
    if stays_normal(a, scaled(a, k)):
        again = orthola.orthogonalize(scaled(a, k), lower_bound=bound, **options)
        ratios["scale, bit for bit"] = certain(np.array_equal(again, y))
    return ratios


def overshoot(a: np.ndarray, y: np.ndarray, rule: orthola.Schedule) -> float:
    """By how much singular values miss what the schedule promises, the worst of a stack."""
    worst = 0.0
    low, high = rule.interval
    above = max(high, rule.image(0.0)[1])
    for x, z in zip(a.reshape(-1, *a.shape[-2:]), y.reshape(-1, *y.shape[-2:]), strict=True):
        before, after = values(x), np.linalg.svd(wide(z), compute_uv=False)
        size = np.linalg.norm(before)
        if size == 0.0:
            worst = max(worst, float(np.max(after)))
            continue
        promised = np.count_nonzero(before >= rule.lower_bound * size * (1 + 1e-3))
        lowest = after[promised - 1] if promised else np.inf
        worst = max(worst, after[0] - above, low - lowest)
    return worst


def values(x: np.ndarray) -> np.ndarray:
    """Singular values up to a power of two: squares of 1e-200 would be lost in a norm."""
    exponent = int(np.frexp(np.max(np.abs(x), initial=0.0))[1])
    half = exponent // 2  # in two steps, because 2**1000 times 2**-1000 has to be possible
    return np.linalg.svd(scaled(scaled(wide(x), -half), half - exponent), compute_uv=False)


def wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)
