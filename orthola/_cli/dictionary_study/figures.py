"""The figures: one of all synthetic streams, one for each real data set; PNG and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..drawing import Figure, canvas, save
from . import panels
from .outcome import Coding, Streams

__all__ = ["draw"]

_OF_STREAMS = (
    "Samples whose atoms are known. First four panels: the error of the learned dictionary "
    "against the number of samples, 0 where every atom is found; the dotted curves are the bare "
    "iterate, which the refinement brings down. Next four: the Frank-Wolfe gap of the same runs, "
    "which is to fall at least as fast as the rate of the theory. Last four: noise, the race with "
    "scikit-learn on the same mini-batches with its time, and atoms that turn while they are "
    "learned."
)
_OF_CODES = (
    "Rows that no learner has seen, coded with few terms. Left: the error relative to that of the "
    "cosine transform, below 1 is better. Right: the error while the stream goes by, with the "
    "time that learning took. Below: the atoms in the order of their use."
)


def draw(found: Streams | Coding, directory: Path) -> Figure:
    """Write ``dictionary-streams`` or ``dictionary-NAME`` as PNG and SVG."""
    return _coding(found, directory) if isinstance(found, Coding) else _streams(found, directory)


def _streams(found: Streams, directory: Path) -> Figure:
    from matplotlib.lines import Line2D

    title = (
        "Online orthogonal dictionary learning   ·   one pass over sparse samples   ·   unless "
        "stated: order n = 20, share of entries in use θ = 0.3, mini-batches of b = 10 rows"
    )
    watched = [experiment for experiment in found.experiments if experiment.has_gaps]
    others = [experiment for experiment in found.experiments if not experiment.has_gaps]
    views = [(panels.recovery, experiment) for experiment in watched]
    views += [(panels.gaps, experiment) for experiment in watched]
    views += [(panels.recovery, experiment) for experiment in others]
    with canvas(title, (23.0, 14.5)) as figure:
        for axes, (draw, experiment) in zip(figure.subplots(3, 4).flat, views, strict=True):
            draw(axes, experiment)
        grey: dict[str, Any] = {"color": "#555555"}
        figure.legend(
            handles=[
                Line2D([], [], **grey, label="result: median of the seeds"),
                Line2D([], [], **grey, linewidth=8, alpha=0.2, label="least to largest"),
                Line2D([], [], **grey, **panels.BARE, label="bare iterate, not refined"),
            ],
            loc="outside lower center", ncols=3, fontsize=12.5,
        )  # fmt: skip
        return save(figure, directory, "dictionary-streams", _OF_STREAMS)


def _coding(coding: Coding, directory: Path) -> Figure:
    learned, unseen = coding.rows
    title = f"{coding.title}   ·   {learned} rows to learn from, {unseen} unseen"
    with canvas(title, (18.5, 9.6)) as figure:
        # Parts of their own: the names beside the curves are not to push the pictures apart.
        top, bottom = figure.subfigures(2, 1, height_ratios=(1.65, 1.0))
        left, right = top.subplots(1, 2)
        panels.coding_by_terms(left, coding)
        panels.coding_by_samples(right, coding)
        cells = bottom.subplots(1, len(coding.atoms))
        for axes, (name, atoms) in zip(cells, coding.atoms.items(), strict=True):
            panels.atoms(axes, atoms, name)
        return save(figure, directory, f"dictionary-{coding.name}", _OF_CODES)
