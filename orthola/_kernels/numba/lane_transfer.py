"""Eight items of a stack into lanes and back, as they are: rows or columns first, adjoint or not.

Stacks are C-contiguous arrays of real numbers; a row of a complex matrix is seen as pairs. In
lanes a matrix is stored by rows.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lane_memory import as_numbers, parts_of
from .lanes import LANES

__all__ = ["read", "write"]


@jit_part
def read(
    stack: Any, by_columns: bool, adjoint: bool, first: int, stop: int, x: Any, m: int, n: int
) -> None:
    """Items `first` ... as m x n matrices; a last group of less than eight repeats an item.

    The stack holds them by columns, as (n, m), or by rows; its adjoint is by columns and
    conjugated.
    """
    parts, numbers = parts_of(x), as_numbers(x)
    items, sign = stop - 1, -1.0 if adjoint else 1.0
    for i in range(m):
        for j in range(n):
            for part in range(parts):
                at = ((i * n + j) * parts + part) * LANES
                turn = sign if part else 1.0
                if by_columns:
                    for lane in range(LANES):
                        item = min(first + lane, items)
                        numbers[at + lane] = turn * stack[item, j, i * parts + part]
                else:
                    for lane in range(LANES):
                        item = min(first + lane, items)
                        numbers[at + lane] = turn * stack[item, i, j * parts + part]


@jit_part
def write(
    stack: Any, by_columns: bool, adjoint: bool, first: int, stop: int, x: Any, m: int, n: int
) -> None:
    """The way back."""
    parts, numbers = parts_of(x), as_numbers(x)
    sign = -1.0 if adjoint else 1.0
    for lane in range(min(LANES, stop - first)):
        for i in range(m):
            for j in range(n):
                for part in range(parts):
                    number = numbers[((i * n + j) * parts + part) * LANES + lane]
                    number = sign * number if part else number
                    if by_columns:
                        stack[first + lane, j, i * parts + part] = number
                    else:
                        stack[first + lane, i, j * parts + part] = number
