"""The table of each experiment, and what they say in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..experiments import Measured
from ..numbers import duration
from ..table import Table, table_over
from .outcome import Experiment

__all__ = ["tables", "verdict"]


def tables(found: Measured[Experiment]) -> Iterator[Table]:
    """One for each experiment."""
    for e in found.experiments:
        heading = f"{e.title}: {e.y_name}, {found.problem.name}"
        yield table_over(heading, e.x_name, e.x, e.curves, partial(_cell, e))


def _cell(experiment: Experiment, name: str, i: int) -> str:
    value = experiment.curves[name][i]
    if experiment.y_name == "seconds":
        return duration(value)
    return f"{value:.1e}" if experiment.y_name == "excess" else f"{value:.4g}"


def verdict(found: Measured[Experiment]) -> str:
    """How far from the best, what it costs, what compresses best."""
    name, by_name = found.problem.name, {e.name: e for e in found.experiments}
    rank, cost, memory = (by_name[n] for n in ("rank", "time", "memory"))
    worst = {who: max(values) for who, values in rank.curves.items()}
    quick = min(cost.curves, key=lambda who: cost.curves[who][-1])
    small = min(memory.curves, key=lambda who: memory.curves[who][-1])
    clusters = by_name["clusters"]
    best = max(clusters.curves, key=lambda who: sum(clusters.curves[who]))
    false = sum(e.violations for e in found.experiments)
    return (
        f"{name}: the error of brand exceeds the least possible one by a share of "
        f"{worst['brand']:.1e} at most ({worst['brand, certified']:.1e} certified), that of "
        f"IncrementalPCA by {worst['IncrementalPCA']:.1e}; with {cost.x[-1]:g} blocks {quick} "
        f"takes the least time ({duration(cost.curves[quick][-1])}), {small} the least memory; "
        f"{best} compresses best; certified statements that were false: {false}."
    )
