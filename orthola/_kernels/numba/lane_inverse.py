"""Inverses of eight matrices side by side: Gauss-Jordan, with threshold row pivoting or signs.

Four columns are eliminated at a time, so that a matrix too large for the first cache is read
and written n / 4 times instead of n times. Each lane chooses its own pivot rows, or signs.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lane_memory import after, as_numbers, parts_of, zero
from .lanes import LANES, any_lane, muladd, phase, reciprocal, root, select, splat, square

__all__ = ["PANEL", "exchange", "invert", "invert_with_signs"]

PANEL = 4
# A diagonal entry stays the pivot while no entry below is more than twice as large: multipliers
# stay below 2, and half of the row exchanges (which move single numbers) are spared.
_KEEP = 2.0


@jit_part
def invert(x: Any, y: Any, order: Any, rows: Any, ld: int, n: int, floor: Any) -> None:
    """Y = inverse of x, both n x n with `ld` vectors per row; the rows of x get exchanged.

    Row exchanges for pivots are done in x, too, and in `order` (n vectors, and a spare one), so y
    is the inverse of what x is afterwards. A pivot whose square is below `floor` is replaced
    by the root of that: y then belongs to a matrix as close as that. `rows` (PANEL rows) is work
    space.
    """
    for i in range(n):
        for j in range(n):
            y[i * ld + j] = x[i * ld + j]
    first = 0
    while first < n:
        width = PANEL if first + PANEL <= n else 1
        for k in range(first, first + width):
            _bring_pivot(x, y, order, ld, n, k)
            _eliminate(y, rows, ld, n, k, first, width, floor)
        _update(y, rows, ld, n, first, width)
        first += width


@jit_part
def invert_with_signs(x: Any, signs: Any, rows: Any, ld: int, n: int) -> None:
    """X becomes (x + diag(signs))^-1, signs[k] = p/|p| for the pivot p met there, 1 for zero.

    Moving every pivot away from zero by its own phase makes row exchanges unnecessary for
    orthonormal x (Ballard et al. 2014, 10.1109/IPDPS.2014.120). `rows` is work space.
    """
    first = 0
    while first < n:
        width = PANEL if first + PANEL <= n else 1
        for k in range(first, first + width):
            signs[k] = phase(x[k * ld + k])
            x[k * ld + k] = x[k * ld + k] + signs[k]
            _eliminate(x, rows, ld, n, k, first, width, splat(0.0))
        _update(x, rows, ld, n, first, width)
        first += width


@jit_part
def _bring_pivot(x: Any, y: Any, order: Any, ld: int, n: int, k: int) -> None:
    """Exchange row k with the row of the largest entry below, in the lanes that need it."""
    kept = square(y[k * ld + k]) * _KEEP**2
    largest, where = kept, splat(float(k))
    for i in range(k + 1, n):
        size = square(y[i * ld + k])
        larger = size > largest
        largest, where = select(larger, size, largest), select(larger, float(i), where)
    if not any_lane(largest > kept):
        return
    order[n] = where
    chosen = as_numbers(after(order, n))
    length, step = n * parts_of(x), ld * parts_of(x) * LANES
    for lane in range(LANES):
        p = int(chosen[lane])
        if p != k:
            exchange(as_numbers(order), k * LANES + lane, p * LANES + lane, 1, LANES)
            exchange(as_numbers(x), k * step + lane, p * step + lane, length, LANES)
            exchange(as_numbers(y), k * step + lane, p * step + lane, length, LANES)


@jit_part
def exchange(x: Any, a: int, b: int, count: int, step: int) -> None:
    """Exchange `count` numbers from a and b on, `step` apart."""
    for _ in range(count):
        x[a], x[b] = x[b], x[a]
        a += step
        b += step


@jit_part
def _eliminate(
    x: Any, rows: Any, ld: int, n: int, k: int, first: int, width: int, floor: Any
) -> None:
    """One Gauss-Jordan step with pivot (k, k), on the columns of the panel only."""
    row, c = after(x, k * ld + first), k - first
    pivot = select(floor > square(row[c]), root(floor), row[c])
    inverse = reciprocal(pivot)
    # The pivot's column becomes that of the inverse: a one in the old row k, zeros elsewhere.
    for j in range(width):
        rows[j] = row[j]
        row[j] = 0.0
    rows[c] = 1.0
    for i in range(n):
        row = after(x, i * ld + first)
        factor = inverse
        if i != k:
            factor = zero(x) - row[c] * inverse
            row[c] = 0.0
        for j in range(width):
            row[j] = muladd(factor, rows[j], row[j])


@jit_part
def _update(x: Any, rows: Any, ld: int, n: int, first: int, width: int) -> None:
    """Carry a panel to all other columns: x += (panel columns) (panel rows before)."""
    for k in range(width):
        row = after(x, (first + k) * ld)
        for j in range(n):
            if first <= j < first + width:
                rows[k * ld + j] = 0.0
            else:
                rows[k * ld + j] = row[j]
                row[j] = 0.0
    if width == 1:
        for i in range(n):
            row = after(x, i * ld)
            a = row[first]
            for j in range(n):
                row[j] = muladd(a, rows[j], row[j])
        return
    r0, r1, r2, r3 = rows, after(rows, ld), after(rows, 2 * ld), after(rows, 3 * ld)
    for i in range(0, n, 2):
        # Two rows share what is read of the panel; an odd last one is paired with itself.
        u, v = after(x, i * ld), after(x, min(i + 1, n - 1) * ld)
        a0, a1, a2, a3 = u[first], u[first + 1], u[first + 2], u[first + 3]
        b0, b1, b2, b3 = v[first], v[first + 1], v[first + 2], v[first + 3]
        for j in range(n):
            a, b = muladd(a0, r0[j], u[j]), muladd(b0, r0[j], v[j])
            a, b = muladd(a1, r1[j], a), muladd(b1, r1[j], b)
            a, b = muladd(a2, r2[j], a), muladd(b2, r2[j], b)
            u[j], v[j] = muladd(a3, r3[j], a), muladd(b3, r3[j], b)
