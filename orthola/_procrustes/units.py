"""Every set of points in its own power of two, so that squares stay in range."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space
from .moments import Points

__all__ = ["Units", "measured", "times_power"]


class Units(NamedTuple):
    """Exponents of A, B and of the weights; the one of the weights is even, for its root."""

    a: Any  # (...) integers
    b: Any
    weights: Any


def measured(space: Space, points: Points, *, host: bool) -> tuple[Points, Units | None]:
    """The points scaled to entries of about 1, and the exponents taken out.

    None where that changes nothing but powers of two: if `host`, and no square can leave the range.
    """
    xp, (a, b, w, *_) = space.xp, points
    of_a, of_b = (_exponent(space, largest_entry(space, x)) for x in (a, b))
    of_w = xp.zeros_like(of_a)
    if w is not None:
        of_w = _exponent(space, xp.max(xp.abs(w), axis=-1)) // 2 * 2
    if host and all(bool(xp.all(xp.abs(e) < _safe(space))) for e in (of_a, of_b, of_w)):
        return points, None
    a, b = scale_by_power_of_two(space, a, -of_a), scale_by_power_of_two(space, b, -of_b)
    if w is not None:
        w = times_power(space, w, -of_w[..., None])
    return Points(a, b, w), Units(of_a, of_b, of_w)


def times_power(space: Space, x: Any, exponent: Any) -> Any:
    """Numbers times 2**exponent, of one shape or broadcast against each other."""
    return scale_by_power_of_two(space, x[..., None, None], exponent)[..., 0, 0]


def _exponent(space: Space, size: Any) -> Any:
    """0 for items that are zero or not finite."""
    xp = space.xp
    regular = xp.isfinite(size) & (size > 0)
    return power_of_two_exponent(space, xp.where(regular, size, xp.ones_like(size) / 2))


def _safe(space: Space) -> int:
    """Exponents up to which the products of two squares and a weight are normal numbers."""
    return -space.smallest_exponent // 8
