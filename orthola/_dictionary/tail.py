"""Noise scale of codes, and the average of thresholded codes that refines a dictionary.

The maximiser of a sampled objective has a sampling error that no optimisation removes.
Thresholding does: codes are sparse, and what lies below the threshold is cross-talk and noise.
"""

from __future__ import annotations

import math
from typing import Any

from .._core.space import Space

__all__ = ["LEVEL", "masked_median", "scale_factor", "thresholded"]

LEVEL = 2.5  # thresholds in units of the noise scale


def scale_factor(space: Space) -> float:
    """Standard deviation over median modulus: of real, and of circular complex, normal numbers."""
    return 1.0 / math.sqrt(math.log(2.0)) if space.is_complex else 1.0 / 0.6744897501960817


def thresholded(xp: Any, c: Any, size: Any, threshold: Any) -> Any:
    """C where |C| is above the threshold, else 0."""
    return xp.where(size > threshold, c, xp.zeros_like(c))


def masked_median(space: Space, x: Any, rows: Any, count: Any) -> Any:
    """Median of the entries >= 0 of `x` (..., b, n) in the `count` marked rows, per item."""
    xp = space.xp
    n = x.shape[-1]
    flat = xp.where(rows[..., None], x, xp.full_like(x, math.inf))
    flat = xp.sort(xp.reshape(flat, (*x.shape[:-2], x.shape[-2] * n)), axis=-1)
    place = xp.arange(flat.shape[-1], dtype=count.dtype, device=space.device)
    total = (count * n)[..., None]
    # The two middle ones; picked by a mask, because gathering is spelled differently everywhere.
    middle = (place == (total - 1) // 2) | (place == total // 2)
    picked = xp.where(middle, flat, xp.zeros_like(flat))
    number = xp.astype(1 + (count * n + 1) % 2, x.dtype)
    median = xp.sum(picked, axis=-1) / number
    return xp.where(count > 0, median, xp.zeros_like(median))
