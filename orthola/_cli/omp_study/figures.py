"""One figure for each data set, as PNG and SVG: a panel for each experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..drawing import canvas, save
from . import panels
from .outcome import Outcome
from .style import LOOK

__all__ = ["draw"]

_SIZE = (17.0, 9.8)  # inches


def draw(outcome: Outcome, directory: Path) -> list[Path]:
    """Write ``omp-NAME.png`` and ``.svg``; return their paths."""
    problem = outcome.signals.problem
    with canvas(f"{problem.title}   ·   orthogonal matching pursuit", _SIZE) as figure:
        (first, second, cut), (decay, sparsity, dictionary) = figure.subplots(2, 3)
        for axes, found in zip((first, second), outcome.recoveries, strict=True):
            drawn = panels.recovery_map(axes, found)
        bar = figure.colorbar(drawn, ax=[first, second], pad=0.015, fraction=0.03)
        bar.set_label("share recovered by OMP; lines: one half", labelpad=9)
        panels.recovery_cut(cut, outcome.recoveries)
        panels.decay_panel(decay, outcome.decay)
        for axes, speed in zip((sparsity, dictionary), outcome.speeds, strict=True):
            panels.speed_panel(axes, speed)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=6, fontsize=12.5)
        return save(figure, directory, f"omp-{problem.name}")


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], **look.final() | {"linestyle": look.dashes}, label=name)
        for name, look in LOOK.items()
    ]
