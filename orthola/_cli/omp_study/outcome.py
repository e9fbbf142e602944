"""What the experiments found: what figures and tables draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .signals import Signals

__all__ = ["DEFINITIONS", "Decay", "Outcome", "Recovery", "Speed"]

DEFINITIONS = {
    "recovery": "share of planted codes whose atoms are all among the k that were chosen; "
    "Gaussian coefficients, no noise",
    "measurements": "of each atom; of data by a Gaussian matrix, drawn again for every point",
    "residual": "sqrt(sum ||y - x A||^2 / sum ||y||^2) over signals that no atom was made of",
    "principal axes": "the same k directions for all signals, the best ones of the other half",
    "seconds": "processor time of one signal, shortest of the repeated measurements; the Gram "
    "matrix is given, the product of signals and atoms is not",
    "agreement": "share of signals whose residual norm is that of a textbook implementation with a "
    "least-squares problem for each atom, to 1e-9 of the signal (float32: 1e-4)",
    "counts": "whether the agreement is at least 0.95, without which a time is not shown",
}


@dataclass(frozen=True)
class Recovery:
    """Planted codes found again: a share for every number of measurements and atoms."""

    name: str
    title: str
    atoms: int
    measurements: list[int]
    sparsities: list[int]
    shares: dict[str, list[list[float]]]  # by rule, then a list for each number of measurements

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return self.__dict__


@dataclass(frozen=True)
class Decay:
    """Residuals with 0, 1, 2, ... atoms."""

    atoms: dict[str, int]  # by dictionary
    residuals: dict[str, dict[str, list[float]]]  # by dictionary and rule
    principal: list[float]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return self.__dict__


@dataclass(frozen=True)
class Speed:
    """Processor time of one signal at every x."""

    name: str
    title: str
    x_name: str
    x: list[int]
    seconds: dict[str, list[float]]  # by contender
    agreement: dict[str, list[float]]

    def counts(self, contender: str, i: int) -> bool:
        """Whether the results are good enough for the time to count."""
        return self.agreement[contender][i] >= 0.95

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        counted = {
            name: [self.counts(name, i) for i in range(len(self.x))] for name in self.seconds
        }
        return self.__dict__ | {"counts": counted}


@dataclass(frozen=True)
class Outcome:
    """Everything about one data set."""

    signals: Signals
    recoveries: list[Recovery]
    decay: Decay
    speeds: list[Speed]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **self.signals.problem.as_json(),
            "coded": len(self.signals.held_out),
            "recovery": [recovery.as_json() for recovery in self.recoveries],
            "residual": self.decay.as_json(),
            "throughput": [speed.as_json() for speed in self.speeds],
        }
