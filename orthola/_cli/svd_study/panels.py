"""The panels of a figure: each draws one experiment on one pair of axes."""

from __future__ import annotations

from typing import Any

from ..axes import visible
from .outcome import Experiment
from .style import LOOK

__all__ = ["panel"]

_LABELS = {
    "excess": "error / least possible error − 1",
    "rank": "rank",
    "seconds": "time  [s]",
    "megabytes": "memory  [MB]",
    "compression": "compression ratio",
}
_LEAST = 1e-16  # an excess of 0 is drawn here


def panel(axes: Any, experiment: Experiment) -> None:
    """One line for each contender; hollow markers where something is certified."""
    for name, values in experiment.curves.items():
        y = visible(values, _LEAST) if experiment.log_y else values
        axes.plot(experiment.x, y, **LOOK[name].curve())
    axes.set(
        xscale="log" if experiment.log_x else "linear",
        yscale="log" if experiment.log_y else "linear",
        title=experiment.title, xlabel=experiment.x_name, ylabel=_LABELS[experiment.y_name],
    )  # fmt: skip
    _name_each(axes, experiment.x)


def _name_each(axes: Any, x: list[float]) -> None:
    """Few values: name each; plain numbers upwards too, where they are not tiny."""
    from matplotlib.ticker import (
        FixedLocator,
        LogLocator,
        NullFormatter,
        NullLocator,
        StrMethodFormatter,
    )

    axes.xaxis.set_major_locator(FixedLocator(x))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    if axes.get_yscale() == "log" and axes.dataLim.y0 > 0.05:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
