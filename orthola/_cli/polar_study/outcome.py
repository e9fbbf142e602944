"""Everything found out about one matrix, and about all of them: what figures and tables draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..matrices import Problem
from .approximation import LOWER_BOUND, Approximation
from .sampling import Curve

__all__ = ["DEFINITIONS", "Outcome"]

DEFINITIONS = {
    "orthogonality": "||U^H U - I||_2",
    "residual": "||A - U H||_F / ||A||_F",
    "smallest, largest": "singular values of U",
    "digits": "-log10 of the larger of orthogonality and residual",
    "seconds": "shortest of the repeated calls, each complete: from A to U and H",
    "seconds_to_digits": "seconds of the first number of steps with so many digits",
}


@dataclass(frozen=True)
class Outcome:
    """One matrix with all its curves."""

    problem: Problem
    singular_values: np.ndarray[Any, Any]  # of the matrix, descending
    curves: tuple[Curve, ...]
    approximations: tuple[Approximation, ...]
    backend: str  # that it was computed with

    @property
    def condition(self) -> float:
        """Ratio of the largest to the smallest singular value."""
        low = float(self.singular_values[-1])
        return float(self.singular_values[0]) / low if low else float("inf")

    @property
    def eps(self) -> float:
        """Distance from 1 to the next number in the precision of the matrix."""
        return float(np.finfo(self.problem.matrix.dtype).eps)

    @property
    def finished(self) -> list[Curve]:
        """The methods whose certificate held, and rightly: errors in the lower half of the digits.

        A certificate of orthonormality cannot see a wrong orthonormal factor; the residual can.
        """
        enough = self.eps**0.5
        return [c for c in self.curves if c.converged and c.last.quality.error <= enough]

    @property
    def fastest(self) -> Curve | None:
        """Least time among the finished; "auto" is one of the others and does not count."""
        timed = [c for c in self.finished if c.picked is None and c.last.seconds is not None]
        return min(timed, key=lambda c: c.last.seconds or 0.0, default=None)

    @property
    def most_accurate(self) -> Curve | None:
        """Least error among the finished."""
        named = [c for c in self.finished if c.picked is None]
        return min(named, key=lambda c: c.last.quality.error, default=None)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **self.problem.as_json(),
            "condition": self.condition,
            "singular_values": self.singular_values.tolist(),
            "curves": [curve.as_json() for curve in self.curves],
            "orthogonalize": {
                "lower_bound": LOWER_BOUND,
                "steps": [step._asdict() for step in self.approximations],
            },
        }
