"""Weights of the dynamically weighted Halley map f(x) = x (a + b x^2) / (1 + c x^2).

Nakatsukasa, Bai and Gygi (2010), doi:10.1137/090774999: for x in [l, 1] they make f(l) as large as
possible under f <= 1, so that f([l, 1]) = [f(l), 1]. The cap bounds c, and with it the condition
1 + c of the matrix I + c X^H X that a Cholesky factorization sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["HalleyCap", "halley_cap", "halley_steps", "halley_value", "halley_weights"]


def _positive_part(t: float) -> float:
    return max(t, 0.0)


def halley_weights(
    lower: Any,
    *,
    sqrt: Callable[[Any], Any] = math.sqrt,
    cbrt: Callable[[Any], Any] = math.cbrt,
    positive: Callable[[Any], Any] = _positive_part,
) -> tuple[Any, Any, Any]:
    """Optimal weights for the interval ``[lower, 1]``.

    Parameters
    ----------
    lower : float or array
        Lower bound l of the interval, in (0, 1]; above about 1e-77 in double precision, where
        l^4 stays in range.
    sqrt, cbrt, positive : callable, optional
        Square root, cube root and max(t, 0) for whatever `lower` is; the functions of the
        standard library by default. With those of an array library the same text runs on arrays.

    Returns
    -------
    a, b, c : like `lower`
        The weights, with c = a + b - 1, so that f(1) = 1; (3, 1, 3) at ``lower = 1``. Relative
        error at most 2e-15 in double precision.

    Notes
    -----
    With d = (4 (1 - l^2) / l^4)^(1/3) and s = sqrt(1 + d) the published
    a = s + sqrt(2 - d + 2 (2 - l^2)/(l^2 s)) is used, with 1 - l^2 as a product. Its second root
    loses a factor of about three, not more, and b = (a - 1)^2 / 4.

    References
    ----------
    Nakatsukasa, Bai, Gygi (2010), Optimizing Halley's iteration for computing the matrix polar
    decomposition, doi:10.1137/090774999.
    """
    square = lower * lower
    # A bound of 1 may have been rounded upwards.
    d = cbrt(4.0 * positive((1.0 - lower) * (1.0 + lower)) / (square * square))
    s = sqrt(1.0 + d)
    a = s + sqrt(positive(2.0 - d + 2.0 * (2.0 - square) / (square * s)))
    b = 0.25 * (a - 1.0) * (a - 1.0)
    return a, b, a + b - 1.0


def halley_value(x: Any, weights: tuple[Any, Any, Any]) -> Any:
    """f(x) for a number or an array x."""
    a, b, c = weights
    y = x * x
    return x * ((a + b * y) / (1.0 + c * y))


class HalleyCap(NamedTuple):
    """Weights at which c reaches its cap, and the lower bound they belong to."""

    a: float
    b: float
    c: float
    threshold: float  # l_C: the optimal weights for [l, 1] have c <= cap iff l >= l_C
    image: float  # f(l_C) with these weights


@lru_cache(maxsize=64)
def halley_cap(cap: float) -> HalleyCap:
    """Closed forms for the optimal weights with a given c.

    Parameters
    ----------
    cap : float
        Largest c allowed, from 3 (Halley's own weights, for l = 1) up. At infinity the cap is
        void: the threshold is then a bound for which the weights still stay in range.

    Returns
    -------
    HalleyCap

    Notes
    -----
    With w = sqrt(c + 1), c = a + b - 1 and b = (a - 1)^2/4 give a = 2 w - 1 and b = (w - 1)^2.
    f then has its maximum 1 at x^2 = 1/(w - 1)^2 and its minimum at x^2 = a/c, and l is the other
    point where it takes that minimum. Nothing cancels in the resulting l_C = sqrt(a/c)/(w - 1)
    and f(l_C) = a sqrt(a/c)/(w + 1).
    """
    if not cap >= 3.0:
        raise ValueError(f"halley_cap: expected cap >= 3, the c of Halley's own map, got {cap!r}")
    if math.isinf(cap):
        return HalleyCap(math.inf, math.inf, math.inf, _SMALLEST, 0.0)
    w = math.sqrt(cap + 1.0)
    a = 2.0 * w - 1.0
    root = math.sqrt(a / cap)
    return HalleyCap(
        a, cap + 1.0 - a, float(cap), min(root / (w - 1.0), 1.0), min(root * a / (w + 1.0), 1.0)
    )


_SMALLEST = 1e-70  # its fourth power is a normal double


def halley_steps(lower: float, *, cap: float) -> Iterator[tuple[tuple[float, ...], float]]:
    """Yield capped weights and the lower bound after each step, without end."""
    threshold = halley_cap(cap).threshold
    while True:
        weights = halley_weights(max(lower, threshold))
        lower = min(halley_value(lower, weights), 1.0)
        yield weights, lower
