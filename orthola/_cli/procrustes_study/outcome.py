"""What one experiment found: what figures and tables draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["ERROR", "TIME", "Experiment"]

ERROR, TIME = "error", "seconds"


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
