"""Inverses of eight 2 x 2, 3 x 3 or 4 x 4 matrices side by side, by cofactors.

A fraction of the work of elimination, without choices; accurate while the condition number is
far below 1 / eps, which the caller has to see to.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lanes import muladd, reciprocal, zero

__all__ = ["COFACTOR_ORDER", "invert_by_cofactors"]

COFACTOR_ORDER = 4  # the largest order covered; the smallest is 2


@jit_part
def invert_by_cofactors(x: Any, y: Any, ld: int, n: int) -> None:
    """Y = x^-1; NaN or Inf where x is singular."""
    if n == 2:
        _invert_2(x, y, ld)
    elif n == 3:
        _invert_3(x, y, ld)
    else:
        _invert_4(x, y, ld)


@jit_part
def _minor(a: Any, b: Any, c: Any, d: Any) -> Any:
    """The determinant a d - b c."""
    return a * d - b * c


@jit_part
def _invert_2(x: Any, y: Any, ld: int) -> None:
    a, b = x[0], x[1]
    c, d = x[ld], x[ld + 1]
    r = reciprocal(_minor(a, b, c, d))
    m = zero(x) - r
    y[0] = d * r
    y[1] = b * m
    y[ld] = c * m
    y[ld + 1] = a * r


@jit_part
def _invert_3(x: Any, y: Any, ld: int) -> None:
    a, b, c = x[0], x[1], x[2]
    d, e, f = x[ld], x[ld + 1], x[ld + 2]
    g, h, i = x[2 * ld], x[2 * ld + 1], x[2 * ld + 2]
    p, q, s = _minor(e, f, h, i), _minor(f, d, i, g), _minor(d, e, g, h)
    r = reciprocal(muladd(a, p, muladd(b, q, c * s)))
    y[0] = p * r
    y[ld] = q * r
    y[2 * ld] = s * r
    y[1] = _minor(c, b, i, h) * r
    y[ld + 1] = _minor(a, c, g, i) * r
    y[2 * ld + 1] = _minor(b, a, h, g) * r
    y[2] = _minor(b, c, e, f) * r
    y[ld + 2] = _minor(c, a, f, d) * r
    y[2 * ld + 2] = _minor(a, b, d, e) * r


@jit_part
def _invert_4(x: Any, y: Any, ld: int) -> None:
    a0, a1, a2, a3 = x[0], x[1], x[2], x[3]
    b0, b1, b2, b3 = x[ld], x[ld + 1], x[ld + 2], x[ld + 3]
    at = 2 * ld
    c0, c1, c2, c3 = x[at], x[at + 1], x[at + 2], x[at + 3]
    at = 3 * ld
    d0, d1, d2, d3 = x[at], x[at + 1], x[at + 2], x[at + 3]
    # Minors of the upper two rows (s) and the lower two (t), by pairs of columns (Laplace).
    s01, s02, s03 = _minor(a0, a1, b0, b1), _minor(a0, a2, b0, b2), _minor(a0, a3, b0, b3)
    s12, s13, s23 = _minor(a1, a2, b1, b2), _minor(a1, a3, b1, b3), _minor(a2, a3, b2, b3)
    t01, t02, t03 = _minor(c0, c1, d0, d1), _minor(c0, c2, d0, d2), _minor(c0, c3, d0, d3)
    t12, t13, t23 = _minor(c1, c2, d1, d2), _minor(c1, c3, d1, d3), _minor(c2, c3, d2, d3)
    plus = muladd(s01, t23, muladd(s03, t12, muladd(s12, t03, s23 * t01)))
    r = reciprocal(plus - muladd(s02, t13, s13 * t02))
    m = zero(x) - r
    y[0] = _triple(b1, b2, b3, t23, t13, t12) * r
    y[1] = _triple(a1, a2, a3, t23, t13, t12) * m
    y[2] = _triple(d1, d2, d3, s23, s13, s12) * r
    y[3] = _triple(c1, c2, c3, s23, s13, s12) * m
    at = ld
    y[at] = _triple(b0, b2, b3, t23, t03, t02) * m
    y[at + 1] = _triple(a0, a2, a3, t23, t03, t02) * r
    y[at + 2] = _triple(d0, d2, d3, s23, s03, s02) * m
    y[at + 3] = _triple(c0, c2, c3, s23, s03, s02) * r
    at = 2 * ld
    y[at] = _triple(b0, b1, b3, t13, t03, t01) * r
    y[at + 1] = _triple(a0, a1, a3, t13, t03, t01) * m
    y[at + 2] = _triple(d0, d1, d3, s13, s03, s01) * r
    y[at + 3] = _triple(c0, c1, c3, s13, s03, s01) * m
    at = 3 * ld
    y[at] = _triple(b0, b1, b2, t12, t02, t01) * m
    y[at + 1] = _triple(a0, a1, a2, t12, t02, t01) * r
    y[at + 2] = _triple(d0, d1, d2, s12, s02, s01) * m
    y[at + 3] = _triple(c0, c1, c2, s12, s02, s01) * r


@jit_part
def _triple(a: Any, b: Any, c: Any, p: Any, q: Any, s: Any) -> Any:
    """A 3 x 3 determinant from a row and the minors of the other two."""
    return muladd(a, p, c * s) - b * q
