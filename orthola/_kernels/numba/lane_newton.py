"""Scaled Newton iteration for the polar factor, eight square matrices side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import jit_part
from .lane_cofactors import COFACTOR_ORDER, invert_by_cofactors
from .lane_inverse import invert
from .lanes import (
    LANES,
    any_lane,
    conjugate,
    muladd,
    reciprocal,
    root,
    select,
    splat,
    square,
    zero,
)

__all__ = ["CLOSE", "newton"]

CLOSE = 1.5e-6  # singular values end in [1, 1 + CLOSE]
_STEPS = 12  # the bound falls from 1e19 to 1 + CLOSE in 10
# Smallest pivot, relative to the Frobenius norm. An item gets the factors of another one within
# its rounding error then: an orthonormal completion where it is singular.
_PIVOT = 2.0**-54
# Elimination and cofactors lose accuracy with the condition number of some matrices, of which the
# residual tells; beyond this number they are not tried without a QR factorisation before.
_DIRECT_BELOW = 1e8


@jit_part
def newton(
    x: Any,
    xf: Any,
    y: Any,
    yf: Any,
    order: Any,
    rows: Any,
    ld: int,
    n: int,
    tolerance: float,
    direct: bool,
) -> Any:
    """Bring all singular values of x (n x n, `ld` vectors per row) into [1, 1 + CLOSE].

    X <- (gamma X + X^-H / gamma) / 2 (Higham 1986) with the factors gamma of Byers and Xu (2008,
    10.1137/070699895), which follow from the condition number alone; here from its bound in
    Frobenius norms, so the number of steps is known as soon as X^-1 is. `direct` says that x is
    an item itself and no triangular factor. `y`, `order` and `rows` are work space, `xf` and `yf`
    are x and y as float64 numbers.

    Returns the squared norm of the item; a mask of the lanes that were not too ill-conditioned
    to be done directly; and a mask of those with smallest singular value <= tolerance * largest.
    """
    half, one = splat(0.5), splat(1.0)
    for i in range(n):
        order[i] = splat(float(i))
    total = _total(x, ld, n)
    floor = total * splat(_PIVOT**2)
    by_cofactors = direct and 2 <= n <= COFACTOR_ORDER
    gamma = spread = one
    going = regular = deficient = one > one
    for step in range(_STEPS):
        if by_cofactors:
            invert_by_cofactors(x, y, ld, n)
        else:
            invert(x, xf, y, yf, order, rows, ld, n, floor)
        if step == 0:
            inverse = _total(y, ld, n)
            condition = root(total * inverse)
            regular = splat(_DIRECT_BELOW if direct else np.inf) > condition
            deficient = condition * splat(tolerance) > one
            if any_lane(deficient):
                sharp = _norm(x, ld, n, rows) * _norm(y, ld, n, rows)
                deficient = deficient & (sharp * splat(tolerance) > one)
            # The singular values of gamma x lie in [1 / spread, spread].
            gamma, spread = root(root(inverse / total)), root(condition)
            going, floor = regular, splat(_PIVOT**2)
        a, b = half * gamma, half / gamma
        for i in range(n):
            for j in range(n):
                old = x[i * ld + j]
                new = muladd(a, old, b * conjugate(y[j * ld + i]))
                x[i * ld + j] = select(going, new, old)
        bound = half * (spread + reciprocal(spread))  # now they lie in [1, bound]
        going = going & (bound > splat(1.0 + CLOSE))
        if not any_lane(going):
            break
        spread = root(bound)
        gamma = reciprocal(spread)
    if not by_cofactors:
        _restore_rows(x, xf, y, yf, order, ld, n)
    return total, regular, deficient


@jit_part
def _restore_rows(x: Any, xf: Any, y: Any, yf: Any, order: Any, ld: int, n: int) -> None:
    """Undo the row exchanges of all inversions."""
    moved = splat(0.0)
    for i in range(n):
        moved = moved + square(order[i] - splat(float(i)))
    if not any_lane(moved > splat(0.0)):
        return
    parts = xf.size // x.size
    for lane in range(LANES):
        for i in range(n):
            a = i * ld * parts * LANES + lane
            b = int(order[i * LANES + lane]) * ld * parts * LANES + lane
            for _ in range(n * parts):
                yf[b] = xf[a]
                a += LANES
                b += LANES
    for i in range(n):
        for j in range(n):
            x[i * ld + j] = y[i * ld + j]


@jit_part
def _total(x: Any, ld: int, n: int) -> Any:
    """Squared Frobenius norm."""
    total = splat(0.0)
    for i in range(n):
        for j in range(n):
            total = total + square(x[i * ld + j])
    return total


@jit_part
def _norm(x: Any, ld: int, n: int, rows: Any) -> Any:
    """Spectral norm, estimated from below by power steps from a vector without symmetry."""
    for j in range(n):
        rows[j] = splat(1.0 / (1.0 + 0.618 * j))
    norm = splat(0.0)
    for _ in range(4):
        size = splat(0.0)
        for i in range(n):
            v = zero(x)
            for j in range(n):
                v = muladd(x[i * ld + j], rows[j], v)
            rows[ld + i] = v
            size = size + square(v)
        scale = reciprocal(root(size))
        size = splat(0.0)
        for j in range(n):
            v = zero(x)
            for i in range(n):
                v = muladd(conjugate(x[i * ld + j]), rows[ld + i] * scale, v)
            rows[j] = v
            size = size + square(v)
        norm = root(size)
        scale = reciprocal(norm)
        for j in range(n):
            rows[j] = rows[j] * scale
    return norm
