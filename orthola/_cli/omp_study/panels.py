"""The panels of a figure: each draws one experiment on one pair of axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..axes import name_each, plain
from ..drawing import LEVEL
from .outcome import Decay, Recovery, Speed
from .style import DICTIONARY_DASHES, HEAT, LOOK, RULE_NAMES

__all__ = ["decay_panel", "recovery_cut", "recovery_map", "speed_panel"]

_HALF = 0.5
_NAMES = {"cosines": "cosines", "data": "rows of the data", "Gaussian": "Gaussian atoms"}


def recovery_map(axes: Any, found: Recovery) -> Any:
    """Shares of OMP as colours; lines where one half is recovered. Returns what has the colours."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    x, y = found.measurements, found.sparsities
    shares = {rule: np.array(share).T for rule, share in found.shares.items()}
    colours = LinearSegmentedColormap.from_list("heat", HEAT)
    axes.grid(visible=False)
    drawn = axes.pcolormesh(
        x, y, shares["omp"], cmap=colours, vmin=0.0, vmax=1.0, shading="nearest", rasterized=True
    )
    limits = axes.get_xlim(), axes.get_ylim()
    for rule, share in shares.items():
        if min(share.shape) > 1 and np.nanmin(share) < _HALF < np.nanmax(share):
            dashes = "-" if rule == "omp" else "--"
            axes.contour(
                x, y, np.nan_to_num(share), levels=[_HALF], colors=[LOOK[rule].colour],
                linewidths=2.6, linestyles=dashes,
            )  # fmt: skip
    if found.name == "Gaussian":
        _guide(axes, found)
    axes.set(
        title=found.title, xlabel="measurements  M", ylabel="planted atoms  k",
        xlim=(max(limits[0][0], 0.0), limits[0][1]), ylim=(max(limits[1][0], 0.0), limits[1][1]),
    )  # fmt: skip
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return drawn


def recovery_cut(axes: Any, found: list[Recovery]) -> None:
    """The last column of both maps."""
    for recovery in found:
        for rule, shares in recovery.shares.items():
            look = LOOK[rule]
            axes.plot(
                recovery.sparsities, shares[-1], color=look.colour, marker=look.marker,
                linestyle=DICTIONARY_DASHES[recovery.name],
                label=f"{RULE_NAMES[rule]}, {_NAMES[recovery.name]}",
            )  # fmt: skip
    most = max(recovery.sparsities[-1] for recovery in found)
    axes.set(
        xlim=(0, 1.3 * most),  # room for the legend
        title=f"Recovered from {found[0].measurements[-1]} measurements",
        xlabel="planted atoms  k", ylabel="share recovered", ylim=(-0.03, 1.03),
    )  # fmt: skip
    axes.legend(fontsize=10.5, handlelength=2.8)


def decay_panel(axes: Any, found: Decay) -> None:
    """Residual against the number of atoms."""
    from matplotlib.lines import Line2D

    steps = range(len(found.principal))
    handles = []
    for name, curves in found.residuals.items():
        dashes = DICTIONARY_DASHES[name]
        for rule, values in curves.items():
            look = LOOK[rule]
            axes.plot(
                steps, values, color=look.colour, marker=look.marker, linestyle=dashes,
                markevery=max(len(steps) // 8, 1),
            )  # fmt: skip
        handles.append(Line2D([], [], color="#444444", linestyle=dashes, label=_NAMES[name]))
    label = "principal axes, the same for all"
    handles += axes.plot(steps, found.principal, color="#999999", label=label)
    axes.set(
        yscale="log", title="Signals that no atom was made of", xlabel="atoms of each signal  k",
        ylabel="residual  ‖y − xA‖ / ‖y‖", xlim=(0, len(steps) - 0.7),
    )  # fmt: skip
    plain(axes.yaxis)
    axes.legend(handles=handles, fontsize=10.5, loc="lower left", handlelength=2.8)


def speed_panel(axes: Any, found: Speed) -> None:
    """Signals per second of processor time; nothing where the results were not right."""
    for name, seconds in found.seconds.items():
        counted = [found.counts(name, i) for i in range(len(seconds))]
        rates = np.where(counted, 1.0 / np.asarray(seconds), np.nan)
        axes.plot(found.x, rates, **LOOK[name].curve())
    axes.set(
        xscale="log", yscale="log", title=found.title, xlabel=found.x_name,
        ylabel="signals per second",
    )  # fmt: skip
    plain(axes.yaxis)
    name_each(axes.xaxis, found.x)


def _guide(axes: Any, found: Recovery) -> None:
    """What random measurements promise, without its constant (Tropp, Gilbert 2007)."""
    x = np.array([0.0, found.measurements[-1]])
    y = x / (2.0 * np.log(found.atoms))
    axes.plot(x, y, **LEVEL | {"zorder": 3})
    axes.annotate(
        "M / (2 ln N)", (x[-1], y[-1]), xytext=(-6, -5), textcoords="offset points", ha="right",
        va="top", fontsize=10, color="#333333",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )  # fmt: skip
