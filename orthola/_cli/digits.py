"""Errors as correct decimal digits, and how long it takes to get them."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["DIGITS", "digits", "seconds_to_digits"]

DIGITS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14)


def digits(error: float) -> float:
    """Correct decimal digits; an error of 0 counts as the last digit that double precision has."""
    return -math.log10(max(error, 2.0**-53)) if error == error else 0.0


def seconds_to_digits(errors: Sequence[float], seconds: Sequence[float]) -> dict[str, float | None]:
    """Time of the first point of a curve that has so many digits; None where it never does."""
    reached: dict[str, float | None] = {}
    for wanted in DIGITS:
        times = (t for e, t in zip(errors, seconds, strict=True) if e <= 10.0**-wanted)
        reached[str(wanted)] = next(times, None)
    return reached
