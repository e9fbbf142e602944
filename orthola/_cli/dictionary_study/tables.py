"""The tables, and what they say in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from ..numbers import duration
from ..table import Table
from .coding import COSINES, FROM_HAAR
from .learners import PEER
from .outcome import Coding, Curve, Experiment, Streams

__all__ = ["tables", "verdict"]

_COLUMNS = (
    "", ">samples", ">error", ">bare iterate", ">gap", ">atoms found", ">least |cos|",
    ">to 1e-2", ">to 1e-3", ">time", ">per sample",
)  # fmt: skip


def tables(found: Streams | Coding) -> Iterator[Table]:
    """One for each experiment, with a row for each curve, or one of all dictionaries."""
    if isinstance(found, Coding):
        yield _codes(found)
        return
    for experiment in found.experiments:
        yield Table(experiment.title, _COLUMNS, [_row(curve) for curve in experiment.curves])


def verdict(found: Streams | Coding) -> str:
    """How orthola compares, on streams or on real data."""
    if isinstance(found, Coding):
        return _coding(found)
    return " ".join(_race(experiment) for experiment in found.experiments if experiment.is_race)


def _row(curve: Curve) -> tuple[str, ...]:
    seen, seconds = curve.samples[-1], curve.seconds[-1]
    error = _ranged(curve, "error")
    plain = curve.as_json()
    bare, gap = (
        f"{curve.middle(what)[-1]:.1e}" if what in plain else "-"
        for what in ("iterate_error", "gap")
    )
    goals = (curve.samples_to(1e-2), curve.samples_to(1e-3))
    return (
        curve.name, str(seen), error, bare, gap, f"{plain['found']:.0%}", f"{plain['cosine']:.4f}",
        *("-" if m is None else str(m) for m in goals), duration(seconds), duration(seconds / seen),
    )  # fmt: skip


def _ranged(curve: Curve, what: str) -> str:
    middle = f"{curve.middle(what)[-1]:.1e}"
    if len(curve.traces) == 1:
        return middle
    low, high = curve.spread(what)
    return f"{middle} [{low[-1]:.0e}, {high[-1]:.0e}]"


def _codes(coding: Coding) -> Table:
    rows = [
        (
            name, *(f"{error:.3f}" for error in errors),
            duration(coding.seconds[name]) if name in coding.seconds else "-",
        )
        for name, errors in coding.errors.items()
    ]  # fmt: skip
    columns = ("dictionary", *(f">k = {k}" for k in coding.terms), ">learned in")
    return Table(f"{coding.title}: error of codes of k terms", columns, rows)


def _race(experiment: Experiment) -> str:
    ours, peer = experiment.curves
    told = [f"{c.middle('error')[-1]:.0e} in {duration(c.seconds[-1])}" for c in (ours, peer)]
    return f"{experiment.title}: error {told[0]}, {peer.name} {told[1]}."


def _coding(coding: Coding) -> str:
    at = coding.terms.index(coding.watched)
    ours, base, peer = (coding.errors[name][at] for name in (FROM_HAAR, COSINES, PEER))
    return (
        f"{coding.title}: {coding.watched} terms of a dictionary learned in one pass from a random "
        f"start miss {ours:.3f} of unseen rows, of the cosine transform {base:.3f}, of "
        f"{PEER} (not orthogonal, coded by pursuit) {peer:.3f}."
    )
