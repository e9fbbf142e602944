"""One figure for each data set, as PNG and SVG: a panel for each experiment."""

from __future__ import annotations

from pathlib import Path

from ..drawing import Figure, canvas, legend, save
from ..experiments import Measured
from .outcome import Experiment
from .panels import panel
from .style import LOOK

__all__ = ["draw"]

_SIZE = (17.0, 9.8)  # inches
_CAPTION = (
    "Top left and middle: by how much the error exceeds the least possible one; hollow, dashed: "
    "by how much the certificate allows it to. The nearer a dashed curve comes to its own full "
    "one, the tighter the certificate; below it, it would be false. Top right: the rank that a "
    "tolerance leads to, which is to lie on the least possible one. Bottom: processor time and "
    "memory against the number of blocks, lower is better and level memory is flat; numbers in "
    "the blocks over numbers kept by clusters, higher is better."
)


def draw(found: Measured[Experiment], directory: Path) -> Figure:
    """Write ``svd-NAME.png`` and ``.svg``."""
    problem, drawn = found.problem, {name for e in found.experiments for name in e.curves}
    with canvas(f"{problem.title}   ·   streamed singular value decompositions", _SIZE) as figure:
        for axes, experiment in zip(figure.subplots(2, 3).flat, found.experiments, strict=True):
            panel(axes, experiment)
        figure.legend(
            handles=legend(LOOK, drawn), loc="outside lower center", ncols=7, fontsize=12.5
        )
        return save(figure, directory, f"svd-{problem.name}", _CAPTION)
