"""One wide figure for each matrix, as PNG and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..backends import Backend
from ..drawing import canvas, save
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


def draw(outcome: Outcome, backend: Backend, directory: Path) -> list[Path]:
    """Write ``polar-NAME.png`` and ``.svg``; return their paths."""
    problem = outcome.problem
    title = (
        f"{problem.title}   ·   condition {power(outcome.condition)}   ·   "
        f"{backend.name} {problem.matrix.dtype.name}"
    )
    with canvas(title, _SIZE) as figure:
        for line, drawers in zip(figure.subplots(2, 3), _GRID, strict=True):
            for axes, drawer in zip(line, drawers, strict=True):
                drawer(axes, outcome)
        figure.legend(handles=_legend(outcome), loc="outside lower center", ncols=8, fontsize=12.5)
        return save(figure, directory, f"polar-{problem.name}")


def _legend(outcome: Outcome) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = []
    for curve in outcome.curves:
        line = {"linestyle": "-"} if curve.stepwise else {}
        look = LOOK[curve.method].final() | line | {"markersize": 9}
        handles.append(Line2D([], [], **look, label=label(curve)))
    return handles
