"""Eight items of a stack into lanes, each scaled by its own power of two, and back.

Stacks are C-contiguous arrays of real numbers; a row of a complex matrix is seen as pairs.
"""

from __future__ import annotations

import math
from typing import Any

from ..._core.errors import Status
from .jit import jit_part
from .lanes import LANES, any_lane, muladd, power_of_two, reciprocal, select, splat

__all__ = ["MARKS", "fetch", "put_back"]

MARKS = 3  # vectors of notes on the items: scale, what is left to do, status
_REGULAR, _DONE = -1.0, -2.0
_ZERO, _NONFINITE = float(Status.RANK_DEFICIENT), float(Status.NONFINITE)
_NOT_CONVERGED = int(Status.NOT_CONVERGED)


@jit_part
def fetch(stack: Any, first: int, stop: int, xf: Any, ld: int, parts: int, marks: Any) -> None:
    """Items `first` ... into xf (m rows, `ld` real vectors apart), largest real or imag part ~ 1.

    Items without numbers to work on (zero, or with NaN or Inf) are replaced by the identity. A
    last group of less than eight repeats item ``stop - 1``.
    """
    m, width = stack.shape[1:]
    for i in range(m):
        for j in range(width):
            at = (i * ld + j) * LANES
            for lane in range(LANES):
                xf[at + lane] = stack[min(first + lane, stop - 1), i, j]
    nothing, one = splat(0.0), splat(1.0)
    largest = nothing
    poison = nothing  # becomes NaN where an entry is not finite
    for i in range(m):
        for j in range(width):
            v = xf[i * ld + j]
            v = select(v > nothing, v, nothing - v)
            largest = select(v > largest, v, largest)
            poison = muladd(v, nothing, poison)
    kind = select(largest > nothing, splat(_REGULAR), splat(_ZERO))
    kind = select(one > poison, kind, splat(_NONFINITE))
    scale = select(kind > nothing, one, power_of_two(largest))
    marks[0] = scale
    marks[1] = kind
    if any_lane(kind > nothing):
        for lane in range(LANES):
            if marks[LANES + lane] != _REGULAR:
                _identity(xf, m, width, ld, parts, lane)
    up = reciprocal(scale)
    for i in range(m):
        for j in range(width):
            xf[i * ld + j] = xf[i * ld + j] * up


@jit_part
def _identity(xf: Any, m: int, width: int, ld: int, parts: int, lane: int) -> None:
    for i in range(m):
        for j in range(width):
            xf[(i * ld + j) * LANES + lane] = 1.0 if j == i * parts else 0.0


@jit_part
def put_back(
    u: Any,
    h: Any,
    status: Any,
    first: int,
    stop: int,
    uf: Any,
    hf: Any,
    ld: int,
    parts: int,
    marks: Any,
) -> None:
    """Write the factors of the items, h with the item's scale, and their status.

    The status of regular items is the third of the marks. An item that has converged is done: it
    is not written again.
    """
    m, width = u.shape[1:]
    n = h.shape[1]
    scale = marks[0]
    for i in range(n):
        for j in range(width):
            hf[i * ld + j] = hf[i * ld + j] * scale
    for lane in range(min(LANES, stop - first)):
        item = first + lane
        kind = marks[LANES + lane]
        if kind == _REGULAR:
            _take(u, item, uf, m, width, ld, lane)
            _take(h, item, hf, n, width, ld, lane)
            status[item] = int(marks[2 * LANES + lane])
        elif kind != _DONE:
            status[item] = int(kind)
            u[item] = h[item] = math.nan if kind == _NONFINITE else 0.0
            if kind == _ZERO:
                for i in range(n):
                    u[item, i, i * parts] = 1.0
        if status[item] != _NOT_CONVERGED:
            marks[LANES + lane] = _DONE


@jit_part
def _take(stack: Any, item: Any, xf: Any, m: int, width: int, ld: int, lane: int) -> None:
    for i in range(m):
        at = i * ld * LANES + lane
        for j in range(width):
            stack[item, i, j] = xf[at]
            at += LANES
