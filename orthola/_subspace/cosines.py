"""Principal angles from cosines and sines, each where it is accurate.

The cosine of a small angle and the sine of one near pi/2 say nothing about it: both are flat there
(Knyazev and Argentati, doi:10.1137/S1064827500377332). Cosines split the directions at pi/4, and
sines are decomposed inside of the space of the small ones only, so that the two sets of
directions stay orthogonal to each other whatever the angles are.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space

__all__ = ["angles_between"]


def angles_between(space: Space, p: Any, q: Any) -> tuple[Any, Any, Any]:
    """Ascending angles and their vectors in span(P) and in span(Q), Q with at most P's columns.

    P and Q have orthonormal columns, or zeros: a direction that is missing has the cosine 0 with
    everything.
    """
    xp, k = space.xp, q.shape[-1]
    y, cosine, zh = xp.linalg.svd(adjoint(xp, p) @ q, full_matrices=False)
    z = adjoint(xp, zh)
    small = cosine > 0.5**0.5
    v = q @ z  # principal vectors, up to rotations among small angles
    inside = adjoint(xp, p) @ v
    s = v - p @ inside
    s = s - p @ (adjoint(xp, p) @ s)
    # Directions of large angles are put aside: sine 1 on axes of their own.
    keep = xp.astype(small, s.dtype)[..., None, :]
    eye = xp.eye(k, dtype=s.dtype, device=space.device)
    s = xp.concat([s * keep, eye * (1.0 - keep)], axis=-2)
    _, sine, wh = xp.linalg.svd(s, full_matrices=False)
    sine, w = xp.flip(sine, axis=-1), xp.flip(adjoint(xp, wh), axis=-1)
    one = xp.ones_like(sine)
    angle = xp.where(
        small,
        xp.asin(xp.where(small & (sine < one), sine, 0 * one)),
        xp.acos(xp.where(small | (cosine > one), 0 * one, cosine)),
    )
    chosen = small[..., None, :]
    right = xp.where(chosen, v @ w, v)
    # Their partners: C z / cos(theta), of unit length again.
    partner = inside @ w
    length = xp.where(small, xp.cos(angle), one)
    left = p @ xp.where(chosen, partner / xp.astype(length, partner.dtype)[..., None, :], y)
    return angle, left, right
