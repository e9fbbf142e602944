"""Colours and markers of the contenders, the same in every figure."""

from __future__ import annotations

from ..drawing import Look
from ..palette import BLACK, BLUE, DASHED, GREEN, ORANGE, PINK, RED, SKY

__all__ = ["LOOK"]

# Retractions are dashed. Both Cayley maps are one family, and no task has both.
LOOK = {
    "householder": Look(BLUE, "o"),
    "cayley": Look(RED, "s"),
    "cayley-frame": Look(RED, "s"),
    "skew-exp": Look(GREEN, "^"),
    "polar": Look(BLACK, "D"),
    "retract-cayley": Look(PINK, "v", dashes=DASHED),
    "retract-polar": Look(SKY, "P", dashes=DASHED),
    "retract-qr": Look(ORANGE, "X", dashes=DASHED),
}
