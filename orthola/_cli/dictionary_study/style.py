"""Colours of the curves, the same in every panel that they appear in."""

from __future__ import annotations

from collections.abc import Sequence

from ..palette import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY
from .coding import COSINES, FROM_COSINES, FROM_HAAR, OFFLINE, PRINCIPAL
from .learners import PEER

__all__ = ["colours"]

_NAMED = {
    "default": BLUE,
    "theory": RED,
    "published": GREEN,
    "sfw": PINK,
    "orthola": BLUE,
    PEER: RED,
    "no window": GREY,
    "1 % outliers": RED,
    COSINES: "#555555",
    PRINCIPAL: ORANGE,
    FROM_HAAR: BLUE,
    FROM_COSINES: SKY,
    OFFLINE: GREEN,
}
_RISING = ("#7DB7DF", "#3D93CE", "#0068A8", "#003A5E", "#000000")  # of a number that grows


def colours(names: Sequence[str]) -> list[str]:
    """One for each curve of a panel."""
    rising = iter(_RISING)
    # A comma may belong to a name, or part it from a setting.
    known = (_NAMED.get(name) or _NAMED.get(name.partition(",")[0]) for name in names)
    return [colour or next(rising) for colour in known]
