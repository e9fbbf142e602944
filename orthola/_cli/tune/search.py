"""From comparisons to limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from ..._core.tuning import Tuning
from .crossovers import Crossover
from .duels import Clock, ratio
from .rates import Part, measured_rate

__all__ = ["Measured", "crossed", "rated"]


class Measured(NamedTuple):
    """One limit, and the comparisons behind it."""

    part: str
    field: str
    name: str
    value: Any
    rows: tuple[tuple[float, float], ...]  # (size, ratio of times); for rates (order, rate)

    def put_into(self, tuning: Tuning) -> Tuning:
        """The tuning with this value."""
        limits = getattr(tuning, self.part)._replace(**{self.field: self.value})
        return replace(tuning, **{self.part: limits})


def crossed(crossover: Crossover, *, clock: Clock, seconds: float, thorough: bool) -> Measured:
    """By bisection, or from all sizes of the grid."""
    grid, rows = crossover.grid, {}

    def second_wins(i: int) -> bool:
        pair = crossover.pair(grid[i])
        rows[grid[i]] = ratio(*pair, clock=clock, seconds=seconds)
        return rows[grid[i]] > 1.0

    first = _first_win(len(grid), second_wins, thorough)
    if crossover.keeps_first:
        value = grid[first - 1] if first else 0
    else:
        value = grid[first] if first < len(grid) else 2 * grid[-1]
    kind = type(grid[-1])
    found = tuple(sorted((float(size), round(r, 3)) for size, r in rows.items()))
    return Measured(crossover.part, crossover.field, crossover.name, kind(value), found)


def _first_win(count: int, second_wins: Callable[[int], bool], thorough: bool) -> int:
    """The least index from which on the second contender wins; `count` if there is none."""
    if thorough:
        wins = [second_wins(i) for i in range(count)]
        return next((i for i in range(count) if all(wins[i:])), count)
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if second_wins(middle):
            high = middle
        else:
            low = middle + 1
    return low


def rated(part: Part, *, clock: Clock, seconds: float) -> Measured:
    """A table of rates."""
    rows = []
    for order in part.orders:
        rate = measured_rate(part, order, clock=clock, seconds=seconds / len(part.orders))
        rows.append((order, float(f"{rate:.3g}")))
    found = tuple((float(order), rate) for order, rate in rows)
    return Measured("lowrank", part.name, "operations per second", tuple(rows), found)
