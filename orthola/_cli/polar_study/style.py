"""Colours and markers of the methods, the same in every figure."""

from __future__ import annotations

from ..drawing import Look
from ..palette import BLACK, BLUE, GREEN, ORANGE, PINK, RED, SKY

__all__ = ["LOOK", "STATED"]

LOOK = {
    "svd": Look(BLACK, "D"),
    "newton": Look(BLUE, "o"),
    "newton-schulz": Look(ORANGE, "s"),
    "halley": Look(GREEN, "^"),
    "qr-halley": Look(PINK, "v"),
    "gram": Look(SKY, "P"),
    # A ring, because "auto" lies on the method that it chose.
    "auto": Look(RED, "o", hollow=True),
}
STATED = RED
