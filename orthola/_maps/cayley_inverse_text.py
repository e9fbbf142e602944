"""The inverse Cayley map with signs that keep its entries small, and a status that tells."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from .._core.linalg import products, wide
from .._core.loops import bounded_while
from .._core.space import Space
from .orthonormality import nan_where_nonfinite, status_of_frame
from .pair_flips import flip_pairs

__all__ = ["InversePlan", "inverse_transform"]

WayBack = Callable[[Space, Any, Any], tuple[Any, Any, Any, Any]]


class InversePlan(NamedTuple):
    """Static choices; plain numbers."""

    scale: float
    flips: bool
    tolerance: float  # largest ||Q^H Q - I||_F that counts as orthonormal


def inverse_transform(
    space: Space, plan: InversePlan, q: Any, signs: Any | None, way_back: WayBack
) -> tuple[Any, Any, Any]:
    """(A, signs, status) with Q = D C, T = scale A; signs are chosen where none are given.

    `way_back` is that of `cayley_text`, or a special version of it.
    """
    xp = space.xp
    if 0 in q.shape:
        if signs is None:
            signs = xp.ones(q.shape[:-1], dtype=q.dtype, device=space.device)
        return q, signs, xp.zeros(q.shape[:-2], dtype=xp.int32, device=space.device)
    t, d, size, dropped = way_back(space, q, signs)
    if signs is None and plan.flips and not space.is_complex:
        t, d, size, dropped = _flipped(space, q, t, d, size, dropped, way_back)
    status = _status(space, q, size, dropped, plan.tolerance)
    a = t if plan.scale == 1.0 else t / plan.scale
    if signs is None:
        a, d = nan_where_nonfinite(space, status, a, d)
    else:
        (a,) = nan_where_nonfinite(space, status, a)
    return a, d, status


def _flipped(
    space: Space, q: Any, t: Any, d: Any, size: Any, dropped: Any, way_back: WayBack
) -> tuple[Any, Any, Any, Any]:
    """The same with entries of at most 1, computed again where a pair was flipped."""
    xp = space.xp
    _, d, flips = flip_pairs(space, t, d)
    again = flips > 0

    def anew(state: tuple[Any, ...]) -> tuple[Any, ...]:
        t, size, dropped, again = state
        new, _, *norms = way_back(space, q, d)
        size, dropped = (
            xp.where(again, xp.astype(x, y.dtype, copy=False), y)
            for x, y in zip(norms, (size, dropped), strict=True)
        )
        return xp.where(wide(again), new, t), size, dropped, xp.zeros_like(again)

    state = (t, size, dropped, again)
    t, size, dropped, _ = bounded_while(space, lambda s: xp.any(s[3]), anew, state, limit=1)
    return t, d, size, dropped


def _status(space: Space, q: Any, size: Any, dropped: Any, tolerance: float) -> Any:
    """OK, NONFINITE, or BOUND_VIOLATED: Q not orthonormal, or ||T||_2 possibly too large.

    (T + T^H)/2 = (I - T)^H (C^H C - I) (I - T)/4 and ||(I - T)^-1|| <= 1 for orthonormal C, so
    ||C^H C - I||_F is at most four times what was dropped. Only where that does not settle it is
    the Gram matrix formed.
    """
    xp, n = space.xp, q.shape[-1]
    # ||T||_2 from above; the eigenvalues of a real T come in pairs. What was dropped is large where
    # Q differs from one with an eigenvalue -1 by no more than rounding.
    size = size * (1.0 if space.is_complex else math.sqrt(0.5))
    usable = xp.maximum(size, dropped) < 1.0 / math.sqrt(n * space.eps / 2.0)
    doubtful = ~(4.0 * dropped <= tolerance) | ~usable
    if not products(space).likely(doubtful):
        return xp.zeros_like(doubtful, dtype=xp.int32)
    return status_of_frame(space, q, tolerance, usable)
