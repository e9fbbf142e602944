"""The table of one experiment and the paragraph at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..numbers import duration
from ..report import whereabouts
from .outcome import Experiment

__all__ = ["columns", "rows", "summary"]


def columns(experiment: Experiment) -> list[str]:
    """What x is, then the contenders."""
    return [f">{experiment.x_name}", *(f">{name}" for name in experiment.curves)]


def rows(experiment: Experiment) -> list[tuple[str, ...]]:
    """One for every x."""
    return [
        (f"{x:g}", *(_cell(experiment.y_name, values[i]) for values in experiment.curves.values()))
        for i, x in enumerate(experiment.x)
    ]


def _cell(y_name: str, value: float) -> str:
    if y_name == "seconds":
        return duration(value)
    return f"{value:.1e}" if y_name == "excess" else f"{value:.4g}"


def summary(
    found: Mapping[str, Sequence[Experiment]], directory: Path, files: Sequence[Path]
) -> str:
    """What was found in a sentence or two for each data set, and where the files are."""
    verdicts = [_verdict(name, group) for name, group in found.items()]
    return " ".join([*verdicts, whereabouts(directory, "svd", files)])


def _verdict(name: str, group: Sequence[Experiment]) -> str:
    by_name = {experiment.name: experiment for experiment in group}
    rank, cost, memory = (by_name[n] for n in ("rank", "time", "memory"))
    worst = {who: max(values) for who, values in rank.curves.items()}
    quick = min(cost.curves, key=lambda who: cost.curves[who][-1])
    small = min(memory.curves, key=lambda who: memory.curves[who][-1])
    clusters = by_name["clusters"]
    best = max(clusters.curves, key=lambda who: sum(clusters.curves[who]))
    false = sum(experiment.violations for experiment in group)
    return (
        f"{name}: the error of brand exceeds the least possible one by a share of "
        f"{worst['brand']:.1e} at most ({worst['brand, certified']:.1e} certified), that of "
        f"IncrementalPCA by {worst['IncrementalPCA']:.1e}; with {cost.x[-1]:g} blocks {quick} "
        f"takes the least time ({duration(cost.curves[quick][-1])}), {small} the least memory; "
        f"{best} compresses best; certified statements that were false: {false}."
    )
