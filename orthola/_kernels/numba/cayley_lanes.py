"""The Cayley map and its inverse, eight small matrices side by side.

Both are one Moebius map: C = 2 (I - T)^-1 - I, and T = I - 2 (I + C)^-1.
"""

from __future__ import annotations

from typing import Any

from .jit import jit, jit_part
from .lane_inverse import PANEL, invert, invert_with_signs
from .lane_items import load, take
from .lane_memory import after, as_numbers, as_real, memory, parts_of, zero
from .lane_products import add_product, adjoint_product
from .lanes import LANES, any_lane, conjugate, muladd, real_part, root, select, splat, square

__all__ = ["cayley_chunk", "inverse_chunk", "workspace_vectors"]

_U = 2.0**-53
_LOST = 0.1  # ||C^H C - I||_F before the polish, above which C is not what is asked for
_POLISHES = 4  # enough from there
# A zero pivot, which only signs that were given can bring about, becomes this: T is then huge.
_PIVOT = 2.0**-60


def workspace_vectors(n: int) -> int:
    """Vectors of work space that the chunks need."""
    return (3 * n + PANEL) * (n | 1) + 2 * n + 1


@jit
def cayley_chunk(
    a: Any,
    q: Any,
    signs: Any,
    lost: Any,
    half: float,
    calm: float,
    work: Any,
    start: int,
    stop: int,
) -> None:
    """Items `start` to `stop` of C-contiguous stacks, complex ones seen as real.

    `signs` are rows of one line each; `half` is the scale / 2. The dtype of `work` says whether
    numbers are pairs. Items with ||T||_F > `calm` are polished, or marked as lost.
    """
    n = a.shape[1]
    ld = n | 1  # an odd number of vectors per row: columns fall on different cache sets
    x = memory(work)
    y = after(x, n * ld)
    w = after(y, n * ld)
    rows = after(w, n * ld)
    d = after(rows, PANEL * ld)
    order = as_real(after(d, n))
    for first in range(start, stop, LANES):
        load(a, first, stop, y, ld)
        load(signs, first, stop, d, n)
        size, poison = splat(0.0), zero(y)  # poison becomes NaN where an entry is not finite
        for i in range(n):
            for j in range(n):
                t = half * y[i * ld + j] - half * conjugate(y[j * ld + i])
                size = size + square(t)
                poison = muladd(0.0, t, poison)
                x[i * ld + j] = zero(y) - t
            x[i * ld + i] = x[i * ld + i] + 1.0
        _inverse(x, y, order, rows, ld, n)
        for i in range(n):
            for j in range(n):
                y[i * ld + j] = muladd(2.0, y[i * ld + j], poison)
            y[i * ld + i] = y[i * ld + i] - 1.0
        loud = size > calm * calm
        if any_lane(loud):
            rows[0] = _polish(y, x, w, loud, ld, n)
            for lane in range(min(LANES, stop - first)):
                lost[first + lane] = as_numbers(rows)[lane] > 0.0
        for i in range(n):
            for j in range(n):
                y[i * ld + j] = d[i] * y[i * ld + j]
        for lane in range(min(LANES, stop - first)):
            take(q, first + lane, as_numbers(y), ld * parts_of(y), lane)


