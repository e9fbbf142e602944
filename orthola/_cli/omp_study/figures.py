"""One figure for each data set, as PNG and SVG: a panel for each experiment."""

from __future__ import annotations

from pathlib import Path

from ..drawing import Figure, canvas, legend, save
from . import panels
from .outcome import Outcome
from .style import LOOK

__all__ = ["draw"]

_SIZE = (17.0, 9.8)  # inches
_CAPTION = (
    "Top: the share of planted codes that OMP recovers, dark where all of them, for Gaussian "
    "atoms and for rows of the data; half of them are recovered below the lines, the full one of "
    "OMP, the dashed one of OLS. At the right, the last column of both maps. Bottom left: what is "
    "left of signals that no atom was made of, lower is better. Bottom middle and right: signals "
    "coded in a second of processor time, higher is better; a point is missing where a result was "
    "wrong."
)


def draw(outcome: Outcome, directory: Path) -> Figure:
    """Write ``omp-NAME.png`` and ``.svg``."""
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
        figure.legend(
            handles=legend(LOOK, LOOK), loc="outside lower center", ncols=6, fontsize=12.5
        )
        return save(figure, directory, f"omp-{problem.name}", _CAPTION)
