"""Inverses of eight matrices side by side: Gauss-Jordan with threshold row pivoting, in place.

Four columns are eliminated at a time, so that a matrix which does not fit the first cache is
read and written n / 4 times instead of n times. Each lane chooses its own pivot rows.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lanes import (
    LANES,
    any_lane,
    muladd,
    reciprocal,
    root,
    select,
    splat,
    square,
    zero,
)

__all__ = ["PANEL", "invert"]

PANEL = 4
# A diagonal entry is kept as the pivot while no entry below is more than twice as large:
# multipliers stay below 2, and half of the row exchanges (numbers moved one by one) are spared.
_KEEP = 2.0**2


@jit_part
def invert(
    x: Any, xf: Any, y: Any, yf: Any, order: Any, rows: Any, ld: int, n: int, floor: Any
) -> None:
    """Y = inverse of x, both n x n with `ld` vectors per row; the rows of x get exchanged.

    Row exchanges for pivots are done in x and in `order` (n vectors permuted along, and a spare
    one), so y is the inverse of what x is afterwards. A pivot whose square is below `floor` is
    replaced by its root: y then belongs to a matrix as close as that. `xf` and `yf` are x and y
    as float64 numbers; `rows` (PANEL rows) is work space.
    """
    for i in range(n):
        for j in range(n):
            y[i * ld + j] = x[i * ld + j]
    step = ld * (xf.size // x.size) * LANES  # numbers between rows
    numbers = n * (xf.size // x.size)
    first = 0
    while first < n:
        width = PANEL if first + PANEL <= n else 1
        for k in range(first, first + width):
            _bring_pivot(xf, y, yf, order, ld, n, k, step, numbers)
            _eliminate(y, ld, n, k, first, width, floor, rows)
        _update(y, ld, n, first, width, rows)
        first += width


@jit_part
def _bring_pivot(
    xf: Any, y: Any, yf: Any, order: Any, ld: int, n: int, k: int, step: int, numbers: int
) -> None:
    """Exchange row k with the row of the largest entry below, in the lanes that need it."""
    kept = square(y[k * ld + k]) * splat(_KEEP)
    largest = kept
    where = splat(float(k))
    for i in range(k + 1, n):
        size = square(y[i * ld + k])
        larger = size > largest
        largest = select(larger, size, largest)
        where = select(larger, splat(float(i)), where)
    if not any_lane(largest > kept):
        return
    order[n] = where
    for lane in range(LANES):
        p = int(order[n * LANES + lane])
        if p != k:
            _exchange(order, k * LANES + lane, p * LANES + lane, 1)
            _exchange(xf, k * step + lane, p * step + lane, numbers)
            _exchange(yf, k * step + lane, p * step + lane, numbers)


@jit_part
def _exchange(xf: Any, a: Any, b: Any, count: int) -> None:
    for _ in range(count):
        xf[a], xf[b] = xf[b], xf[a]
        a += LANES
        b += LANES


@jit_part
def _eliminate(
    x: Any, ld: int, n: int, k: int, first: int, width: int, floor: Any, rows: Any
) -> None:
    """One Gauss-Jordan step with pivot (k, k), on the columns of the panel only."""
    row = k * ld + first
    pivot = x[row + k - first]
    pivot = select(floor > square(pivot), root(floor), pivot)
    inverse = reciprocal(pivot)
    for j in range(width):
        rows[j] = x[row + j]
        x[row + j] = splat(0.0)
    # The pivot's column becomes that of the inverse: old row k has a one there, the others zero.
    rows[k - first] = splat(1.0)
    for i in range(n):
        line = i * ld + first
        factor = inverse
        if i != k:
            factor = (zero(x) - x[line + k - first]) * inverse
            x[line + k - first] = splat(0.0)
        for j in range(width):
            x[line + j] = muladd(factor, rows[j], x[line + j])


@jit_part
def _update(x: Any, ld: int, n: int, first: int, width: int, rows: Any) -> None:
    """Carry a panel to all other columns: x += (panel columns) (panel rows before)."""
    for k in range(width):
        for j in range(n):
            at = (first + k) * ld + j
            if first <= j < first + width:
                rows[k * ld + j] = splat(0.0)
            else:
                rows[k * ld + j] = x[at]
                x[at] = splat(0.0)
    if width == 1:
        for i in range(n):
            a = x[i * ld + first]
            for j in range(n):
                x[i * ld + j] = muladd(a, rows[j], x[i * ld + j])
        return
    for i in range(0, n, 2):
        # Two rows at once share what is loaded of the panel; an odd last row is done alone,
        # twice the same.
        u = i * ld
        v = u if i + 1 == n else u + ld
        a0, a1, a2, a3 = (
            x[u + first],
            x[u + first + 1],
            x[u + first + 2],
            x[u + first + 3],
        )
        b0, b1, b2, b3 = (
            x[v + first],
            x[v + first + 1],
            x[v + first + 2],
            x[v + first + 3],
        )
        for j in range(n):
            a, b = x[u + j], x[v + j]
            r = rows[j]
            a, b = muladd(a0, r, a), muladd(b0, r, b)
            r = rows[ld + j]
            a, b = muladd(a1, r, a), muladd(b1, r, b)
            r = rows[2 * ld + j]
            a, b = muladd(a2, r, a), muladd(b2, r, b)
            r = rows[3 * ld + j]
            a, b = muladd(a3, r, a), muladd(b3, r, b)
            x[u + j] = a
            x[v + j] = b