@jit
def inverse_chunk(
    q: Any, t: Any, signs: Any, norms: Any, chosen: bool, work: Any, start: int, stop: int
) -> None:
    """The way back. `signs` are written if they are `chosen` here, else read."""
    n = q.shape[1]
    ld = n | 1
    x = memory(work)
    y = after(x, n * ld)
    rows = after(y, 2 * n * ld)
    d = after(rows, PANEL * ld)
    order = as_real(after(d, n))
    for first in range(start, stop, LANES):
        last = min(LANES, stop - first)
        load(q, first, stop, y, ld)
        poison = zero(y)
        for i in range(n):
            for j in range(n):
                poison = muladd(0.0, y[i * ld + j], poison)
        if chosen:
            # (I + D^H Q)^-1 = (Q + D)^-1 D
            invert_with_signs(y, d, rows, ld, n)
            for i in range(n):
                for j in range(n):
                    y[i * ld + j] = y[i * ld + j] * d[j]
            for j in range(n):
                d[j] = d[j] + poison
            for lane in range(last):
                take(signs, first + lane, as_numbers(d), n * parts_of(d), lane)
        else:
            load(signs, first, stop, d, n)
            for i in range(n):
                for j in range(n):
                    x[i * ld + j] = conjugate(d[i]) * y[i * ld + j]
                x[i * ld + i] = x[i * ld + i] + 1.0
            _inverse(x, y, order, rows, ld, n)
        for i in range(n):
            for j in range(n):
                y[i * ld + j] = muladd(-2.0, y[i * ld + j], poison)
            y[i * ld + i] = y[i * ld + i] + 1.0
        rows[0], rows[1] = _keep_skew_part(y, ld, n)
        for lane in range(last):
            take(t, first + lane, as_numbers(y), ld * parts_of(y), lane)
            norms[0, first + lane] = as_numbers(rows)[lane]
            norms[1, first + lane] = as_numbers(rows)[parts_of(rows) * LANES + lane]


@jit_part
def _inverse(x: Any, y: Any, order: Any, rows: Any, ld: int, n: int) -> None:
    """Y = x^-1, x being spoilt: row exchanges of x are undone as those of the columns of y."""
    for i in range(n):
        order[i] = splat(float(i))
    invert(x, y, order, rows, ld, n, splat(_PIVOT**2))
    moved = splat(0.0)
    for i in range(n):
        moved = moved + square(order[i] - float(i))
    if not any_lane(moved > 0.0):
        return
    for i in range(n):
        for j in range(n):
            x[i * ld + j] = y[i * ld + j]
    parts = parts_of(x)
    for lane in range(LANES):
        for j in range(n):
            to = int(as_numbers(order)[j * LANES + lane])
            for i in range(n):
                for part in range(parts):
                    source = ((i * ld + j) * parts + part) * LANES + lane
                    target = ((i * ld + to) * parts + part) * LANES + lane
                    as_numbers(y)[target] = as_numbers(x)[source]


@jit_part
def _polish(y: Any, x: Any, w: Any, loud: Any, ld: int, n: int) -> Any:
    """Y <- y + y (I - y^H y) / 2 in the lanes that are `loud`, until y is orthonormal.

    Returns 1 for those that are lost, else 0.
    """
    lost = splat(0.0)
    for _ in range(_POLISHES):
        adjoint_product(x, y, y, ld, n, n, False)
        defect = splat(0.0)
        for i in range(n):
            x[i * ld + i] = x[i * ld + i] - 1.0
            for j in range(n):
                e = -0.5 * x[i * ld + j]
                defect = defect + square(e)
                x[i * ld + j] = select(loud, e, 0.0)
        near = defect < (0.5 * _LOST) ** 2  # not so for NaN
        lost = select(loud, select(near, lost, 1.0), lost)
        loud = loud & near
        add_product(w, y, x, ld, n, n)
        for i in range(n):
            for j in range(n):
                y[i * ld + j] = w[i * ld + j]
        # The defect is about squared: below the root of the rounding this was the last step.
        loud = loud & (4.0 * defect > n * _U)
        if not any_lane(loud):
            break
    return lost


@jit_part
def _keep_skew_part(y: Any, ld: int, n: int) -> Any:
    """Frobenius norms of the skew-Hermitian part, which stays in y, and of what is dropped."""
    size = dropped = splat(0.0)
    for i in range(n):
        p = y[i * ld + i]
        h = real_part(p)
        y[i * ld + i] = p - h
        size, dropped = size + square(p - h), dropped + square(h)
        for j in range(i):
            p, q = 0.5 * y[i * ld + j], 0.5 * conjugate(y[j * ld + i])
            size = size + 2.0 * square(p - q)
            dropped = dropped + 2.0 * square(p + q)
            y[i * ld + j], y[j * ld + i] = p - q, conjugate(q - p)
    return root(size), root(dropped)
