"""The panels of a figure: each draws one view of a task on one pair of axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..axes import level, plain, step_axis, visible
from ..palette import GREY
from .outcome import Race, Run
from .style import LOOK

__all__ = ["drift_by_step", "loss_by_step", "loss_by_time"]

_STEPS = (0, 5, 20, 50, 100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 5000)
_MARKS = 9  # along a curve


def loss_by_step(axes: Any, race: Race) -> None:
    """What a step is worth."""
    for run in race.runs:
        _curve(axes, run, range(len(run.drift)), visible(run.descent.losses, _least(race)))
    _floor(axes, race, "floor")
    axes.set_yscale("log")
    step_axis(axes, _STEPS)
    axes.set(title=race.task.title, ylabel="loss  ‖XQ − XQ*‖²")


def loss_by_time(axes: Any, race: Race) -> None:
    """What a millisecond is worth."""
    for run in race.runs:
        if run.descent.steps:
            times = 1e3 * np.asarray(run.descent.seconds[1:])
            _curve(axes, run, times, visible(run.descent.losses[1:], _least(race)))
    _floor(axes, race, "floor of determinant +1")
    axes.set_yscale("log")
    axes.set_xscale("log")
    plain(axes.xaxis)
    axes.set(xlabel="time  [ms]", ylabel="loss  ‖XQ − XQ*‖²")


def drift_by_step(axes: Any, race: Race) -> None:
    """How far from orthonormal the iterates have been so far."""
    eps = float(np.finfo(race.task.target.dtype).eps)
    for run in race.runs:
        if run.descent.steps:
            worst = np.maximum.accumulate(run.drift[1:])
            _curve(axes, run, range(1, run.descent.steps + 1), visible(worst, eps / 4))
    level(axes, eps, "eps", GREY, above=False)
    axes.set_yscale("log")
    step_axis(axes, _STEPS)
    axes.set_ylim(eps / 8, max(axes.get_ylim()[1], 1e3 * eps))
    axes.set(ylabel="largest drift  ‖QᵀQ − I‖₂")


def _curve(axes: Any, run: Run, x: Any, y: Any) -> None:
    # Evenly along the square-root scale.
    last = len(y) - 1
    marks = sorted({round(last * (i / _MARKS) ** 2) for i in range(_MARKS + 1)})
    axes.plot(x, y, **LOOK[run.chart].curve(), markevery=marks)


def _floor(axes: Any, race: Race, text: str) -> None:
    if race.task.floor is not None:
        level(axes, race.task.floor, text, GREY, above=False)


def _least(race: Race) -> float:
    """A loss of 0 is drawn well below a rounding."""
    return race.task.rounding / 1e3
