"""The table of one experiment and the paragraph at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..numbers import duration
from ..report import whereabouts
from .outcome import TIME, Experiment

__all__ = ["columns", "rows", "summary"]

_PEERS = ("orthogonal_procrustes", "align_vectors")


def columns(experiment: Experiment) -> list[str]:
    """What x is, then the solvers."""
    return [f">{experiment.x_name}", *(f">{name}" for name in experiment.curves)]


def rows(experiment: Experiment) -> list[tuple[str, ...]]:
    """One for every x."""
    return [
        (f"{x:g}", *(_cell(experiment, name, i) for name in experiment.curves))
        for i, x in enumerate(experiment.x)
    ]


def _cell(experiment: Experiment, name: str, i: int) -> str:
    """A question mark where the solver itself says that it is not sure."""
    value = experiment.curves[name][i]
    if experiment.kind == TIME:
        return duration(value)
    return f"{value:.1e}" + ("?" if experiment.x[i] in experiment.doubts[name] else " ")


def summary(
    found: Mapping[str, Sequence[Experiment]], directory: Path, files: Sequence[Path]
) -> str:
    """How orthola compares with SciPy where it is hardest, and where the files are."""
    doubt = any(any(e.doubts.values()) for group in found.values() for e in group)
    note = ["A question mark: the solver says that the points do not determine the answer."]
    verdicts = [
        f"{name}: {'; '.join(map(_verdict, experiments))}." for name, experiments in found.items()
    ]
    return " ".join(
        [*verdicts, *(note if doubt else []), whereabouts(directory, "procrustes", files)]
    )


def _verdict(experiment: Experiment) -> str:
    unsure = experiment.doubts.get("procrustes", [])
    last = max(i for i, x in enumerate(experiment.x) if x not in unsure)
    ours = experiment.curves["procrustes"][last]
    where = f"{experiment.x_name} {experiment.x[last]:g}"
    peers = {name: experiment.curves[name][last] for name in _PEERS if name in experiment.curves}
    if experiment.kind == TIME:
        others = ", ".join(f"{name} {duration(t)}" for name, t in peers.items())
        return f"{experiment.title}, {where}: {duration(ours)} ({others})"
    errors = ", ".join(f"{name} {e:.0e}" for name, e in peers.items())
    return f"{experiment.title}, {where}: error {ours:.0e} ({errors})"
