"""Images of intervals under a chain of scalar maps: what a schedule does to singular values.

A map is a row of coefficients: an odd polynomial in x, or, if `rational`, the three weights of
f(x) = x (a + b x^2)/(1 + c x^2). The image of an interval under a continuous map is an interval
whose ends are values at the ends and at stationary points, so composing images loses nothing.
Values are taken in 40-digit decimals: a polynomial such as 8.3 x - 23.6 x^3 + 17.3 x^5 cancels
almost completely near its minimum, and later steps amplify what floats would lose there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from functools import lru_cache

from .roots import horner, sign_changes

__all__ = ["extend", "outward", "reach", "step_value"]

Row = tuple[float, ...]
Interval = tuple[Decimal, Decimal]

_DIGITS = Context(prec=40)
_HUGE = Decimal("1e300")
_INFINITY = Decimal("Infinity")
_EPS = 2.0**-52


def step_value(row: Row, x: float, *, rational: bool) -> float:
    """Value of one map at a float."""
    y = x * x
    if rational:
        a, b, c = row
        return x * ((a + b * y) / (1.0 + c * y))
    return x * horner(row, y)


def extend(image: Interval, row: Row, *, rational: bool) -> Interval:
    """Image of an interval under one more map, exact to 38 digits; all numbers once it explodes."""
    low, high = image
    if max(-low, high) > _HUGE:
        return -_INFINITY, _INFINITY
    with localcontext(_DIGITS):
        inside = [Decimal(x) for x in _stationary(row, rational)]
        candidates = [low, high, *(s for x in inside for s in (-x, x) if low < s < high)]
        values = [_decimal_value(row, x, rational) for x in candidates]
    return min(values), max(values)


def outward(image: Interval, steps: int) -> tuple[float, float]:
    """Floats around an image, 4 units in the last place a step further out than they need be.

    The allowance covers the rounding of the decimals many times over. It is not an allowance
    for the rounding of an evaluation in some floating point format.
    """
    low, high = float(image[0]), float(image[1])
    allowance = 4.0 * max(steps, 1) * _EPS
    return low - allowance * abs(low), high + allowance * abs(high)


def reach(rows: Sequence[Row], top: float, *, rational: bool) -> float:
    """Largest x for which the chain maps all of ``[0, x]`` into ``[0, top]``."""
    for row in reversed(rows):
        top = _reach_of_one(row, top, rational)
    return top


@lru_cache(maxsize=1024)
def _stationary(row: Row, rational: bool) -> tuple[float, ...]:
    """Positive x where one map has an extremum, ascending."""
    if rational:
        a, b, c = row
        slope = [a, 3.0 * b - a * c, b * c]  # numerator of f', in powers of x^2
    else:
        slope = [(2 * j + 1) * coefficient for j, coefficient in enumerate(row)]
    # Cauchy's bound of the roots.
    bound = 1.0 + max(abs(s) for s in slope) / abs(slope[-1])
    return tuple(math.sqrt(y) for y in sign_changes(slope, 0.0, bound))


def _decimal_value(row: Row, x: Decimal, rational: bool) -> Decimal:
    y = x * x
    if rational:
        a, b, c = map(Decimal, row)
        return x * (a + b * y) / (1 + c * y)
    value = Decimal(0)
    for coefficient in reversed(row):
        value = value * y + Decimal(coefficient)
    return x * value


def _reach_of_one(row: Row, top: float, rational: bool) -> float:
    """Largest x for which one map takes all of ``[0, x]`` into ``[0, top]``."""
    low, step = 0.0, 1.0
    for x in _stationary(row, rational):
        if not 0.0 <= step_value(row, x, rational=rational) <= top:
            return _bisect(row, top, low, x, rational)
        low, step = x, x
    while 0.0 <= step_value(row, low + step, rational=rational) <= top:  # monotone from here on
        low, step = low + step, 2.0 * step
    return _bisect(row, top, low, low + step, rational)


def _bisect(row: Row, top: float, inside: float, outside: float, rational: bool) -> float:
    while (middle := 0.5 * (inside + outside)) not in (inside, outside):
        if 0.0 <= step_value(row, middle, rational=rational) <= top:
            inside = middle
        else:
            outside = middle
    return inside
