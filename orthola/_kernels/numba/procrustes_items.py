"""Small Procrustes problems from the points to the results, eight items at a time."""

from __future__ import annotations

from typing import Any

from .jit import jit
from .lane_memory import after, as_numbers, as_real, memory, parts_of
from .lanes import LANES, muladd, power_of_two, reciprocal, root, select, splat
from .procrustes_jacobi import jacobi
from .procrustes_lane import complete, flip, reflects, singular, take
from .procrustes_sums import residual_norm, sums, work_vectors

__all__ = ["procrustes_chunk", "workspace_vectors"]

_LEAST, _MOST = 2.0**-400, 2.0**400  # squares whose products and roots are normal numbers
_HALF_EPS = 2.0**-53
_FAR = 1.0 - 2.0**-6  # share of ||A|| ||B|| in the inner product, squared: a fit of 1/8 ||B||
_NOTES = 3  # vectors: is it regular, scale, unit of M


def workspace_vectors(n: int) -> int:
    """Vectors of LANES numbers that `procrustes_chunk` needs."""
    return 3 * n * n + 4 * n + _NOTES + work_vectors(n)


@jit
def procrustes_chunk(
    a: Any, b: Any, w: Any, rotation_only: bool, scaling: bool, translation: bool, enough: float,
    rotation: Any, row: Any, numbers: Any, rank: Any, regular: Any,
    work: Any, square: Any, start: int, stop: int,
) -> None:  # fmt: skip
    """Items `start` to `stop`; what is not `regular` is left to others.

    Regular is what is finite and in range, has one answer, and s_1 <= `enough` times the gap of
    its singular values, or a residual that leaves nothing to win. Arrays of complex numbers are
    seen as real: `rotation` (B, parts n n), `row` (B, parts n). `numbers` (4, B) are scale,
    residual, gap and gain of a reflection. `work`, whose dtype says which it is, and `square`
    (n, n) are work space.
    """
    u = memory(work)
    m, n = a.shape[1], a.shape[2] // parts_of(u)
    v = after(u, n * n)
    r = after(v, n * n)
    mean = after(r, n * n)
    sizes = as_real(after(mean, 2 * n))
    line = after(mean, 3 * n)
    notes = as_real(after(line, n))
    points = after(line, n + _NOTES)
    s, flags = as_numbers(sizes), as_numbers(notes)
    one, none = splat(1.0), splat(0.0)
    for first in range(start, stop, LANES):
        weight, p, q = sums(a, b, w, first, stop, translation, points, mean, u, n)
        # NaN in the points or the weights, or nothing but zeros, is none of these.
        good = (weight > 0.0) & (p > _LEAST) & (p < _MOST) & (q > _LEAST) & (q < _MOST)
        norm = select(good, root(p * q), one)
        unit = power_of_two(norm)
        up = reciprocal(unit)
        for j in range(n):
            for i in range(n):
                eye = one if i == j else none
                u[j * n + i] = select(good, u[j * n + i] * up, eye)
        notes[0], notes[1], notes[2] = select(good, norm * up, none), one, unit
        done = jacobi(u, v, r, sizes, n)
        for item in range(first, min(first + LANES, stop)):
            lane = item - first
            regular[item] = False
            s_1, before, last, total, where = singular(s, n, lane)
            tolerance = _HALF_EPS * max(m, n) * flags[lane]
            full = last > tolerance
            if not done or flags[lane] == 0.0:
                continue
            if not full:
                if not (rotation_only and 2 <= n <= 3 and before > tolerance):
                    continue
                complete(as_numbers(r), as_numbers(u), as_numbers(v), s, n, where, lane)
            gain, size = 0.0, flags[2 * LANES + lane]
            if rotation_only and reflects(as_numbers(r), square, lane):
                flip(as_numbers(r), as_numbers(u), as_numbers(v), s, n, where, lane)
                gain = 4.0 * last * size if full else 0.0
                total, last = total - 2.0 * last, -last
            gap = before + last if n > 1 else abs(last)
            closest = gap if parts_of(u) == 1 else 2.0 * last
            rough = total * total < _FAR * flags[lane] * flags[lane]
            if gap > tolerance and (n == 1 or s_1 <= enough * closest or rough):
                regular[item] = True
                flags[LANES + lane] = max(total, 0.0)
                numbers[2, item], numbers[3, item] = gap * size, gain
                rank[item] = n if full else n - 1
        if scaling:
            notes[1] = notes[1] * unit * reciprocal(p)
        scale = notes[1] if scaling else one
        for k in range(n):
            shift = mean[n + k]
            for j in range(n):
                shift = muladd(none - scale * mean[j], r[j * n + k], shift)
            line[k] = shift
        notes[0] = residual_norm(a, b, w, first, stop, points, mean, r, scale, n)
        notes[1] = scale
        for item in range(first, min(first + LANES, stop)):
            lane = item - first
            take(rotation[item], as_numbers(r), lane)
            take(row[item], as_numbers(line), lane)
            numbers[0, item], numbers[1, item] = flags[LANES + lane], flags[lane]
