"""Sparse codes from full ones: the largest of each row, or those above a threshold."""

from __future__ import annotations

from typing import Any

from .._core.space import Space

__all__ = ["KINDS", "largest", "shrunk"]

KINDS = ("hard", "soft")


def largest(space: Space, c: Any, keep: int) -> Any:
    """The `keep` largest entries of each row of C, the others 0; of equal ones the first.

    For an orthogonal dictionary this is the best code of so many terms.
    """
    xp, n = space.xp, c.shape[-1]
    if keep >= n:
        return c
    size = xp.abs(c)
    edge = xp.sort(size, axis=-1)[..., n - keep : n - keep + 1]
    above, equal = size > edge, size == edge
    whole = xp.int32
    left = keep - xp.sum(xp.astype(above, whole), axis=-1, keepdims=True, dtype=whole)
    place = xp.cumulative_sum(xp.astype(equal, whole), axis=-1, dtype=whole)
    chosen = above | (equal & (place <= left)) | xp.isnan(size)  # NaN stays to be seen
    return xp.where(chosen, c, xp.zeros_like(c))


def shrunk(space: Space, c: Any, threshold: Any, kind: str) -> Any:
    """Entries of C of modulus above the threshold: as they are, or moved towards 0 by it."""
    xp = space.xp
    size = xp.abs(c)
    some = ~(size <= threshold)  # also NaN, which would look like a code of zero
    if kind == "hard":
        return xp.where(some, c, xp.zeros_like(c))
    factor = (size - threshold) / xp.where(some, size, xp.ones_like(size))
    return xp.where(some, factor * c, xp.zeros_like(c))
