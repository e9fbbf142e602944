"""Eight items of a stack into lanes, each scaled by its own power of two, and back.

Stacks are C-contiguous arrays of real numbers; a row of a complex matrix is seen as pairs.
"""

from __future__ import annotations

import math
from typing import Any

from ..._core.errors import Status
from .jit import jit_part
from .lane_memory import as_numbers, as_real, parts_of
from .lanes import LANES, any_lane, muladd, power_of_two, reciprocal, select, splat

__all__ = ["MARKS", "fetch", "load", "put_back", "take"]

MARKS = 3  # vectors of notes on the items: scale, what is left to do, new status
_REGULAR, _DONE = -1.0, -2.0
_ZERO, _NONFINITE = float(Status.RANK_DEFICIENT), float(Status.NONFINITE)
_NOT_CONVERGED = int(Status.NOT_CONVERGED)


@jit_part
def fetch(stack: Any, first: int, stop: int, x: Any, ld: int, marks: Any) -> None:
    """Items `first` ... into x (`ld` vectors per row), scaled to a largest part of 1 to 2.

    Items without numbers to work on (zero, or with NaN or Inf) are replaced by the identity. A
    last group of less than eight repeats item ``stop - 1``.
    """
    m, width = stack.shape[1:]
    step = ld * parts_of(x)
    load(stack, first, stop, x, ld)
    vectors = as_real(x)
    largest = splat(0.0)
    poison = splat(0.0)  # becomes NaN where an entry is not finite
    for i in range(m):
        for j in range(width):
            v = vectors[i * step + j]
            v = select(v > 0.0, v, 0.0 - v)
            largest = select(v > largest, v, largest)
            poison = muladd(v, 0.0, poison)
    kind = select(largest > 0.0, splat(_REGULAR), _ZERO)
    kind = select(poison < 1.0, kind, _NONFINITE)
    scale = select(kind > 0.0, 1.0, power_of_two(largest))
    marks[0], marks[1] = scale, kind
    if any_lane(kind > 0.0):
        for lane in range(LANES):
            if as_numbers(marks)[LANES + lane] != _REGULAR:
                _identity(x, m, width, ld, lane)
    up = reciprocal(scale)
    for i in range(m):
        for j in range(width):
            vectors[i * step + j] = vectors[i * step + j] * up


@jit_part
def load(stack: Any, first: int, stop: int, x: Any, ld: int) -> None:
    """Items `first` ... of a stack of matrices into x, as they are; the last is repeated."""
    m, width = stack.shape[1:]
    step, numbers = ld * parts_of(x), as_numbers(x)
    for i in range(m):
        for j in range(width):
            at = (i * step + j) * LANES
            for lane in range(LANES):
                numbers[at + lane] = stack[min(first + lane, stop - 1), i, j]


@jit_part
def _identity(x: Any, m: int, width: int, ld: int, lane: int) -> None:
    parts, numbers = parts_of(x), as_numbers(x)
    for i in range(m):
        for j in range(width):
            numbers[(i * ld * parts + j) * LANES + lane] = 1.0 if j == i * parts else 0.0


@jit_part
def put_back(
    u: Any,
    h: Any,
    status: Any,
    first: int,
    stop: int,
    x: Any,
    y: Any,
    code: Any,
    ld: int,
    marks: Any,
) -> None:
    """Write x to u, y with the item's scale to h, and the status `code`.

    What has once got a status other than NOT_CONVERGED is done: it is not written again.
    """
    n, width = h.shape[1:]
    step = ld * parts_of(x)
    vectors = as_real(y)
    for i in range(n):
        for j in range(width):
            vectors[i * step + j] = vectors[i * step + j] * marks[0]
    marks[2] = code
    notes = as_numbers(marks)
    for lane in range(min(LANES, stop - first)):
        item, kind = first + lane, notes[LANES + lane]
        if kind == _REGULAR:
            take(u, item, as_numbers(x), step, lane)
            take(h, item, as_numbers(y), step, lane)
            status[item] = int(notes[2 * LANES + lane])
        elif kind != _DONE:
            status[item] = int(kind)
            u[item] = h[item] = math.nan if kind == _NONFINITE else 0.0
            if kind == _ZERO:
                for i in range(n):
                    u[item, i, i * parts_of(x)] = 1.0
        if status[item] != _NOT_CONVERGED:
            notes[LANES + lane] = _DONE


@jit_part
def take(stack: Any, item: int, numbers: Any, step: int, lane: int) -> None:
    """One lane, `step` vectors of real numbers per row, into an item of a stack."""
    m, width = stack.shape[1:]
    for i in range(m):
        at = i * step * LANES + lane
        for j in range(width):
            stack[item, i, j] = numbers[at]
            at += LANES
