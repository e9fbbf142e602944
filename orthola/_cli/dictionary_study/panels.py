"""The panels of the figures: each draws one view on one pair of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..drawing import LEVEL
from ..numbers import duration
from .learners import PEER
from .outcome import Coding, Curve, Experiment
from .style import colours

__all__ = ["BARE", "atoms", "coding_by_samples", "coding_by_terms", "gaps", "recovery"]

BARE: dict[str, Any] = {"linewidth": 1.1, "linestyle": (0, (1, 1.5))}  # the iterate, not refined
_LEAST = 1e-12  # smaller errors are drawn here
_LINE = 0.056  # height of a line of text, in heights of the panel
_BETWEEN = "#8FA3B5"  # between pictures of atoms, so that none merges with the paper


def recovery(axes: Any, experiment: Experiment) -> None:
    """Error of the result, and of the bare iterate, against the number of samples."""
    ends = _lines(axes, experiment, "error", lambda curve: np.asarray(curve.samples))
    for curve, (_, _, colour) in zip(experiment.curves, ends, strict=True):
        if curve.traces[0].iterate_error:
            bare = np.maximum(curve.middle("iterate_error"), _LEAST)
            axes.plot(curve.samples, bare, color=colour, **BARE)
    axes.set(title=experiment.title, xlabel="samples", ylabel="error  1 − ‖AD*‖⁴₄ / n")
    axes.set_ylim(top=1.5)
    if experiment.is_race:
        ends = [
            (_with_time(curve), y, colour)
            for curve, (_, y, colour) in zip(experiment.curves, ends, strict=True)
        ]
    _end_labels(axes, ends)


def gaps(axes: Any, experiment: Experiment) -> None:
    """Frank-Wolfe gap against the number of steps, with the rate that theory has."""
    ends = _lines(
        axes, experiment, "gap", lambda curve: np.asarray(curve.samples) / float(curve.batch)
    )
    axes.set_title(f"Gap: {experiment.title[0].lower()}{experiment.title[1:]}")
    axes.set(xlabel="steps t", ylabel="relative gap on unseen rows")
    t = np.geomspace(6.0, max(c.samples[-1] / c.batch for c in experiment.curves), 100)
    rate = np.log(t) / t**0.25
    rate *= 2.0 * max(max(curve.middle("gap")) for curve in experiment.curves) / rate.max()
    axes.plot(t, rate, **LEVEL)
    axes.annotate(
        "∝ ln t / t^¼", (t[-1], rate[-1]), xytext=(0, -4), va="top", ha="right",
        textcoords="offset points", fontsize=10.5, color=LEVEL["color"],
    )  # fmt: skip
    axes.set_ylim(top=2.0 * rate.max())
    _end_labels(axes, ends)


def coding_by_terms(axes: Any, coding: Coding) -> None:
    """Error of the best code of k terms, relative to that of the cosine transform."""
    names = list(coding.errors)
    base = np.asarray(coding.errors[names[0]])
    ends = []
    for name, colour in zip(names, colours(names), strict=True):
        ratio = np.asarray(coding.errors[name]) / base
        axes.plot(coding.terms, ratio, **(
            LEVEL if name == names[0] else {"color": colour, "marker": "o"}
        ))  # fmt: skip
        ends.append((f"{_short(name)}, {ratio[-1]:.2f}", float(ratio[-1]), colour))
    # Orthonormal atoms differ by little; the others may leave the panel, but not its names.
    least = min(min(np.divide(errors, base)) for errors in coding.errors.values())
    most = max(max(np.divide(e, base)) for name, e in coding.errors.items() if name != PEER)
    axes.set_ylim(least - 0.1 * (most - least), most + 0.3 * (most - least))
    axes.set_xscale("log", base=2)
    axes.set_xticks(coding.terms, [str(k) for k in coding.terms])
    axes.set(
        title="Codes of k terms of unseen rows", xlabel="terms k",
        ylabel="error / that of the cosine transform",
    )  # fmt: skip
    _end_labels(axes, ends)


def coding_by_samples(axes: Any, coding: Coding) -> None:
    """Error on unseen rows while the stream goes by."""
    still = [name for name in coding.errors if name not in coding.curves]
    names = [*coding.curves, *still]
    at = coding.terms.index(coding.watched)
    ends = []
    for name, colour in zip(names, colours(names), strict=True):
        last = coding.errors[name][at]
        if name in still:
            axes.axhline(last, **LEVEL | {"color": colour})
        else:
            axes.plot(coding.samples, coding.curves[name], color=colour)
        time = f", {duration(coding.seconds[name])}" if name in coding.seconds else ""
        ends.append((f"{_short(name)}{time}", last, colour))
    axes.set(
        xscale="log", title=f"Codes of {coding.watched} terms while learning",
        xlabel="rows learned from", ylabel="error  ‖Y − Yₖ‖ / ‖Y‖  on unseen rows",
    )  # fmt: skip
    _end_labels(axes, ends)


def atoms(axes: Any, matrix: Any, title: str) -> None:
    """Atoms as pictures where they are square, as rows of a matrix otherwise."""
    n, width = matrix.shape
    side = round(np.sqrt(width))
    if side * side == width:
        columns = int(np.ceil(np.sqrt(n)))
        picture = np.full((columns * (side + 1) + 1, columns * (side + 1) + 1), np.nan)
        for i, atom in enumerate(matrix):
            top, left = (1 + (side + 1) * k for k in divmod(i, columns))
            picture[top : top + side, left : left + side] = _upright(atom).reshape(side, side)
    else:
        picture = np.stack([_upright(atom) for atom in matrix])
    axes.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="nearest", aspect="equal")
    axes.set_facecolor(_BETWEEN)
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title(_short(title), fontsize=12)


def _lines(axes: Any, experiment: Experiment, what: str, x_of: Any) -> list[tuple[str, float, str]]:
    """Median and range over the seeds; name, last value and colour of each curve."""
    ends = []
    names = [curve.name for curve in experiment.curves]
    for curve, colour in zip(experiment.curves, colours(names), strict=True):
        x = x_of(curve)
        middle = np.maximum(curve.middle(what), _LEAST)
        low, high = (np.maximum(bound, _LEAST) for bound in curve.spread(what))
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, middle, color=colour)
        ends.append((curve.name, float(middle[-1]), colour))
    axes.set(xscale="log", yscale="log")
    return ends


def _end_labels(axes: Any, ends: Sequence[tuple[str, float, str]]) -> None:
    """Names at the right ends of the curves, moved apart where they would overlap."""
    scale = np.log if axes.get_yscale() == "log" else np.asarray
    low, high = (float(scale(limit)) for limit in axes.get_ylim())
    axes.set_ylim(axes.get_ylim())  # names must not move the limits any more
    places = sorted((float(scale(y)) - low, text, colour) for text, y, colour in ends)
    halves = [0.5 * _LINE * (1 + text.count("\n")) for _, text, _ in places]
    heights: list[float] = []
    floor = 0.0
    for (above, _, _), half in zip(places, halves, strict=True):
        heights.append(max(above / (high - low), floor + half))
        floor = heights[-1] + half
    # Where that runs out at the top, everything moves down again.
    ceiling = 1.05
    for i in reversed(range(len(heights))):
        heights[i] = min(heights[i], ceiling - halves[i])
        ceiling = heights[i] - halves[i]
    for height, (_, text, colour) in zip(heights, places, strict=True):
        axes.annotate(
            text, (1.0, height), xycoords="axes fraction", xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=10.5, color=colour,
            annotation_clip=False,
        )  # fmt: skip


def _with_time(curve: Curve) -> str:
    """Name, setting and seconds, each on a line."""
    name, _, setting = curve.name.partition(", ")
    return "\n".join([_short(name), *([setting] if setting else []), duration(curve.seconds[-1])])


def _short(name: str) -> str:
    return "scikit-learn, online" if name == PEER else name


def _upright(atom: Any) -> Any:
    """Scaled to 1, the largest entry positive: signs mean nothing."""
    largest = atom[np.argmax(np.abs(atom))]
    return atom / (largest or 1.0)
