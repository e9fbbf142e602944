"""Polar factors of stacks of real 2 x 2 matrices in closed form."""

from __future__ import annotations

from typing import Any

from ..._core.errors import Status
from .jit import jit
from .lane_items import MARKS, fetch, put_back
from .lane_memory import after, memory
from .lanes import LANES, muladd, reciprocal, root, select, splat

__all__ = ["VECTORS", "polar_2_chunk"]

VECTORS = 3 * 4 + MARKS  # of work space
_OK, _RANK_DEFICIENT = float(Status.OK), float(Status.RANK_DEFICIENT)


@jit
def polar_2_chunk(
    a: Any, u: Any, h: Any, status: Any, eps: float, work: Any, start: int, stop: int
) -> None:
    """Items `start` to `stop` of a C-contiguous stack of float32 or float64.

    A matrix is p times a rotation plus q times a reflection; its singular values are p + q and
    |p - q|, and its polar factor is the larger part's. `work` is VECTORS times LANES numbers.
    """
    item = memory(work)
    w, s, marks = after(item, 4), after(item, 8), after(item, 12)
    for first in range(start, stop, LANES):
        fetch(a, first, stop, item, 2, marks)
        a00, a01, a10, a11 = item[0], item[1], item[2], item[3]
        px, py, qx, qy = a00 + a11, a10 - a01, a00 - a11, a10 + a01
        p, q = root(muladd(px, px, py * py)), root(muladd(qx, qx, qy * qy))
        turn = q > p
        scale = reciprocal(select(turn, q, p))
        x, y = select(turn, qx, px) * scale, select(turn, qy, py) * scale
        # The rotation (x, -y; y, x) or the reflection (x, y; y, -x), twice p or q in size.
        v, z = select(turn, y, 0.0 - y), select(turn, 0.0 - x, x)
        w[0], w[1], w[2], w[3] = x, v, y, z
        # H = sym(U^T A)
        off = 0.5 * (muladd(x, a01, y * a11) + muladd(v, a00, z * a10))
        s[0], s[1], s[2], s[3] = muladd(x, a00, y * a10), off, off, muladd(v, a01, z * a11)
        gap = select(turn, q - p, p - q)
        code = select(gap > 2.0 * eps * (p + q), splat(_OK), _RANK_DEFICIENT)
        put_back(u, h, status, first, stop, w, s, code, 2, marks)
