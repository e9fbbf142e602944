"""Polar factors of stacks of real 2 x 2 matrices in closed form."""

from __future__ import annotations

from typing import Any

from ..._core.errors import Status
from .jit import jit
from .lane_items import MARKS, fetch, put_back
from .lanes import LANES, muladd, reciprocal, root, select, splat

__all__ = ["VECTORS", "polar_2_chunk"]

VECTORS = 12 + MARKS  # of work space
_OK, _RANK_DEFICIENT = float(Status.OK), float(Status.RANK_DEFICIENT)


@jit
def polar_2_chunk(
    a: Any, u: Any, h: Any, status: Any, eps: float, work: Any, start: int, stop: int
) -> None:
    """Items `start` to `stop` of a C-contiguous stack; `work` as in `polar_generic`.

    A matrix is the sum of a multiple p of a rotation and a multiple q of a reflection; its
    singular values are |p| + |q| and ||p| - |q||, its polar factor is the larger part's.
    """
    item, v, s = work[: 4 * LANES], work[4 * LANES : 8 * LANES], work[8 * LANES : 12 * LANES]
    marks = work[12 * LANES :]
    half, nothing = splat(0.5), splat(0.0)
    for first in range(start, stop, LANES):
        fetch(a, first, stop, item, 2, 1, marks)
        a00, a01, a10, a11 = item[0], item[1], item[2], item[3]
        px, py = a00 + a11, a10 - a01
        qx, qy = a00 - a11, a10 + a01
        p, q = root(muladd(px, px, py * py)), root(muladd(qx, qx, qy * qy))
        turn = q > p
        x, y = select(turn, qx, px), select(turn, qy, py)
        larger = reciprocal(select(turn, q, p))
        x, y = x * larger, y * larger
        z, w = select(turn, y, nothing - y), select(turn, nothing - x, x)
        v[0] = x
        v[1] = z
        v[2] = y
        v[3] = w
        # H = sym(U^T A)
        off = half * (muladd(x, a01, y * a11) + muladd(z, a00, w * a10))
        s[0] = muladd(x, a00, y * a10)
        s[1] = off
        s[2] = off
        s[3] = muladd(z, a01, w * a11)
        gap = select(turn, q - p, p - q)
        code = select(gap > splat(2.0 * eps) * (p + q), splat(_OK), splat(_RANK_DEFICIENT))
        marks[2] = code
        put_back(u, h, status, first, stop, v, s, 2, 1, marks)
