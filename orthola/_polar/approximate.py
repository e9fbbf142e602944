"""Odd polynomials of the singular values, U S V^H -> U p(S) V^H: the text of `orthogonalize`.

Two forms of the same map. Direct: X <- X p(X^H X) in every step. Gram form, for tall X: the n x n
matrix R = X^H X and the product Q of all polynomials are carried instead of X, and X is touched
once per segment (all these n x n matrices commute).
"""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

from .._core.linalg import Products, sums_of_squares, wide
from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space

__all__ = ["approximate", "direct", "gram_form", "gram_segments"]

Coefficients = tuple[tuple[float, ...], ...]

# Half of what is stated: what the errors of R may do to the result, in double and in single.
_ALLOWANCE = (5e-13, 1e-4)


def approximate(
    space: Space,
    x: Any,
    ops: Products,
    coefficients: Coefficients,
    *,
    segments: tuple[int, ...] | None,
) -> Any:
    """Apply the schedule to tall items of any scale; `segments` None is the direct form.

    `space` is the precision of the norm, at least float32; `ops` calculates, possibly in half.
    """
    xp = space.xp
    size = largest_entry(space, x)
    usable = xp.isfinite(size)
    regular = usable & (size > 0)
    exponent = power_of_two_exponent(space, xp.where(regular, size, xp.ones_like(size)))
    x = scale_by_power_of_two(space, x, -exponent)
    x = xp.where(wide(usable), x, xp.full_like(x, float("nan")))
    # An upper bound of sigma_1: rounding of the sum must not leave a value above 1.
    norm = xp.sqrt(sums_of_squares(xp, x)) * (1.0 + x.shape[-1] * space.eps)
    x = x * wide(1 / xp.where(regular, norm, xp.ones_like(norm)))
    x = ops.load(xp.astype(x, ops.space.dtype, copy=False))
    if segments is None:
        return direct(x, ops, coefficients)
    return gram_form(x, ops, coefficients, segments)


def direct(x: Any, ops: Products, coefficients: Coefficients) -> Any:
    """X <- c0 X + X (c1 G + c2 G^2 + ...), G = X^H X, once per row of coefficients."""
    for c0, *rest in coefficients:
        x = ops.multiply_add(x, ops.gram_tail(x, tuple(rest)), 1.0, c0)
    return x


def gram_segments(coefficients: Coefficients, unit_roundoff: float) -> tuple[int, ...]:
    """Numbers of steps that one Gram matrix R serves, before it is formed anew from X.

    R has an error of u ||R||, which may make it indefinite, and every step multiplies a small
    eigenvalue, right or wrong, by the square of its slope at 0. So the slopes of a segment are
    limited; without a limit ten steps explode on a matrix of low rank.
    """
    limit = (_ALLOWANCE[unit_roundoff > 1e-10] / unit_roundoff) ** 0.5
    lengths: list[int] = []
    slope = math.inf
    for c0, *_ in coefficients:
        slope *= abs(c0)
        if slope <= limit:
            lengths[-1] += 1
        else:
            lengths.append(1)
            slope = abs(c0)
    return tuple(lengths)


def gram_form(x: Any, ops: Products, coefficients: Coefficients, segments: tuple[int, ...]) -> Any:
    """The same map through n x n matrices, R formed anew for each of the segments."""
    small = ops.small()
    rest_of = iter(coefficients)
    for length in segments:
        rows = tuple(islice(rest_of, length))
        r = ops.full(ops.gram(x))
        q = None
        for c0, *rest in rows[:-1]:
            s = small.tail(small.full(r), tuple(rest))
            # P = c0 I + S; R <- P R P as (c0 PR + PR S), PR = c0 R + S R.
            q = small.shifted(s, c0) if q is None else small.multiply_add(q, s, 1.0, c0)
            r = small.multiply_add(small.multiply_add(r, s, 1.0, c0), s, 1.0, c0)
        c0, *rest = rows[-1]
        s = small.tail(r, tuple(rest))
        q = small.shifted(s, c0) if q is None else small.multiply_add(q, s, 1.0, c0)
        x = ops.times(x, q)
    return x
