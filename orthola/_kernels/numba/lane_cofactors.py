"""Inverses of eight 2 x 2, 3 x 3 or 4 x 4 matrices side by side, by cofactors.

A fraction of the work of elimination and nothing to choose, but not accurate for every
ill-conditioned matrix, which the caller has to look after.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lane_memory import after
from .lanes import muladd, reciprocal

__all__ = ["COFACTOR_ORDER", "invert_by_cofactors"]

COFACTOR_ORDER = 4  # largest order covered; the smallest is 2


@jit_part
def invert_by_cofactors(x: Any, y: Any, ld: int, n: int) -> None:
    """Y = x^-1, both with `ld` vectors per row; NaN or Inf where x is singular."""
    if n == 2:
        _invert_2(x, after(x, ld), y, after(y, ld))
    elif n == 3:
        _invert_3(x, after(x, ld), after(x, 2 * ld), y, after(y, ld), after(y, 2 * ld))
    else:
        _invert_4(x, y, ld)


@jit_part
def _minor(a: Any, b: Any, c: Any, d: Any) -> Any:
    return a * d - b * c


@jit_part
def _invert_2(a: Any, b: Any, p: Any, q: Any) -> None:
    """Rows a, b of a matrix; p, q of its inverse."""
    r = reciprocal(_minor(a[0], a[1], b[0], b[1]))
    p[0], p[1] = b[1] * r, -1.0 * a[1] * r
    q[0], q[1] = -1.0 * b[0] * r, a[0] * r


@jit_part
def _invert_3(a: Any, b: Any, c: Any, p: Any, q: Any, s: Any) -> None:
    """Rows a, b, c of a matrix; p, q, s of its inverse."""
    a0, a1, a2, b0, b1, b2, c0, c1, c2 = a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2]
    u, v, w = _minor(b1, b2, c1, c2), _minor(b2, b0, c2, c0), _minor(b0, b1, c0, c1)
    r = reciprocal(muladd(a0, u, muladd(a1, v, a2 * w)))
    p[0], q[0], s[0] = u * r, v * r, w * r
    p[1], p[2] = _minor(a2, a1, c2, c1) * r, _minor(a1, a2, b1, b2) * r
    q[1], q[2] = _minor(a0, a2, c0, c2) * r, _minor(a2, a0, b2, b0) * r
    s[1], s[2] = _minor(a1, a0, c1, c0) * r, _minor(a0, a1, b0, b1) * r


@jit_part
def _invert_4(x: Any, y: Any, ld: int) -> None:
    a0, a1, a2, a3 = _row_of_4(x)
    b0, b1, b2, b3 = _row_of_4(after(x, ld))
    c0, c1, c2, c3 = _row_of_4(after(x, 2 * ld))
    d0, d1, d2, d3 = _row_of_4(after(x, 3 * ld))
    # Laplace: minors of the upper two rows (s) and of the lower two (t), by pairs of columns.
    s01, s02, s03 = _minor(a0, a1, b0, b1), _minor(a0, a2, b0, b2), _minor(a0, a3, b0, b3)
    s12, s13, s23 = _minor(a1, a2, b1, b2), _minor(a1, a3, b1, b3), _minor(a2, a3, b2, b3)
    t01, t02, t03 = _minor(c0, c1, d0, d1), _minor(c0, c2, d0, d2), _minor(c0, c3, d0, d3)
    t12, t13, t23 = _minor(c1, c2, d1, d2), _minor(c1, c3, d1, d3), _minor(c2, c3, d2, d3)
    plus = muladd(s01, t23, muladd(s03, t12, muladd(s12, t03, s23 * t01)))
    r = reciprocal(plus - muladd(s02, t13, s13 * t02))
    m = -1.0 * r
    p = y
    p[0], p[1] = _triple(b1, b2, b3, t23, t13, t12) * r, _triple(a1, a2, a3, t23, t13, t12) * m
    p[2], p[3] = _triple(d1, d2, d3, s23, s13, s12) * r, _triple(c1, c2, c3, s23, s13, s12) * m
    p = after(y, ld)
    p[0], p[1] = _triple(b0, b2, b3, t23, t03, t02) * m, _triple(a0, a2, a3, t23, t03, t02) * r
    p[2], p[3] = _triple(d0, d2, d3, s23, s03, s02) * m, _triple(c0, c2, c3, s23, s03, s02) * r
    p = after(y, 2 * ld)
    p[0], p[1] = _triple(b0, b1, b3, t13, t03, t01) * r, _triple(a0, a1, a3, t13, t03, t01) * m
    p[2], p[3] = _triple(d0, d1, d3, s13, s03, s01) * r, _triple(c0, c1, c3, s13, s03, s01) * m
    p = after(y, 3 * ld)
    p[0], p[1] = _triple(b0, b1, b2, t12, t02, t01) * m, _triple(a0, a1, a2, t12, t02, t01) * r
    p[2], p[3] = _triple(d0, d1, d2, s12, s02, s01) * m, _triple(c0, c1, c2, s12, s02, s01) * r


@jit_part
def _row_of_4(x: Any) -> Any:
    return x[0], x[1], x[2], x[3]


@jit_part
def _triple(a: Any, b: Any, c: Any, p: Any, q: Any, s: Any) -> Any:
    """A 3 x 3 determinant from one row and the minors of the other two."""
    return muladd(a, p, c * s) - b * q
