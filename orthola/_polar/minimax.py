"""Odd polynomials that map an interval as close to 1 as their degree allows, and their chain.

The chain of such polynomials is the Polar Express schedule of Amsel, Persson, Musco and Gower
(arXiv:2505.16932). It is generated here for every odd degree from 3 to 9, in Python floats, with
coefficients accurate to a few units in the last place on every interval, however narrow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from .roots import horner, sign_changes

__all__ = ["CLASSIC", "MinimaxStep", "minimax_odd", "minimax_steps"]

# Newton-Schulz polynomials of order q + 1 in 1 - x^2 (Kenney and Laub 1991, doi:10.1137/0612020).
CLASSIC: dict[int, tuple[float, ...]] = {
    3: (1.5, -0.5),
    5: (1.875, -1.25, 0.375),
    7: (2.1875, -2.1875, 1.3125, -0.3125),
    9: (2.4609375, -3.28125, 2.953125, -1.40625, 0.2734375),
}
# |1 - p(1 - d)| ~ constant * d^(q + 1) for those.
_CLASSIC_DEFECT = {3: 1.5, 5: 2.5, 7: 4.375, 9: 7.875}

_UNIT_ROUNDOFF = 2.0**-53
_MOST_EXCHANGES = 30  # quadratic convergence: 2 to 8 are used


class MinimaxStep(NamedTuple):
    """One link of the chain: the polynomial and the interval it maps onto."""

    coefficients: tuple[float, ...]  # of x, x^3, x^5, ...
    lower: float  # image is [lower, 2 - lower]


def minimax_steps(lower: float, *, degree: int, cushion: float) -> Iterator[MinimaxStep]:
    """Yield the minimax chain from ``[lower, 1]`` without end.

    Parameters
    ----------
    lower : float
        Start of the interval, in ``(0, 1]``.
    degree : {3, 5, 7, 9}
        Degree of every polynomial.
    cushion : float
        Each polynomial is optimal on ``[max(l, cushion*h), h]`` instead of ``[l, h]``, which
        bounds how small p(x)/x gets and so how much rounding is amplified; it is then
        multiplied by one number that centres the image of all of ``[l, h]`` about 1.

    Yields
    ------
    MinimaxStep
        Coefficients, and the lower end of the interval after the step.
    """
    low, high = lower, 1.0
    while True:
        q = degree // 2
        defect = _CLASSIC_DEFECT[degree] * (1.0 - low) ** (q + 1)
        if defect <= _UNIT_ROUNDOFF:
            # Two polynomials that differ by less than rounding: take the one without error in it.
            coefficients = CLASSIC[degree]
            low = 1.0 - defect
        else:
            # Scaled to [rho, 1], so that all cushioned steps share one solution.
            unit, error = minimax_odd(max(low / high, cushion), degree)
            raw = tuple(c / high ** (2 * j + 1) for j, c in enumerate(unit))
            start = _odd_value(raw, low)
            # p maps [low, high] onto [p(low), 1 + error]; centre it. The maximum is 1 + error for
            # every degree, but it is p(high) only for even q.
            factor = 2.0 / (start + 1.0 + error)
            coefficients = tuple(factor * c for c in raw)
            low = factor * start
        high = 2.0 - low
        yield MinimaxStep(coefficients, low)


@lru_cache(maxsize=256)
def minimax_odd(lower: float, degree: int) -> tuple[tuple[float, ...], float]:
    """Best odd polynomial for the constant 1 on ``[lower, 1]``, and its error.

    Parameters
    ----------
    lower : float
        In ``(0, 1)``.
    degree : {3, 5, 7, 9}
        Degree 2q+1 of the polynomial.

    Returns
    -------
    coefficients : tuple of float
        Of x, x^3, ..., x^(2q+1).
    error : float
        max |1 - p(x)| on the interval, reached at q+2 points with alternating sign.

    Notes
    -----
    Remez exchange. The levelled polynomial on a reference x_0 > ... > x_(q+1) is found by divided
    differences in y = x^2 instead of a linear system: p(x) = x r(y) and p(x_i) = 1 -+ E mean that
    r interpolates f - E g with f = y^(-1/2) and g(y_i) = +-1/x_i. The differences of f have a form
    without subtraction of near numbers and those of g are sums of one sign, so that the
    coefficients keep their relative accuracy when the interval shrinks to a point, where the
    linear system would lose (1 - lower)^(-q) of it.
    """
    q = degree // 2
    middle, half = 0.5 * (1.0 + lower), 0.5 * (1.0 - lower)
    # Chebyshev points, descending: the largest first keeps 1/lower out of the coefficients.
    points = [middle + half * math.cos(math.pi * i / (q + 1)) for i in range(q + 2)]
    points[0], points[-1] = 1.0, lower
    coefficients, error = _levelled(points)
    for _ in range(_MOST_EXCHANGES):
        stationary = sign_changes(
            [(2 * j + 1) * c for j, c in enumerate(coefficients)], lower * lower, 1.0
        )
        if len(stationary) != q:  # only by rounding, with an error that rounding hides as well
            break
        interior = [math.sqrt(y) for y in reversed(stationary)]
        moved = max(abs(new - old) for new, old in zip(interior, points[1:-1], strict=True))
        points[1:-1] = interior
        coefficients, error = _levelled(points)
        # The points converge quadratically and the polynomial follows their error squared; once
        # its error is rounding, rounding decides where the points go.
        if moved <= 1e-5 * half or error <= _UNIT_ROUNDOFF:
            break
    return coefficients, error


def _levelled(points: Sequence[float]) -> tuple[tuple[float, ...], float]:
    """Odd p with p(x) - 1 of one size and alternating sign on descending points; and that size."""
    n = len(points)
    squares = [x * x for x in points]
    smooth = [_inverse_root_difference(points[: k + 1]) for k in range(n)]
    zigzag = [_alternating_difference(points, squares, k + 1) for k in range(n)]
    error = smooth[-1] / zigzag[-1]  # r has degree q: its difference of order q + 1 is zero
    newton = [f - error * g for f, g in zip(smooth[:-1], zigzag[:-1], strict=True)]
    coefficients = [newton[-1]]
    for k in range(n - 3, -1, -1):  # from Newton's form to powers of y
        shifted = [0.0, *coefficients]
        for j, c in enumerate(coefficients):
            shifted[j] -= squares[k] * c
        shifted[0] += newton[k]
        coefficients = shifted
    return tuple(coefficients), abs(error)


def _inverse_root_difference(points: Sequence[float]) -> float:
    """Divided difference of y^(-1/2) at y_i = x_i^2, for positive x_i, equal ones allowed.

    With y^(-1/2) = (2/pi) int dt/(t^2 + y) it is (-1)^k (2/pi) int dt/prod(t^2 + x_i^2), the
    energy of the stable system 1/prod(s + x_i). Routh's array of that product gives it as
    (-1)^k / (R_(n-1) R_n) with R_n its last two leading entries.
    """
    product = [1.0]
    for x in points:  # coefficients of prod(s + x_i), highest power first
        product = [a + x * b for a, b in zip([*product, 0.0], [0.0, *product], strict=True)]
    upper, lower = product[0::2], product[1::2]
    for _ in range(len(points) - 2):
        ratio = upper[0] / lower[0]
        padded = [*lower[1:], 0.0]
        upper, lower = lower, [a - ratio * b for a, b in zip(upper[1:], padded, strict=False)]
    leading = lower[0] if len(points) > 1 else upper[0]
    return (-1.0) ** (len(points) - 1) / (leading * math.prod(points))


def _alternating_difference(points: Sequence[float], squares: Sequence[float], count: int) -> float:
    """Divided difference of the values (-1)^i / x_i over the first points: one sign throughout."""
    total = 0.0
    for i in range(count):
        denominator = points[i]
        for j in range(count):
            if j != i:
                denominator *= (points[i] - points[j]) * (points[i] + points[j])
        total += (-1.0) ** i / denominator
    return total


def _odd_value(coefficients: Sequence[float], x: float) -> float:
    return x * horner(coefficients, x * x)
