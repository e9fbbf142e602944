"""Colours of the curves, the same in every panel that they appear in."""

from __future__ import annotations

from collections.abc import Sequence

from .coding import COSINES, FROM_COSINES, FROM_HAAR, OFFLINE, PRINCIPAL
from .learners import PEER

__all__ = ["colours"]

# Okabe and Ito's palette, told apart with any common colour vision; every curve is named as well.
_NAMED = {
    "default": "#0072B2",
    "theory": "#D55E00",
    "published": "#009E73",
    "sfw": "#CC79A7",
    "orthola": "#0072B2",
    PEER: "#D55E00",
    "no window": "#777777",
    "1 % outliers": "#D55E00",
    COSINES: "#555555",
    PRINCIPAL: "#E69F00",
    FROM_HAAR: "#0072B2",
    FROM_COSINES: "#56B4E9",
    OFFLINE: "#009E73",
}
_RISING = ("#7DB7DF", "#3D93CE", "#0068A8", "#003A5E", "#000000")  # of a number that grows


def colours(names: Sequence[str]) -> list[str]:
    """One for each curve of a panel."""
    rising = iter(_RISING)
    # A comma may belong to a name, or part it from a setting.
    known = (_NAMED.get(name) or _NAMED.get(name.partition(",")[0]) for name in names)
    return [colour or next(rising) for colour in known]
