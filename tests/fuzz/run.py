"""Examples by number, and the worst of what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

FEATURES = ("polar", "orthogonalize", "maps", "procrustes", "pursuit", "dictionary", "svd")
_SHOWN = 20  # violations whose numbers are kept


@dataclass
class Findings:
    """What the examples 0 ... examples - 1 of a feature have shown."""

    feature: str
    examples: int = 0
    cpu_seconds: float = 0.0
    violated: int = 0
    worst: dict[str, dict[str, float]] = field(default_factory=dict)
    """Check -> times it was made, largest ratio of observed to stated, and its example."""
    violations: list[dict[str, Any]] = field(default_factory=list)


def example(feature: str, number: int) -> dict[str, float]:
    """Ratios of observed to stated, by check, of one example; told by its number alone."""
    rng = np.random.default_rng([FEATURES.index(feature), number])
    with np.errstate(all="ignore"):
        return {check: float(ratio) for check, ratio in _examples(feature)(rng).items()}


def run(found: Findings, count: int) -> Findings:
    """The next `count` examples."""
    start = time.process_time()
    for number in range(found.examples, found.examples + count):
        ratios = example(found.feature, number)
        for check, ratio in ratios.items():
            seen = found.worst.setdefault(check, {"ratio": 0.0, "example": -1, "times": 0})
            seen["times"] += 1
            if not ratio <= seen["ratio"]:
                seen["ratio"], seen["example"] = ratio, number
        wrong = {check: ratio for check, ratio in ratios.items() if not ratio <= 1.0}
        found.violated += bool(wrong)
        if wrong and len(found.violations) < _SHOWN:
            found.violations.append({"example": number, **wrong})
    found.examples += count
    found.cpu_seconds += time.process_time() - start
    return found


def _examples(feature: str) -> Callable[[np.random.Generator], dict[str, float]]:
    return import_module(f"tests.fuzz.{feature}").example  # type: ignore[no-any-return]
