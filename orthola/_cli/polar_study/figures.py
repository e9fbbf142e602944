"""One wide figure for each matrix, as PNG and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..drawing import Figure, canvas, save
from ..numbers import power
from . import panels
from .outcome import Outcome
from .style import LOOK
from .tables import label

__all__ = ["draw"]

_GRID = (
    (panels.orthogonality, panels.residual, panels.spread),
    (panels.accuracy_and_time, panels.spectrum, panels.approximate_factor),
)
_SIZE = (17.0, 9.6)  # inches
_CAPTION = (
    "Top: errors after each step, and the smallest and largest singular value of the iterate, a "
    "band that closes at 1; a curve that comes down to the line at eps is as accurate as the "
    "precision allows. Bottom left: the larger error against the time of the whole call, where "
    'lower left is better; large marks are finished results, the ring is what "auto" chose. Bottom '
    "right: the singular values that the methods are up against, and the range that orthogonalize "
    "takes them to, inside of the interval that its schedule states."
)


def draw(outcome: Outcome, directory: Path) -> Figure:
    """Write ``polar-NAME.png`` and ``.svg``."""
    problem = outcome.problem
    title = (
        f"{problem.title}   ·   condition {power(outcome.condition)}   ·   "
        f"{outcome.backend} {problem.matrix.dtype.name}"
    )
    with canvas(title, _SIZE) as figure:
        for line, drawers in zip(figure.subplots(2, 3), _GRID, strict=True):
            for axes, drawer in zip(line, drawers, strict=True):
                drawer(axes, outcome)
        figure.legend(handles=_legend(outcome), loc="outside lower center", ncols=8, fontsize=12.5)
        return save(figure, directory, f"polar-{problem.name}", _CAPTION)


def _legend(outcome: Outcome) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = []
    for curve in outcome.curves:
        line = {"linestyle": "-"} if curve.stepwise else {}
        look = LOOK[curve.method].final() | line | {"markersize": 9}
        handles.append(Line2D([], [], **look, label=label(curve)))
    return handles
