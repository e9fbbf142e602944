"""The panels of a figure: each draws one view of an outcome on one pair of axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .approximation import LOWER_BOUND
from .outcome import Outcome
from .sampling import Curve
from .style import LEVEL, LOOK, STATED

__all__ = [
    "accuracy_and_time",
    "approximate_factor",
    "orthogonality",
    "residual",
    "spectrum",
    "spread",
]

_FLOOR = 1e-17  # a singular value of 0 has no logarithm
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
    _step_axis(axes)
    axes.set(title="Singular values of the iterate", ylabel="smallest and largest σ")


def accuracy_and_time(axes: Any, outcome: Outcome) -> None:
    """Error against the time of the whole call: seconds per digit."""
    for curve in outcome.curves:
        look = LOOK[curve.method]
        timed = [p for p in curve.points if p.seconds is not None]
        times = [1e3 * (p.seconds or 0.0) for p in timed]
        errors = _visible([p.quality.error for p in timed], outcome.eps)
        axes.loglog(times, errors, color=look.colour, marker=look.marker, lw=1.2, ms=4, alpha=0.6)
        axes.loglog(times[-1:], errors[-1:], **look.final())
    _level(axes, outcome.eps, "eps", "#777777")
    _cut(axes, outcome.eps)
    _millisecond_axis(axes)
    axes.set(title="Accuracy and time", ylabel="larger of the two errors")


def spectrum(axes: Any, outcome: Outcome) -> None:
    """Singular values of the matrix: what the methods are up against."""
    values = outcome.singular_values / outcome.singular_values[0]
    index = np.arange(1, values.size + 1)
    axes.semilogy(index, _visible(values, outcome.eps), color="#444444", lw=2.5)
    _level(axes, outcome.eps, "eps", "#777777")
    axes.xaxis.get_major_locator().set_params(integer=True)
    bound = LOWER_BOUND * float(np.linalg.norm(values))
    _level(axes, bound, "orthogonalize: interval above", STATED, above=False)
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
            errors = _visible(values(curve), outcome.eps)
            axes.semilogy(steps, errors, color=look.colour, marker=look.marker)
        elif curve.method == "svd":
            _level(axes, _visible(values(curve), outcome.eps)[0], "svd", look.colour)
    _level(axes, outcome.eps, "eps", "#777777", above=False)
    _step_axis(axes)
    _cut(axes, outcome.eps)


def _step_axis(axes: Any) -> None:
    """Square-root scale: room for the first steps, where most methods end."""
    most = max(round(float(axes.dataLim.x1)), 1)
    axes.set_xscale("function", functions=(_signed_root, _signed_square))
    axes.set_xlim(-0.05, most * 1.06)
    axes.set_xticks([k for k in (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 35, 40) if k <= most])
    axes.set_xlabel("steps")


def _signed_root(x: Any) -> Any:
    return np.sign(x) * np.sqrt(np.abs(x))


def _signed_square(x: Any) -> Any:
    return np.sign(x) * np.square(x)


def _millisecond_axis(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("time of the call  [ms]")


def _visible(values: Any, eps: float) -> Any:
    """Values for a logarithmic axis: a 0 is drawn below eps, NaN is not drawn."""
    return np.maximum(np.asarray(values, dtype=float), eps / 30)


def _cut(axes: Any, eps: float) -> None:
    """Room below for the name of the line at eps, and no more above than can be read."""
    axes.set_ylim(eps / 100, min(max(axes.get_ylim()[1], 10.0), _CEILING))


def _level(axes: Any, level: float, text: str, colour: str, *, above: bool = True) -> None:
    """A dashed line with its name at the left end."""
    axes.axhline(level, **LEVEL | {"color": colour})
    axes.annotate(
        text,
        (0.0, level),
        xycoords=("axes fraction", "data"),
        xytext=(5, 3 if above else -4),
        textcoords="offset points",
        va="bottom" if above else "top",
        fontsize=10,
        color=colour,
    )
