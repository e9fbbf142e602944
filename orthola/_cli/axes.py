"""What panels of figures have in common: scales, ticks, named lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .drawing import LEVEL

__all__ = ["level", "name_each", "plain", "step_axis", "visible"]

_STEPS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 35, 40)


def step_axis(axes: Any, ticks: tuple[int, ...] = _STEPS) -> None:
    """Square-root scale: room for the first steps, where most methods end."""
    most = max(round(float(axes.dataLim.x1)), 1)
    axes.set_xscale("function", functions=(_signed_root, _signed_square))
    axes.set_xlim(-0.05, most * 1.06)
    axes.set_xticks([k for k in ticks if k <= most])
    axes.set_xlabel("steps")


def plain(axis: Any) -> None:
    """A logarithmic axis with plain numbers at 1, 2, 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(_number))
    axis.set_minor_formatter(NullFormatter())


def name_each(axis: Any, values: Sequence[float]) -> None:
    """Few values: a plain number at each, and no ticks between them."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(FuncFormatter(_number))
    axis.set_minor_locator(NullLocator())


def visible(values: Any, least: float) -> Any:
    """Values for a logarithmic axis: a 0 is drawn at `least`, NaN is not drawn."""
    return np.maximum(np.asarray(values, dtype=float), least)


def level(axes: Any, height: float, text: str, colour: str, *, above: bool = True) -> None:
    """A dashed line with its name at the left end."""
    axes.axhline(height, **LEVEL | {"color": colour})
    axes.annotate(
        text,
        (0.0, height),
        xycoords=("axes fraction", "data"),
        xytext=(5, 3 if above else -4),
        textcoords="offset points",
        va="bottom" if above else "top",
        fontsize=10,
        color=colour,
    )


def _number(x: float, _: int | None = None) -> str:
    return f"{x:,g}".replace(",", "\u2009")


def _signed_root(x: Any) -> Any:
    return np.sign(x) * np.sqrt(np.abs(x))


def _signed_square(x: Any) -> Any:
    return np.sign(x) * np.square(x)
