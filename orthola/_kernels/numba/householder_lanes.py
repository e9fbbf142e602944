"""Householder reflectors on small matrices, eight side by side, one reflector after the other.

Matrices are stored by rows: V is m x k with explicit entries, X is m x p.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lane_memory import after, as_real, parts_of, zero
from .lanes import conjugate, muladd, power_of_two, reciprocal, select, splat, square

__all__ = ["explicit_columns", "reflect"]


@jit_part
def explicit_columns(
    v: Any, tau: Any, scale: Any, m: int, k: int, packed: bool, tied: bool
) -> None:
    """Ones and zeros that packing leaves out; tau = 2/||v||^2 if it is asked, of scaled columns.

    `scale` are the powers of two by which the columns were multiplied.
    """
    if packed:
        for i in range(min(m, k)):
            for j in range(i, k):
                v[i * k + j] = 0.0
            v[i * k + i] = 1.0
    if not tied:
        return
    numbers, parts = as_real(v), parts_of(v)
    for j in range(k):
        largest = splat(0.0)
        for i in range(m):
            for part in range(parts):
                size = numbers[(i * k + j) * parts + part]
                size = select(size > 0.0, size, 0.0 - size)
                largest = select(size > largest, size, largest)
        up = reciprocal(power_of_two(largest))
        norm2 = splat(0.0)
        for i in range(m):
            v[i * k + j] = v[i * k + j] * up
            norm2 = norm2 + square(v[i * k + j])
        # Zero columns have tau = 0; NaN is neither above nor below anything.
        tau[j] = select(norm2 > 0.0, 2.0 * reciprocal(norm2), select(norm2 < 1.0, 0.0, norm2))
        scale[j] = up


@jit_part
def reflect(
    v: Any, tau: Any, x: Any, m: int, k: int, p: int, trapezoid: bool, adjoint: bool, fresh: bool
) -> None:
    """Overwrite X by Q X or Q^H X; `fresh`: X = E, so that column j is still that of I before H_j.

    The last is of use for trapezoidal V and Q alone.
    """
    for number in range(k):
        j = number if adjoint else k - 1 - number
        factor = 0.0 - (conjugate(tau[j]) if adjoint else tau[j])
        top = j if trapezoid else 0
        c = j if trapezoid and fresh else 0
        while c + 4 <= p:
            a0 = a1 = a2 = a3 = zero(x)
            for i in range(top, m):
                s, row = conjugate(v[i * k + j]), after(x, i * p + c)
                a0, a1 = muladd(s, row[0], a0), muladd(s, row[1], a1)
                a2, a3 = muladd(s, row[2], a2), muladd(s, row[3], a3)
            a0, a1, a2, a3 = factor * a0, factor * a1, factor * a2, factor * a3
            for i in range(top, m):
                s, row = v[i * k + j], after(x, i * p + c)
                row[0], row[1] = muladd(s, a0, row[0]), muladd(s, a1, row[1])
                row[2], row[3] = muladd(s, a2, row[2]), muladd(s, a3, row[3])
            c += 4
        while c < p:
            a0 = zero(x)
            for i in range(top, m):
                a0 = muladd(conjugate(v[i * k + j]), x[i * p + c], a0)
            a0 = factor * a0
            for i in range(top, m):
                x[i * p + c] = muladd(v[i * k + j], a0, x[i * p + c])
            c += 1
