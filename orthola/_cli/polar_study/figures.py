"""One wide figure for each matrix, as PNG and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..backends import Backend
from . import panels
from .outcome import Outcome
from .style import LOOK, RC
from .tables import label

__all__ = ["draw"]

_GRID = (
    (panels.orthogonality, panels.residual, panels.spread),
    (panels.accuracy_and_time, panels.spectrum, panels.approximate_factor),
)
_SIZE = (17.0, 9.6)  # inches
_DPI = 110


def draw(outcome: Outcome, backend: Backend, directory: Path) -> list[Path]:
    """Write ``polar-NAME.png`` and ``.svg``; return their paths."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context(RC):
        gaps = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.14, hspace=0.05, wspace=0.04)
        figure = Figure(figsize=_SIZE, layout=gaps)
        FigureCanvasAgg(figure)
        for line, drawers in zip(figure.subplots(2, 3), _GRID, strict=True):
            for axes, drawer in zip(line, drawers, strict=True):
                drawer(axes, outcome)
        problem = outcome.problem
        figure.suptitle(
            f"{problem.title}   ·   condition {_power(outcome.condition)}   ·   "
            f"{backend.name} {problem.matrix.dtype.name}",
            fontsize=16,
            x=0.01,
            ha="left",
        )
        figure.legend(handles=_legend(outcome), loc="outside lower center", ncols=8, fontsize=12.5)
        paths = [directory / f"polar-{problem.name}{suffix}" for suffix in (".png", ".svg")]
        for path in paths:
            figure.savefig(path, dpi=_DPI)
    return paths


def _power(x: float) -> str:
    """A number in mathematical notation."""
    if not np.isfinite(x):
        return "∞"
    if x < 1e4:
        return f"{x:.3g}" if x < 1e3 else f"{x:.0f}"
    digits, exponent = f"{x:.1e}".split("e")
    return rf"${digits} \times 10^{{{int(exponent)}}}$"


def _legend(outcome: Outcome) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = []
    for curve in outcome.curves:
        line = {"linestyle": "-"} if curve.stepwise else {}
        look = LOOK[curve.method].final() | line | {"markersize": 9}
        handles.append(Line2D([], [], **look, label=label(curve)))
    return handles
