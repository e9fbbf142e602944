"""Everything found out about one data matrix: what figures and tables draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...testing import orthogonality
from ..digits import seconds_to_digits
from ..matrices import Problem
from .descent import Descent
from .tasks import Task

__all__ = ["DEFINITIONS", "Outcome", "Race", "Run", "judge"]

DEFINITIONS = {
    "loss": "||X Q - X Q*||_F^2, X scaled to ||X||_F = 1",
    "floor": "least loss of the rotations, where a reflection is to be found: 4 sigma_n^2",
    "condition": "ratio of the largest to the smallest curvature of the loss",
    "distance": "||Q - Q*||_F at the end",
    "drift": "||Q^T Q - I||_2",
    "ending": "found: loss <= (n eps)^2; stationary: no step decreases it; or step limit",
    "evaluations": "of the map and the loss, those of steps that were tried in vain included",
    "seconds": "since the start, in the fastest of the repeated runs",
    "seconds_to_digits": "seconds of the first loss of at most 10^-digits",
}


@dataclass(frozen=True)
class Run:
    """One contender on one task."""

    chart: str
    descent: Descent
    drift: list[float]  # at the start and after every step
    distance: float

    @property
    def loss(self) -> float:
        """At the end."""
        return self.descent.losses[-1]

    @property
    def is_retraction(self) -> bool:
        """Whether the matrix itself is moved."""
        return self.chart.startswith("retract-")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        found = self.descent
        return {
            "map": self.chart,
            "ending": found.ending,
            "steps": found.steps,
            "evaluations": found.evaluations,
            "distance": self.distance,
            "loss": found.losses,
            "drift": self.drift,
            "seconds": found.seconds,
            "seconds_to_digits": seconds_to_digits(found.losses, found.seconds),
        }


@dataclass(frozen=True)
class Race:
    """One task with all its contenders."""

    task: Task
    runs: tuple[Run, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        task = self.task
        return {
            "name": task.name,
            "title": task.title,
            "shape": list(task.target.shape),
            "condition": task.condition,
            "floor": task.floor,
            "runs": [run.as_json() for run in self.runs],
        }


@dataclass(frozen=True)
class Outcome:
    """One data matrix with all its tasks."""

    problem: Problem
    races: tuple[Race, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return self.problem.as_json() | {"tasks": [race.as_json() for race in self.races]}


def judge(chart: str, descent: Descent, task: Task) -> Run:
    """Measure every iterate of a descent."""
    drift = orthogonality(np.stack(descent.iterates))
    distance = np.linalg.norm(descent.iterates[-1] - task.target)
    return Run(chart, descent, drift.tolist(), float(distance))
