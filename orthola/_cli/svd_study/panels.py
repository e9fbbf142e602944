"""The panels of a figure: each draws one experiment on one pair of axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..axes import name_each, plain, visible
from .outcome import Experiment
from .style import LOOK

__all__ = ["panel"]

_LABELS = {
    "excess": "error / least possible error − 1",
    "rank": "rank",
    "seconds": "time  [ms]",
    "megabytes": "memory  [MB]",
    "compression": "compression ratio",
}
_LEAST = 1e-16  # an excess of 0 is drawn here


def panel(axes: Any, experiment: Experiment) -> None:
    """One line for each contender; hollow markers where something is certified."""
    for name, values in experiment.curves.items():
        y = visible(values, _LEAST) if experiment.log_y else np.asarray(values)
        y = 1e3 * y if experiment.y_name == "seconds" else y
        axes.plot(experiment.x, y, **LOOK[name].curve())
    axes.set(
        xscale="log" if experiment.log_x else "linear",
        yscale="log" if experiment.log_y else "linear",
        title=experiment.title, xlabel=experiment.x_name, ylabel=_LABELS[experiment.y_name],
    )  # fmt: skip
    name_each(axes.xaxis, experiment.x)
    if experiment.log_y and experiment.y_name != "excess":
        plain(axes.yaxis)
