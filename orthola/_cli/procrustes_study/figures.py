"""One figure for each cloud, as PNG and SVG: a panel for each experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..axes import visible
from ..drawing import LEVEL, canvas, save
from ..matrices import Problem
from .outcome import TIME, Experiment
from .style import LOOK

__all__ = ["draw"]

_SIZE = (17.0, 9.6)  # inches
_LEAST = 1e-17  # an error of 0 is drawn here


def draw(problem: Problem, found: Sequence[Experiment], directory: Path) -> list[Path]:
    """Write ``procrustes-NAME.png`` and ``.svg``; return their paths."""
    title = f"{problem.title}   ·   orthogonal Procrustes problems"
    with canvas(title, _SIZE) as figure:
        for axes, experiment in zip(figure.subplots(2, 3).flat, found, strict=True):
            _panel(axes, experiment)
        figure.legend(handles=_legend(found), loc="outside lower center", ncols=6, fontsize=12.5)
        return save(figure, directory, f"procrustes-{problem.name}")


def _panel(axes: Any, experiment: Experiment) -> None:
    timed = experiment.kind == TIME
    for name, values in experiment.guides.items():
        axes.plot(experiment.x, values, **LEVEL)
        axes.annotate(
            name, (experiment.x[-1], values[-1]), xytext=(4, 0), textcoords="offset points",
            color=LEVEL["color"], fontsize=10, va="center", annotation_clip=False,
        )  # fmt: skip
    for name, values in experiment.curves.items():
        look = LOOK[name]
        y = 1e6 * np.asarray(values) if timed else visible(values, _LEAST)
        axes.plot(experiment.x, y, color=look.colour, marker=look.marker, linestyle=look.dashes)
        unsure = [i for i, x in enumerate(experiment.x) if x in experiment.doubts.get(name, [])]
        axes.plot(
            [experiment.x[i] for i in unsure], [y[i] for i in unsure], linestyle="none",
            color=look.colour, marker=look.marker, markersize=9, markerfacecolor="white",
        )  # fmt: skip
    axes.set(
        xscale="log", yscale="log", title=experiment.title, xlabel=experiment.x_name,
        ylabel="time  [µs]" if timed else "error  ‖R − R*‖",
    )  # fmt: skip
    _ticks(axes, experiment.x)


def _ticks(axes: Any, x: list[float]) -> None:
    """Few values that are no powers of ten: name each."""
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

    if any(np.log10(value) % 1.0 for value in x):
        axes.xaxis.set_major_locator(FixedLocator(x))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_minor_locator(NullLocator())


def _legend(found: Sequence[Experiment]) -> list[Any]:
    from matplotlib.lines import Line2D

    drawn = {name for experiment in found for name in experiment.curves}
    handles = [
        Line2D([], [], **look.final() | {"linestyle": look.dashes}, label=name)
        for name, look in LOOK.items()
        if name in drawn
    ]
    if any(any(experiment.doubts.values()) for experiment in found):
        unsure = Line2D([], [], marker="o", markersize=9, color="#777777", linestyle="none")
        unsure.set(markerfacecolor="white", label="says: not determined")
        handles.append(unsure)
    return handles
