"""U V^H of small matrices by one-sided Jacobi rotations, real or complex, eight items at a time.

Columns of W = M V are made orthogonal, two at a time (Hestenes 1958, doi:10.1137/0106005;
the rotation as in section 8.6.3 of Golub and Van Loan, Matrix Computations, 4th ed.). The singular
values are as accurate as the columns of M allow, and there is no special case to guard: closed
forms of order 2 and 3 were not faster.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lane_memory import zero
from .lanes import any_lane, conjugate, muladd, reciprocal, root, select, splat, square

__all__ = ["jacobi"]

_SWEEPS = 30
_ORTHOGONAL = 2.0**-51  # cosine of the angle between two columns, at most, per root of n
# Squared products of columns below this would lose digits. Next to ||A|| ||B||, which is about 1,
# the smaller column is nothing.
_LEAST = 2.0**-900


@jit_part
def jacobi(w: Any, v: Any, r: Any, size: Any, n: int) -> bool:
    """R = U V^H and the singular values, in no order, from the columns of M in `w`.

    Vector ``j * n + i`` of `w` and `v` is entry i of column j, and of `r` entry (j, i). `w` is
    left as U S. False if the sweeps did not end.
    """
    for j in range(n):
        for i in range(n):
            v[j * n + i] = splat(1.0 if i == j else 0.0)
    least = _ORTHOGONAL * _ORTHOGONAL * n
    for _ in range(_SWEEPS):
        for j in range(n):
            size[j] = _squared(w, j, n)
        turned = False
        for p in range(n - 1):
            for q in range(p + 1, n):
                turned |= _rotate(w, v, size, p, q, n, least)
        if not turned:
            _multiply(w, v, r, size, n)
            return True
    return False


@jit_part
def _rotate(w: Any, v: Any, size: Any, p: int, q: int, n: int, least: float) -> bool:
    inner = zero(w)
    for i in range(n):
        inner = muladd(conjugate(w[p * n + i]), w[q * n + i], inner)
    x, y, length = size[p], size[q], square(inner)
    far = (length > least * x * y) & (length > _LEAST)
    if not any_lane(far):
        return False
    one, none = splat(1.0), splat(0.0)
    length = select(far, root(length), one)
    cotangent = (y - x) / (2.0 * length)
    large = select(cotangent < 0.0, none - cotangent, cotangent)
    t = reciprocal(large + root(muladd(cotangent, cotangent, one)))
    t = select(far, select(cotangent < 0.0, none - t, t), none)
    c = reciprocal(root(muladd(t, t, one)))
    s = c * t
    # Column q times this phase has a real product with column p.
    phase = select(far, conjugate(inner) * reciprocal(length), one)
    size[p], size[q] = x - t * length, y + t * length
    for i in range(n):
        _turn(w, p * n + i, q * n + i, c, s, phase)
        _turn(v, p * n + i, q * n + i, c, s, phase)
    return True


@jit_part
def _turn(w: Any, p: int, q: int, c: Any, s: Any, phase: Any) -> None:
    x, y = w[p], w[q] * phase
    w[p] = c * x - s * y
    w[q] = muladd(s, x, c * y)


@jit_part
def _squared(w: Any, j: int, n: int) -> Any:
    total = splat(0.0)
    for i in range(n):
        total = total + square(w[j * n + i])
    return total


@jit_part
def _multiply(w: Any, v: Any, r: Any, size: Any, n: int) -> None:
    for i in range(n * n):
        r[i] = zero(r)
    for j in range(n):
        size[j] = root(_squared(w, j, n))
        up = reciprocal(size[j])
        for i in range(n):
            x = w[j * n + i] * up
            for k in range(n):
                r[i * n + k] = muladd(x, conjugate(v[j * n + k]), r[i * n + k])
