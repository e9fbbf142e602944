"""One figure for each data matrix, as PNG and SVG: a column for each task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..drawing import canvas, save
from ..numbers import power
from . import panels
from .outcome import Outcome
from .style import LOOK

__all__ = ["draw"]

_ROWS = (panels.loss_by_step, panels.loss_by_time, panels.drift_by_step)
_HEIGHTS = (1.25, 1.25, 0.8)
_SIZE = (17.0, 13.0)  # inches


def draw(outcome: Outcome, directory: Path) -> list[Path]:
    """Write ``maps-NAME.png`` and ``.svg``; return their paths."""
    problem, races = outcome.problem, outcome.races
    title = (
        f"{problem.title}   ·   gradient descent to a hidden matrix   ·   condition "
        f"{power(races[0].task.condition)}   ·   numpy {problem.matrix.dtype.name}"
    )
    with canvas(title, _SIZE) as figure:
        grid = figure.subplots(len(_ROWS), len(races), height_ratios=_HEIGHTS, sharey="row")
        for line, drawer in zip(grid, _ROWS, strict=True):
            for axes, race in zip(line, races, strict=True):
                drawer(axes, race)
            for axes in line[1:]:
                axes.tick_params(labelleft=False)
                axes.set_ylabel("")
        figure.legend(handles=_legend(outcome), loc="outside lower center", ncols=8, fontsize=12.5)
        return save(figure, directory, f"maps-{problem.name}")


def _legend(outcome: Outcome) -> list[Any]:
    from matplotlib.lines import Line2D

    drawn = {run.chart for race in outcome.races for run in race.runs}
    return [
        Line2D([], [], **look.final() | {"linestyle": look.dashes}, label=chart)
        for chart, look in LOOK.items()
        if chart in drawn
    ]
