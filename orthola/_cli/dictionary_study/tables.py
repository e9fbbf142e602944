"""The tables, and the paragraph at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..numbers import duration
from ..report import whereabouts
from .coding import COSINES, FROM_HAAR
from .learners import PEER
from .outcome import Coding, Curve, Experiment

__all__ = ["coding_columns", "coding_rows", "columns", "rows", "summary"]


def columns(experiment: Experiment) -> tuple[str, ...]:
    """Names."""
    return (
        "", ">samples", ">error", ">bare iterate", ">gap", ">atoms found", ">least |cos|",
        ">to 1e-2", ">to 1e-3", ">time", ">per sample",
    )  # fmt: skip


def rows(experiment: Experiment) -> list[tuple[str, ...]]:
    """One for each curve."""
    return [_row(curve) for curve in experiment.curves]


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


def coding_columns(coding: Coding) -> tuple[str, ...]:
    """Names."""
    return ("dictionary", *(f">k = {k}" for k in coding.terms), ">learned in")


def coding_rows(coding: Coding) -> list[tuple[str, ...]]:
    """One for each dictionary."""
    return [
        (
            name, *(f"{error:.3f}" for error in errors),
            duration(coding.seconds[name]) if name in coding.seconds else "-",
        )
        for name, errors in coding.errors.items()
    ]  # fmt: skip


def summary(
    found: Sequence[Experiment], coded: Sequence[Coding], directory: Path, files: Sequence[Path]
) -> str:
    """How orthola compares, on streams and on real data, and where the files are."""
    told = [_race(e) for e in found if e.is_race] + [_verdict(c) for c in coded]
    return " ".join([*told, whereabouts(directory, "dictionary", files)])


def _race(experiment: Experiment) -> str:
    ours, peer = experiment.curves
    told = [f"{c.middle('error')[-1]:.0e} in {duration(c.seconds[-1])}" for c in (ours, peer)]
    return f"{experiment.title}: error {told[0]}, {peer.name} {told[1]}."


def _verdict(coding: Coding) -> str:
    at = coding.terms.index(coding.watched)
    ours, base, peer = (coding.errors[name][at] for name in (FROM_HAAR, COSINES, PEER))
    return (
        f"{coding.title}: {coding.watched} terms of a dictionary learned in one pass from a random "
        f"start miss {ours:.3f} of unseen rows, of the cosine transform {base:.3f}, of "
        f"{PEER} (not orthogonal, coded by pursuit) {peer:.3f}."
    )
