"""Which coefficients each kind of schedule offers, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from .minimax import CLASSIC, minimax_steps
from .presets import PRESETS
from .weights import halley_steps

__all__ = ["CUSHION", "KINDS", "OPTIONS", "Row", "offers", "own_length"]

Row = tuple[float, ...]

CUSHION = 0.02407327424182761  # arXiv:2505.16932

_GRAM = "polar-express-gram"
KINDS = ("polar-express", "newton-schulz", "halley", _GRAM, *PRESETS)
# Options that change the coefficients of a kind; they have no meaning for the kinds not listed.
OPTIONS: dict[str, tuple[str, ...]] = {
    "polar-express": ("degree", "safety", "cushion"),
    "newton-schulz": ("degree",),
    "halley": ("cap",),
}


def offers(
    kind: str, lower: float, degree: int, safety: float, cushion: float, cap: float
) -> Iterator[tuple[Row, Row]]:
    """Yield each step's row twice: as it is when steps follow, and as the last one."""
    if kind == "polar-express":
        for row, _ in minimax_steps(lower, degree=degree, cushion=cushion):
            yield _contracted(row, safety), row
    elif kind == _GRAM:
        # Dao-AILab gram-newton-schulz: the published coefficients, safety 1.05 in all steps.
        for row, _ in minimax_steps(1e-3, degree=5, cushion=CUSHION):
            yield (_contracted(row, 1.05),) * 2
    elif kind == "newton-schulz":
        while True:
            yield (CLASSIC[degree],) * 2
    elif kind == "halley":
        for row, _ in halley_steps(lower, cap=cap):
            yield (row,) * 2
    else:
        preset = PRESETS[kind]
        yield from ((row,) * 2 for row in preset.rows)
        while preset.repeats:
            yield (preset.rows[-1],) * 2


def _contracted(row: Row, safety: float) -> Row:
    """Coefficients of p(x / safety)."""
    return tuple(c / safety ** (2 * j + 1) for j, c in enumerate(row))


def own_length(kind: str) -> int | None:
    """Number of steps that a published table comes with; None for what is generated."""
    if kind == _GRAM:
        return 5
    return len(PRESETS[kind].rows) if kind in PRESETS else None
