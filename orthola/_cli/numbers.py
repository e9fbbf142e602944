"""Numbers as people write them."""

from __future__ import annotations

import math

__all__ = ["duration", "power"]


def duration(seconds: float) -> str:
    """Three digits with a fitting unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def power(x: float) -> str:
    """A positive number in the notation of mathematics, for figures."""
    if not math.isfinite(x):
        return "∞"
    if x < 1e4:
        return f"{x:.3g}" if x < 1e3 else f"{x:.0f}"
    digits, exponent = f"{x:.1e}".split("e")
    return rf"${digits} \times 10^{{{int(exponent)}}}$"
