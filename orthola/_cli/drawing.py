"""Figures: how all of them look, and the files they become."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .palette import GREY

__all__ = ["LEVEL", "Figure", "Look", "canvas", "legend", "save"]

_DPI = 110


class Figure(NamedTuple):
    """What was drawn."""

    files: tuple[Path, ...]
    caption: str  # what to see in it


class Look(NamedTuple):
    """How one contender is drawn."""

    colour: str
    marker: str
    hollow: bool = False
    dashes: Any = "-"

    def curve(self) -> dict[str, Any]:
        """Properties of a line with markers."""
        return {
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.dashes,
            "markerfacecolor": "white" if self.hollow else self.colour,
        }

    def final(self) -> dict[str, Any]:
        """Properties of the marker of a finished result; a ring where it is hollow."""
        size, face = (17, "none") if self.hollow else (9, self.colour)
        return {
            "color": self.colour,
            "marker": self.marker,
            "markersize": size,
            "markerfacecolor": face,
            "markeredgewidth": 1.8 if self.hollow else 1.0,
            "linestyle": "none",
        }


LEVEL: dict[str, Any] = {
    "color": GREY,
    "linewidth": 1.0,
    "linestyle": (0, (4, 3)),
    "zorder": 1,
}

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11.5,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "lines.linewidth": 2.0,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "orthola",
}


@contextmanager
def canvas(title: str, size: tuple[float, float]) -> Iterator[Any]:
    """An empty figure of that size in inches; draw and `save` inside the context."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context(_RC):
        gaps = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.14, hspace=0.05, wspace=0.04)
        figure = Drawing(figsize=size, layout=gaps)
        FigureCanvasAgg(figure)
        figure.suptitle(title, fontsize=16, x=0.01, ha="left")
        yield figure


def legend(looks: Mapping[str, Look], drawn: Container[str]) -> list[Any]:
    """Entries of those contenders that are drawn, in the order of the looks."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], **look.curve(), markersize=9, label=name)
        for name, look in looks.items()
        if name in drawn
    ]


def save(figure: Any, directory: Path, stem: str, caption: str) -> Figure:
    """Write ``STEM.png`` and ``STEM.svg``."""
    paths = tuple(directory / f"{stem}{suffix}" for suffix in (".png", ".svg"))
    for path in paths:
        figure.savefig(path, dpi=_DPI)
    return Figure(paths, caption)
