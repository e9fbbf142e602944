"""Colours, markers and type sizes, the same in every figure."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["LEVEL", "LOOK", "RC", "STATED", "Look"]


class Look(NamedTuple):
    """How one method is drawn."""

    colour: str
    marker: str
    hollow: bool = False

    def final(self) -> dict[str, Any]:
        """Properties of the marker of a finished result."""
        size, face = (17, "none") if self.hollow else (9, self.colour)
        return {
            "color": self.colour,
            "marker": self.marker,
            "markersize": size,
            "markerfacecolor": face,
            "markeredgewidth": 1.8 if self.hollow else 1.0,
            "linestyle": "none",
        }


# Okabe and Ito's palette, told apart with any common colour vision; markers say it again.
LOOK = {
    "svd": Look("#000000", "D"),
    "newton": Look("#0072B2", "o"),
    "newton-schulz": Look("#E69F00", "s"),
    "halley": Look("#009E73", "^"),
    "qr-halley": Look("#CC79A7", "v"),
    "gram": Look("#56B4E9", "P"),
    # A ring, because "auto" lies on the method that it chose.
    "auto": Look("#D55E00", "o", hollow=True),
}
STATED = "#D55E00"
LEVEL: dict[str, Any] = {
    "color": "#777777",
    "linewidth": 1.0,
    "linestyle": (0, (4, 3)),
    "zorder": 1,
}

RC: dict[str, Any] = {
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
