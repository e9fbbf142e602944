"""What the experiments found: what figures, tables and the report show."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

__all__ = ["DEFINITIONS", "Coding", "Curve", "Experiment", "Streams", "Trace"]

Array = np.ndarray[Any, Any]
DEFINITIONS = {
    "error": "1 - ||polar(A) D^T||_4^4 / n: 0 at signed permutations of the true atoms D, "
    "twice the mean squared angle near one; A as the learner returns it",
    "iterate_error": "the same of the iterate, without refinement",
    "gap": "1 - <G, A> / ||G||_*: Frank-Wolfe gap of the iterate A, relative to the most that "
    "<G, A> can be; G the gradient of mean sum |c|^3 over held-out rows",
    "found": "share of atoms that match a true one with |cos| > 0.99 at the end",
    "cosine": "smallest |cos| of a matched pair at the end",
    "seconds": "spent in updates so far, in the fastest run",
    "samples_to": "samples until the median error was at most that for the first time",
    "coding_error": "||Y - Y_k||_F / ||Y||_F on held-out rows; Y_k: k largest coefficients, which "
    "is best for orthonormal atoms; orthogonal matching pursuit for others",
}
_GOALS = (1e-2, 1e-3)


@dataclass(frozen=True)
class Trace:
    """One learner on one stream."""

    samples: list[int]
    error: list[float]
    iterate_error: list[float]
    gap: list[float]
    seconds: list[float]
    found: float
    cosine: float


@dataclass(frozen=True)
class Curve:
    """One learner on several streams that differ in the seed."""

    name: str
    traces: tuple[Trace, ...]
    batch: int

    @property
    def samples(self) -> list[int]:
        """Where it was looked at."""
        return self.traces[0].samples

    @property
    def seconds(self) -> list[float]:
        """At each of these, in the fastest run."""
        return min((t.seconds for t in self.traces), key=lambda s: s[-1])

    def middle(self, what: str) -> list[float]:
        """Median over the streams of a list of numbers of the traces."""
        return [float(x) for x in np.median([getattr(t, what) for t in self.traces], axis=0)]

    def spread(self, what: str) -> tuple[Array, Array]:
        """Least and largest value."""
        values = np.asarray([getattr(t, what) for t in self.traces])
        return values.min(axis=0), values.max(axis=0)

    def samples_to(self, goal: float) -> int | None:
        """First sample count at which the median error was so small."""
        pairs = zip(self.samples, self.middle("error"), strict=True)
        return next((m for m, error in pairs if error <= goal), None)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "batch": self.batch,
            "samples": self.samples,
            "seconds": self.seconds,
            "samples_to": {f"{goal:g}": self.samples_to(goal) for goal in _GOALS},
            "found": median(t.found for t in self.traces),
            "cosine": min(t.cosine for t in self.traces),
            **{
                what: [getattr(t, what) for t in self.traces]
                for what in ("error", "iterate_error", "gap")
                if getattr(self.traces[0], what)
            },
        }


@dataclass(frozen=True)
class Experiment:
    """One panel: several learners, or one under several conditions."""

    name: str
    title: str
    curves: tuple[Curve, ...]

    @property
    def has_gaps(self) -> bool:
        """Whether gaps were measured."""
        return bool(self.curves[0].traces[0].gap)

    @property
    def is_race(self) -> bool:
        """Whether a peer takes part: the second curve."""
        return self.name.startswith("beside")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "title": self.title,
            "curves": [curve.as_json() for curve in self.curves],
        }


@dataclass(frozen=True)
class Streams:
    """Everything about synthetic streams."""

    experiments: tuple[Experiment, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": "streams", "experiments": [e.as_json() for e in self.experiments]}


@dataclass(frozen=True)
class Coding:
    """How well the dictionaries of one data set code rows that none of them has seen."""

    name: str
    title: str
    rows: tuple[int, int]  # to learn from, held out
    terms: list[int]
    errors: dict[str, list[float]]  # of each dictionary at each number of terms
    watched: int  # the number of terms of the curves
    samples: list[int]
    curves: dict[str, list[float]]  # of the online learners, at these numbers of samples
    seconds: dict[str, float]  # to learn
    atoms: dict[str, Array]

    def as_json(self) -> dict[str, Any]:
        """Plain values; the atoms are left out."""
        return {
            "name": self.name,
            "title": self.title,
            "rows": {"learn": self.rows[0], "held_out": self.rows[1]},
            "terms": self.terms,
            "coding_error": self.errors,
            "online": {"terms": self.watched, "samples": self.samples, "error": self.curves},
            "seconds": self.seconds,
        }
