"""One figure for each cloud, as PNG and SVG: a panel for each experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..axes import name_each, plain, visible
from ..drawing import LEVEL, Figure, canvas, legend, save
from ..experiments import Measured
from ..palette import GREY
from .outcome import TIME, Experiment
from .style import LOOK

__all__ = ["draw"]

_SIZE = (17.0, 9.6)  # inches
_LEAST = 1e-17  # an error of 0 is drawn here
_CAPTION = (
    "The first four panels show errors of the rotation: a curve that follows u κ is as accurate "
    "as the data allow, one that follows u κ² has lost twice the digits. A hollow mark says that "
    "the solver itself holds the answer to be undetermined. The last two show times of one fit "
    "against the number of dimensions, and of each fit in a batch: lower is better."
)


def draw(found: Measured[Experiment], directory: Path) -> Figure:
    """Write ``procrustes-NAME.png`` and ``.svg``."""
    problem, experiments = found.problem, found.experiments
    title = f"{problem.title}   ·   orthogonal Procrustes problems"
    drawn = {name for experiment in experiments for name in experiment.curves}
    with canvas(title, _SIZE) as figure:
        for axes, experiment in zip(figure.subplots(2, 3).flat, experiments, strict=True):
            _panel(axes, experiment)
        handles = legend(LOOK, drawn)
        if any(any(experiment.doubts.values()) for experiment in experiments):
            handles.append(_doubt())
        figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=12.5)
        return save(figure, directory, f"procrustes-{problem.name}", _CAPTION)


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
        axes.plot(experiment.x, y, **look.curve())
        unsure = [i for i, x in enumerate(experiment.x) if x in experiment.doubts.get(name, [])]
        axes.plot(
            [experiment.x[i] for i in unsure], [y[i] for i in unsure], linestyle="none",
            color=look.colour, marker=look.marker, markersize=9, markerfacecolor="white",
        )  # fmt: skip
    axes.set(
        xscale="log", yscale="log", title=experiment.title, xlabel=experiment.x_name,
        ylabel="time  [µs]" if timed else "error  ‖R − R*‖",
    )  # fmt: skip
    if any(np.log10(x) % 1.0 for x in experiment.x):
        name_each(axes.xaxis, experiment.x)
    if timed:
        plain(axes.yaxis)


def _doubt() -> Any:
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], marker="o", markersize=9, color=GREY, linestyle="none", markerfacecolor="white",
        label="says: not determined",
    )  # fmt: skip
