"""Studies that are a list of experiments on each data set, one panel and one table each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from .drawing import Figure
from .matrices import Problem
from .study import Outcome, Plan
from .table import Table
from .terminal import Ticker

__all__ = ["Measured", "Work", "plan"]

E = TypeVar("E", bound=Outcome)
Work = Sequence[tuple[str, Callable[[], E]]]  # name of each experiment, and the call that makes it


@dataclass(frozen=True)
class Measured(Generic[E]):
    """One data set with all its experiments."""

    problem: Problem
    experiments: tuple[E, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return self.problem.as_json() | {"experiments": [e.as_json() for e in self.experiments]}


def plan(
    planned: Sequence[tuple[Problem, Work[E]]],
    *,
    settings: dict[str, Any],
    definitions: dict[str, str],
    tables: Callable[[Measured[E]], Iterable[Table]],
    draw: Callable[[Measured[E], Path], Figure],
    verdict: Callable[[Measured[E]], str],
) -> Plan[Measured[E]]:
    """The plan of such a study: one tick for each experiment."""
    return Plan(
        settings=settings,
        definitions=definitions,
        pieces=sum(len(work) for _, work in planned),
        measure=partial(_in_turn, planned),
        tables=tables,
        draw=draw,
        verdict=verdict,
    )


def _in_turn(planned: Sequence[tuple[Problem, Work[E]]], tick: Ticker) -> list[Measured[E]]:
    found = []
    for problem, work in planned:
        experiments = []
        for name, measure in work:
            experiments.append(measure())
            tick(f"{problem.name}: {name}")
        found.append(Measured(problem, tuple(experiments)))
    return found
