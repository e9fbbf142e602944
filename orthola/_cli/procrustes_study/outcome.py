"""What one experiment found: what figures and tables draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["DEFINITIONS", "ERROR", "TIME", "Experiment"]

ERROR, TIME = "error", "seconds"
DEFINITIONS = {
    "error": "||R - R*||_F; R* planted, or SciPy's in double precision of the same points",
    "seconds": "shortest of the repeated measurements, each of 2 ms at least, for one fit",
    "doubts": "where a solver says that the points do not determine the answer",
    "guides": "u times the condition of the cloud or its square, u the unit roundoff",
    "refine=0": "procrustes(refine=0): as the SVD of the sums gives it",
    "sums as given": 'procrustes(accumulate="same", refine=0)',
}


@dataclass(frozen=True)
class Experiment:
    """One panel: a value of every solver at every x."""

    name: str
    title: str
    x_name: str
    kind: str  # ERROR or TIME
    x: list[float]
    curves: dict[str, list[float]]
    guides: dict[str, list[float]]  # what theory says
    doubts: dict[str, list[float]]  # the x at which a solver said that it is not sure

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name, "title": self.title, "measured": self.kind, self.x_name: self.x,
            "solvers": self.curves, "guides": self.guides, "doubts": self.doubts,
        }  # fmt: skip
