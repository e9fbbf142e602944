"""`orthogonalize`: singular values go into the interval of the schedule."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

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
    singular_values,
    stays_normal,
    wide,
)  # fmt: skip

ALLOWANCE = {"float64": 1e-12, "complex128": 1e-12, "float32": 2e-4, "complex64": 2e-4}
HALF = 2 * 2.0**-11  # of a step's largest argument: by so much it is moved in float16
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
    ratios = {"interval" + ", float16" * half: overshoot(a, y, rule)}
    k = -3 if drawn.exponent > 0 else 3
    if stays_normal(a, scaled(a, k)):
        again = orthola.orthogonalize(scaled(a, k), lower_bound=bound, **options)
        ratios["scale, bit for bit"] = certain(np.array_equal(again, y))
    return ratios


def overshoot(a: np.ndarray, y: np.ndarray, rule: orthola.Schedule) -> float:
    """By how much singular values miss the interval, as a share of what is stated; the worst."""
    worst = 0.0
    low, high, below, above = stated(rule, str(y.dtype))
    for x, z in zip(a.reshape(-1, *a.shape[-2:]), y.reshape(-1, *y.shape[-2:]), strict=True):
        before, after = singular_values(x)[0], np.linalg.svd(wide(z), compute_uv=False)
        size = np.linalg.norm(before)
        if size == 0.0:
            worst = max(worst, certain(after == 0.0))
            continue
        promised = np.count_nonzero(before >= rule.lower_bound * size * (1 + 1e-3))
        lowest = after[promised - 1] if promised else np.inf
        worst = max(worst, (after[0] - high) / above, (low - lowest) / below)
    return worst


@lru_cache
def stated(rule: orthola.Schedule, dtype: str) -> tuple[float, float, float, float]:
    """Ends of the interval (the upper one for small values too) and allowances beyond both."""
    low, high = rule.interval[0], max(rule.interval[1], rule.image(0.0)[1])
    if dtype in ALLOWANCE:
        return low, high, ALLOWANCE[dtype], ALLOWANCE[dtype]
    return low, high, low - moved(rule, rule.lower_bound)[0], moved(rule, 0.0)[1] - high


def moved(rule: orthola.Schedule, low: float) -> tuple[float, float]:
    """Image of [low, 1] if half precision moves the values before and after every step."""
    high = 1.0
    for row in rule.coefficients:
        low, high = spread(low, high)
        low, high = replace(rule, coefficients=(row,)).image(low, high)
    return spread(low, high)


def spread(low: float, high: float) -> tuple[float, float]:
    by = HALF * max(1.0, high)
    return max(low - by, 0.0), high + by
