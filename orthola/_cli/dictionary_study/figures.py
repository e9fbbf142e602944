"""The figures: one of all synthetic streams, one for each real data set; PNG and SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..drawing import canvas, save
from . import panels
from .outcome import Coding, Experiment

__all__ = ["draw_coding", "draw_streams"]


def draw_streams(found: Sequence[Experiment], directory: Path) -> list[Path]:
    """Write ``dictionary-streams.png`` and ``.svg``; return their paths."""
    from matplotlib.lines import Line2D

    title = (
        "Online orthogonal dictionary learning   ·   one pass over sparse samples   ·   unless "
        "stated: order n = 20, share of entries in use θ = 0.3, mini-batches of b = 10 rows"
    )
    watched = [experiment for experiment in found if experiment.has_gaps]
    others = [experiment for experiment in found if not experiment.has_gaps]
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
        return save(figure, directory, "dictionary-streams")


def draw_coding(coding: Coding, directory: Path) -> list[Path]:
    """Write ``dictionary-NAME.png`` and ``.svg``; return their paths."""
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
        return save(figure, directory, f"dictionary-{coding.name}")
