"""The panels of a figure: each draws one view of an outcome on one pair of axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..axes import level, plain, step_axis, visible
from ..drawing import LEVEL
from ..palette import GREY
from .approximation import LOWER_BOUND
from .outcome import Outcome
from .sampling import Curve
from .style import LOOK, STATED

__all__ = [
    "accuracy_and_time",
    "approximate_factor",
    "orthogonality",
    "residual",
    "spectrum",
    "spread",
]

_FLOOR = 1e-17  # a singular value of 0 has no logarithm
_BELOW = 1 / 30  # of eps: where an error of 0 is drawn
_CEILING = 1e3  # errors above this are cut off: they say no more than "not yet"


def orthogonality(axes: Any, outcome: Outcome) -> None:
    """Distance from orthonormality after each step."""
    _errors(axes, outcome, lambda curve: [p.quality.orthogonality for p in curve.points])
    axes.set(title="Orthogonality", ylabel="‖UᴴU − I‖₂")


def residual(axes: Any, outcome: Outcome) -> None:
    """Backward error after each step."""
    _errors(axes, outcome, lambda curve: [p.quality.residual for p in curve.points])
    axes.set(title="Residual", ylabel="‖A − UH‖ / ‖A‖")


def spread(axes: Any, outcome: Outcome) -> None:
    """Smallest and largest singular value of the iterate: a band that closes at 1."""
    for curve in outcome.curves:
        if not curve.stepwise:
            continue
        steps = [p.steps for p in curve.points]
        low = [max(p.quality.smallest, _FLOOR) for p in curve.points]
        high = [p.quality.largest for p in curve.points]
        look = LOOK[curve.method]
        axes.fill_between(steps, low, high, color=look.colour, alpha=0.13, linewidth=0)
        for edge in (low, high):
            axes.semilogy(steps, edge, color=look.colour, marker=look.marker, markersize=4)
    axes.axhline(1.0, **LEVEL)
    bottom, top = axes.get_ylim()
    axes.set_ylim(min(bottom, 0.05), max(top, 5.0))  # at least two powers of ten are named
    step_axis(axes)
    axes.set(title="Singular values of the iterate", ylabel="smallest and largest σ")


def accuracy_and_time(axes: Any, outcome: Outcome) -> None:
    """Error against the time of the whole call: seconds per digit."""
    for curve in outcome.curves:
        look = LOOK[curve.method]
        timed = [p for p in curve.points if p.seconds is not None]
        times = [1e3 * (p.seconds or 0.0) for p in timed]
        errors = visible([p.quality.error for p in timed], outcome.eps * _BELOW)
        axes.loglog(times, errors, color=look.colour, marker=look.marker, lw=1.2, ms=4, alpha=0.6)
        axes.loglog(times[-1:], errors[-1:], **look.final())
    level(axes, outcome.eps, "eps", GREY)
    _cut(axes, outcome.eps)
    plain(axes.xaxis)
    axes.set(
        title="Accuracy and time", xlabel="time of the call  [ms]",
        ylabel="larger of the two errors",
    )  # fmt: skip


def spectrum(axes: Any, outcome: Outcome) -> None:
    """Singular values of the matrix: what the methods are up against."""
    values = outcome.singular_values / outcome.singular_values[0]
    index = np.arange(1, values.size + 1)
    axes.semilogy(index, visible(values, outcome.eps * _BELOW), color="#444444", lw=2.5)
    level(axes, outcome.eps, "eps", GREY)
    axes.xaxis.get_major_locator().set_params(integer=True)
    bound = LOWER_BOUND * float(np.linalg.norm(values))
    level(axes, bound, "orthogonalize: interval above", STATED, above=False)
    axes.set(title="The matrix", xlabel="i", ylabel="singular values  σᵢ / σ₁")


def approximate_factor(axes: Any, outcome: Outcome) -> None:
    """What `orthogonalize` does to the singular values, and the interval it states."""
    for found in outcome.approximations:
        k, (low, high) = found.steps, found.interval
        axes.fill_between([k - 0.36, k + 0.36], low, high, color=STATED, alpha=0.25, lw=0)
        for piece, colour in ((found.below, "#999999"), (found.covered, STATED)):
            if piece is not None:
                # The marks at the ends show where the range has no length any more.
                axes.plot([k, k], piece, color=colour, lw=6, marker="_", ms=9, mew=1.5,
                          solid_capstyle="butt")  # fmt: skip
    axes.axhline(1.0, **LEVEL)
    axes.set(title="orthogonalize", xlabel="steps", ylabel="singular values of the result")
    axes.legend(handles=_approximation_key(), loc="upper right", fontsize=10)


def _approximation_key() -> list[Any]:
    from matplotlib.patches import Patch

    return [
        Patch(color=STATED, alpha=0.25, lw=0, label="interval stated by schedule()"),
        Patch(color=STATED, lw=0, label=f"found, σ ≥ {LOWER_BOUND:g} ‖A‖"),
        Patch(color="#999999", lw=0, label="found, smaller σ"),
    ]


def _errors(axes: Any, outcome: Outcome, values: Callable[[Curve], list[float]]) -> None:
    for curve in outcome.curves:
        look = LOOK[curve.method]
        if curve.stepwise:
            steps = [p.steps for p in curve.points]
            errors = visible(values(curve), outcome.eps * _BELOW)
            axes.semilogy(steps, errors, color=look.colour, marker=look.marker)
        elif curve.method == "svd":
            level(axes, visible(values(curve), outcome.eps * _BELOW)[0], "svd", look.colour)
    level(axes, outcome.eps, "eps", GREY, above=False)
    step_axis(axes)
    _cut(axes, outcome.eps)


def _cut(axes: Any, eps: float) -> None:
    """Room below for the name of the line at eps, and no more above than can be read."""
    axes.set_ylim(eps / 100, min(max(axes.get_ylim()[1], 10.0), _CEILING))
