"""Curves: a method run again with 0, 1, 2, ... steps until its own certificate holds.

The solver knows nothing of this. Each point is a complete call, normalisation and the Hermitian
factor included, so the times of a curve are what a user waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from ..._core.errors import Status
from ..backends import Backend
from ..clock import shortest_times
from ..digits import digits, seconds_to_digits
from .measures import Quality, judge
from .methods import Method, calls, choice

__all__ = ["Curve", "Point", "sample", "timed"]

_PATIENCE = 3  # equal results in a row: the method has come to its own end
_MOST_STEPS = 40  # more than any method plans for


@dataclass(frozen=True)
class Point:
    """One run."""

    steps: int | None  # None: a direct method, or all the steps it wants
    seconds: float | None  # None where time was not asked for
    quality: Quality
    status: Status

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "steps": self.steps,
            "seconds": self.seconds,
            **self.quality._asdict(),
            "status": self.status.name,
        }


@dataclass(frozen=True)
class Curve:
    """All runs of one method on one matrix, by number of steps."""

    method: str
    picked: str | None  # what "auto" chose
    points: tuple[Point, ...]
    runs: tuple[Callable[[], Any], ...] = field(repr=False)  # what each point was made by

    @property
    def last(self) -> Point:
        """The finished result."""
        return self.points[-1]

    @property
    def stepwise(self) -> bool:
        """Whether there is a point for every number of steps."""
        return self.last.steps is not None

    @property
    def converged(self) -> bool:
        """Whether the method's own certificate held."""
        return self.last.status in (Status.OK, Status.RANK_DEFICIENT)

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the time to reach each accuracy."""
        timed = [p for p in self.points if p.seconds is not None]
        errors, seconds = [p.quality.error for p in timed], [p.seconds or 0.0 for p in timed]
        return {
            "method": self.method,
            "picked": self.picked,
            "converged": self.converged,
            "digits": digits(self.last.quality.error),
            "points": [point.as_json() for point in self.points],
            "seconds_to_digits": seconds_to_digits(errors, seconds),
        }


def sample(matrix: np.ndarray[Any, Any], method: Method, backend: Backend) -> Curve:
    """Run a method on a host matrix; no times are taken."""
    a = backend.asarray(matrix)
    picked = choice(a) if method.name == "auto" else None
    points: list[Point] = []
    runs: list[Callable[[], Any]] = []
    for steps in count() if method.iterative else (None,):
        # Compiled once: the same function is timed later.
        run = partial(backend.compiled(calls(method, steps)), a)
        unitary, hermitian, status = (backend.to_host(x) for x in run())
        quality = judge(matrix, unitary, hermitian)
        points.append(Point(steps, None, quality, Status(int(status))))
        runs.append(run)
        if points[-1].status != Status.NOT_CONVERGED or steps == _MOST_STEPS or _stuck(points):
            break
    return Curve(method.name, picked, tuple(points), tuple(runs))


def timed(curves: Sequence[Curve], backend: Backend, repeats: int) -> list[Curve]:
    """The same curves with the time of each point."""
    runs = [run for curve in curves for run in curve.runs]
    seconds = iter(shortest_times(runs, backend.wait, repeats))
    return [
        replace(curve, points=tuple(replace(p, seconds=next(seconds)) for p in curve.points))
        for curve in curves
    ]


def _stuck(points: Sequence[Point]) -> bool:
    """Whether the last results are all the same: steps are no longer taken."""
    last = [repr(point.quality) for point in points[-_PATIENCE - 1 :]]
    return len(last) > _PATIENCE and len(set(last)) == 1
