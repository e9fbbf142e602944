"""What one experiment found: what figures and tables draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["DEFINITIONS", "Experiment"]

DEFINITIONS = {
    "error": "||M - M V V^T||_F with the mean of all rows taken off, V the axes found",
    "excess": "error / least possible error of that rank - 1; where that is rounding, 1e-12 ||M|| "
    "takes its place",
    "certified": "the same of the upper end of the certificate, known without the data",
    "least": "what the singular values of all data allow",
    "rank": "that the tolerance leads to, relative to the Frobenius norm",
    "seconds": "processor time for all blocks, shortest of the repeated measurements",
    "megabytes": "largest memory of arrays beside the blocks of the stream; work space inside "
    "calls of LAPACK is not seen",
    "compression": "numbers in all blocks / numbers in all clusters; the mean of all rows is "
    "taken off",
    "violations": "singular values or errors outside of what was certified, in all experiments",
}


@dataclass(frozen=True)
class Experiment:
    """One panel: a value of every contender at every x."""

    name: str
    title: str
    x_name: str
    y_name: str
    x: list[float]
    curves: dict[str, list[float]]
    violations: int = 0
    log_x: bool = True
    log_y: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name, "title": self.title, "measured": self.y_name, self.x_name: self.x,
            "contenders": self.curves, "violations": self.violations,
        }  # fmt: skip
