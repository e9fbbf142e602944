"""All comparisons of one run: a table for the reader, one JSON file for the record."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.accuracy import SUMMARY, Accuracy
from benchmarks.speed.duel import Duel, Side, Spread
from benchmarks.speed.machine import load, machine
from benchmarks.speed.protocol import Case


@dataclass(frozen=True)
class Goal:
    """The ratio peer / ours hoped for: CPU time at one thread, wall time at several."""

    cpu: float | None = None
    wall: float | None = None


NO_GOAL = Goal()


@dataclass(frozen=True)
class Outcome:
    """One case against one peer: at one thread, and at several."""

    case: Case
    goal: Goal
    single: Duel
    several: Duel

    @property
    def ours(self) -> Accuracy:
        return _worst(self.single.ours, self.several.ours)

    @property
    def peer(self) -> Accuracy:
        return _worst(self.single.peer, self.several.peer)

    def cells(self) -> list[str]:
        summary = SUMMARY[self.case.problem]
        return [
            self.case.label,
            self.single.ours.label,
            self.single.peer.label,
            _ratio(self.single.cpu_ratio),
            _ratio(self.several.wall_ratio),
            self._goal(),
            summary.format(**self.ours),
            summary.format(**self.peer),
            str(self.single.pairs),
        ]

    def _goal(self) -> str:
        stated = (
            ("CPU", self.goal.cpu, self.single.cpu_ratio.median),
            ("wall", self.goal.wall, self.several.wall_ratio.median),
        )
        return ", ".join(
            f"{clock} {goal:g} {'met' if reached >= goal else 'missed'}"
            for clock, goal, reached in stated
            if goal is not None
        )


Compare = Callable[..., Outcome]  # the fixture: (case, ours, peer, goal=NO_GOAL)


class Report:
    """Collects outcomes; every new one is on disk at once, so a stopped run keeps what it has."""

    def __init__(self, file: Path | None, *, quick: bool) -> None:
        self.file = file
        self.quick = quick
        self.outcomes: list[Outcome] = []
        self.head = machine() | {"quick": quick}
        self.entries: list[dict[str, Any]] = []

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.entries.append(
            {"label": outcome.case.label, "ours": outcome.ours, "peer": outcome.peer}
            | asdict(outcome)
            | {"load": load()}
        )
        if self.file is not None:
            unfinished = self.file.with_suffix(self.file.suffix + ".part")
            unfinished.write_text(
                json.dumps({"machine": self.head, "duels": self.entries}, indent=1)
            )
            os.replace(unfinished, self.file)

    def lines(self) -> list[str]:
        several = {outcome.several.threads for outcome in self.outcomes}
        header = [
            "case",
            "ours",
            "peer",
            "CPU ratio, 1 thread",
            f"wall ratio, {'/'.join(map(str, sorted(several)))} threads",
            "goal",
            "accuracy, ours",
            "accuracy, peer",
            "pairs",
        ]
        rows = [header, *(outcome.cells() for outcome in self.outcomes)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        table.insert(1, "  ".join("-" * width for width in widths))
        return [
            *self._preamble(),
            *table,
            "ratio: time of the peer / time of ours, median [quartiles] of paired samples; "
            "above 1 ours is faster",
            "accuracy: polar: orthogonality / residual; orthogonalize: interval of singular values",
        ]

    def _preamble(self) -> list[str]:
        versions = ", ".join(f"{name} {v}" for name, v in self.head["versions"].items())
        pools = {
            pool
            for outcome in self.outcomes
            for side in (outcome.single.ours, outcome.single.peer)
            for pool in side.pools
        }
        return [
            f"{self.head['cpu']}, {self.head['cores']} cores, {self.head['system']}",
            f"{self.head['date']}, revision {self.head['revision']}, "
            f"load at the start {self.head['load']}, at the end {load()}",
            f"Python {self.head['python']}, {versions}",
            *(f"native: {pool}" for pool in sorted(pools)),
            *(["QUICK RUN: few repeats on a part of the grid, no figure counts"] * self.quick),
        ]


def _worst(one: Side, other: Side) -> Accuracy:
    """The worse of two measurements; of everything measured larger is worse but ``sigma_min``."""
    return {
        name: (min if name == "sigma_min" else max)(value, other.accuracy[name])
        for name, value in one.accuracy.items()
    }


def _ratio(spread: Spread) -> str:
    return f"{spread.median:.3g} [{spread.q1:.3g}, {spread.q3:.3g}]"
