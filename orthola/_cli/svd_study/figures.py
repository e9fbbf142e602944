"""One figure for each data set, as PNG and SVG: a panel for each experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..drawing import canvas, save
from ..matrices import Problem
from .outcome import Experiment
from .panels import line, panel
from .style import LOOK

__all__ = ["draw"]

_SIZE = (17.0, 9.8)  # inches


def draw(problem: Problem, found: Sequence[Experiment], directory: Path) -> list[Path]:
    """Write ``svd-NAME.png`` and ``.svg``; return their paths."""
    with canvas(f"{problem.title}   ·   streamed singular value decompositions", _SIZE) as figure:
        for axes, experiment in zip(figure.subplots(2, 3).flat, found, strict=True):
            panel(axes, experiment)
        figure.legend(handles=_legend(found), loc="outside lower center", ncols=7, fontsize=12.5)
        return save(figure, directory, f"svd-{problem.name}")


def _legend(found: Sequence[Experiment]) -> list[Any]:
    from matplotlib.lines import Line2D

    drawn = {name for experiment in found for name in experiment.curves}
    return [
        Line2D([], [], **line(look), markersize=8, label=name)
        for name, look in LOOK.items()
        if name in drawn
    ]
