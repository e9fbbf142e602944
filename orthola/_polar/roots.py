"""Real roots of a small polynomial inside an interval, in plain Python floats."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["horner", "sign_changes"]

_LAST_STEP = 1e-9
_MOST_STEPS = 200  # bisection alone needs about 30 on top of the exponents it has to pass


def horner(coefficients: Sequence[float], t: float) -> float:
    """Value of ``sum_j coefficients[j] t**j``."""
    value = 0.0
    for coefficient in reversed(coefficients):
        value = value * t + coefficient
    return value


def sign_changes(coefficients: Sequence[float], low: float, high: float) -> list[float]:
    """Points of ``(low, high)`` where the polynomial changes its sign, ascending.

    Between two neighbouring sign changes of the derivative the polynomial is monotone, so each
    such piece holds at most one root and its end values bracket it: no complex arithmetic and no
    starting guess. Double roots without a change of sign are left out; for a derivative these
    are the points where the function has no extremum.
    """
    degree = len(coefficients) - 1
    while degree > 0 and coefficients[degree] == 0.0:
        degree -= 1
    if degree < 1:
        return []
    if degree == 1:
        root = -coefficients[0] / coefficients[1]
        return [root] if low < root < high else []
    if degree == 2:
        return _quadratic(coefficients[0], coefficients[1], coefficients[2], low, high)
    coefficients = coefficients[: degree + 1]
    derivative = [j * coefficients[j] for j in range(1, degree + 1)]
    cuts = [low, *sign_changes(derivative, low, high), high]
    negative = [horner(coefficients, t) < 0.0 for t in cuts]
    return [
        _bracketed(coefficients, cuts[i], cuts[i + 1], negative[i])
        for i in range(len(cuts) - 1)
        if negative[i] != negative[i + 1]
    ]


def _quadratic(c0: float, c1: float, c2: float, low: float, high: float) -> list[float]:
    discriminant = c1 * c1 - 4.0 * c0 * c2
    if discriminant <= 0.0:
        return []
    # The root that adds two numbers of one sign, then the product of the roots: no cancellation.
    q = -0.5 * (c1 + math.copysign(math.sqrt(discriminant), c1))
    roots = sorted((q / c2, c0 / q))
    return [root for root in roots if low < root < high]


def _bracketed(
    coefficients: Sequence[float], low: float, high: float, negative_at_low: bool
) -> float:
    """Newton's method kept inside a bracket by bisection."""
    t = 0.5 * (low + high)
    for _ in range(_MOST_STEPS):
        value = slope = 0.0
        for coefficient in reversed(coefficients):
            slope = slope * t + value
            value = value * t + coefficient
        if (value < 0.0) == negative_at_low:
            low = t
        else:
            high = t
        following = t - value / slope if slope != 0.0 else low
        if not low < following < high:
            following = 0.5 * (low + high)
        # Newton's next step would be the square of this one.
        if abs(following - t) <= _LAST_STEP * abs(t):
            return following
        t = following
    return t
