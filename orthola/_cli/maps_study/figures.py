"""One figure for each data matrix, as PNG and SVG: a column for each task."""

from __future__ import annotations

from pathlib import Path

from ..drawing import Figure, canvas, legend, save
from ..numbers import power
from . import panels
from .outcome import Outcome
from .style import LOOK

__all__ = ["draw"]

_ROWS = (panels.loss_by_step, panels.loss_by_time, panels.drift_by_step)
_HEIGHTS = (1.25, 1.25, 0.8)
_SIZE = (17.0, 13.0)  # inches
_CAPTION = (
    "A column for each hidden matrix. Top and middle: the loss after each step and against time; "
    "the curve that falls first is the best way to train. Retractions, which move the matrix "
    "itself, are dashed. The exponential has determinant 1 only: where a reflection is to be "
    "found it stays above the floor that is drawn. Bottom: how far from orthonormal the iterates "
    "have been at most."
)


def draw(outcome: Outcome, directory: Path) -> Figure:
    """Write ``maps-NAME.png`` and ``.svg``."""
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
        drawn = {run.chart for race in races for run in race.runs}
        figure.legend(
            handles=legend(LOOK, drawn), loc="outside lower center", ncols=8, fontsize=12.5
        )
        return save(figure, directory, f"maps-{problem.name}", _CAPTION)
