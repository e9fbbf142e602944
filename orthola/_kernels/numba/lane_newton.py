"""Scaled Newton iteration for the polar factor, eight square matrices side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import jit_part
from .lane_cofactors import COFACTOR_ORDER, invert_by_cofactors
from .lane_inverse import invert
from .lane_memory import after, as_numbers, parts_of, zero
from .lanes import LANES, any_lane, conjugate, muladd, reciprocal, root, select, splat, square

__all__ = ["CLOSE", "newton"]

CLOSE = 1.5e-6  # singular values end in [1, 1 + CLOSE]
_STEPS = 12  # the bound falls from 1e19 to 1 + CLOSE in 10
# Smallest pivot, relative to the Frobenius norm. An item then gets the factors of another one
# within its rounding error: an orthonormal completion where it is singular.
_PIVOT = 2.0**-54
# Inverses lose accuracy with the condition number, for some matrices; the residual tells. Beyond
# this number nothing is tried without a QR factorisation before.
_DIRECT_BELOW = 1e8


@jit_part
def newton(
    x: Any, y: Any, order: Any, rows: Any, ld: int, n: int, tolerance: float, direct: bool
) -> Any:
    """Bring all singular values of x (n x n, `ld` vectors per row) into [1, 1 + CLOSE].

    X <- (gamma X + X^-H / gamma) / 2 (Higham 1986, 10.1137/0907079), with the gamma of Byers and
    Xu (2008, 10.1137/070699895), which follow from the condition number alone. Here it is
    bounded by Frobenius norms, so the course of the iteration is known with the first inverse.
    `direct` says that x is an item itself, not a triangular factor. `y`, `order` and `rows` are
    work space for `invert`.

    Returns the squared norm of the item; a mask of the lanes in which the iteration was run; and
    a mask of those with smallest singular value <= tolerance * largest.
    """
    total = _total(x, ld, n)
    floor = total * _PIVOT**2
    by_cofactors = direct and 2 <= n <= COFACTOR_ORDER
    for i in range(n):
        order[i] = float(i)
    gamma = spread = splat(1.0)
    going = regular = deficient = gamma > gamma
    for step in range(_STEPS):
        if by_cofactors:
            invert_by_cofactors(x, y, ld, n)
        else:
            invert(x, y, order, rows, ld, n, floor)
        if step == 0:
            inverse = _total(y, ld, n)
            condition = root(total * inverse)
            going = regular = condition < (_DIRECT_BELOW if direct else np.inf)
            deficient = condition * tolerance > 1.0
            if any_lane(deficient):
                sharp = _norm(x, rows, ld, n) * _norm(y, rows, ld, n)
                deficient = deficient & (sharp * tolerance > 1.0)
            # The singular values of gamma x lie in [1 / spread, spread] ...
            gamma, spread = root(root(inverse / total)), root(condition)
            floor = splat(_PIVOT**2)
        a, b = 0.5 * gamma, 0.5 / gamma
        for i in range(n):
            for j in range(n):
                old = x[i * ld + j]
                new = muladd(a, old, b * conjugate(y[j * ld + i]))
                x[i * ld + j] = select(going, new, old)
        bound = 0.5 * (spread + reciprocal(spread))  # ... and now in [1, bound].
        going = going & (bound > 1.0 + CLOSE)
        if not any_lane(going):
            break
        spread = root(bound)
        gamma = reciprocal(spread)
    if not by_cofactors:
        _restore_rows(x, y, order, ld, n)
    return total, regular, deficient


@jit_part
def _restore_rows(x: Any, y: Any, order: Any, ld: int, n: int) -> None:
    """Undo the row exchanges of all inversions."""
    parts = parts_of(x)
    for lane in range(LANES):
        for i in range(n):
            to = int(as_numbers(order)[i * LANES + lane])
            source = as_numbers(after(x, i * ld))
            target = as_numbers(after(y, to * ld))
            at = lane
            for _ in range(n * parts):
                target[at] = source[at]
                at += LANES
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
def _norm(x: Any, rows: Any, ld: int, n: int) -> Any:
    """Spectral norm, estimated from below by power steps from a vector without symmetry."""
    v, w = rows, after(rows, ld)
    for j in range(n):
        v[j] = 1.0 / (1.0 + 0.618 * j)
    norm = splat(0.0)
    for _ in range(4):
        size = splat(0.0)
        for i in range(n):
            s = zero(x)
            for j in range(n):
                s = muladd(x[i * ld + j], v[j], s)
            w[i] = s
            size = size + square(s)
        scale = reciprocal(root(size))
        size = splat(0.0)
        for j in range(n):
            s = zero(x)
            for i in range(n):
                s = muladd(conjugate(x[i * ld + j]), w[i] * scale, s)
            v[j] = s
            size = size + square(s)
        norm = root(size)
        for j in range(n):
            v[j] = v[j] * reciprocal(norm)
    return norm
