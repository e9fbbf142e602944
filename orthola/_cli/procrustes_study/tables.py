"""The table of each experiment, and what they say in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..experiments import Measured
from ..numbers import duration
from ..table import Table, table_over
from .outcome import TIME, Experiment

__all__ = ["tables", "verdict"]

_PEERS = ("orthogonal_procrustes", "align_vectors")


def tables(found: Measured[Experiment]) -> Iterator[Table]:
    """One for each experiment."""
    for e in found.experiments:
        heading = f"{e.title}: {e.kind}, {found.problem.name}"
        yield table_over(heading, e.x_name, e.x, e.curves, partial(_cell, e))


def _cell(experiment: Experiment, name: str, i: int) -> str:
    """A question mark where the solver itself says that it is not sure."""
    value = experiment.curves[name][i]
    if experiment.kind == TIME:
        return duration(value)
    return f"{value:.1e}" + ("?" if experiment.x[i] in experiment.doubts[name] else " ")


def verdict(found: Measured[Experiment]) -> str:
    """How orthola compares with SciPy where it is hardest."""
    text = f"{found.problem.name}: {'; '.join(map(_comparison, found.experiments))}."
    if any(any(experiment.doubts.values()) for experiment in found.experiments):
        text += " A question mark: the solver says that the points do not determine the answer."
    return text


def _comparison(experiment: Experiment) -> str:
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
