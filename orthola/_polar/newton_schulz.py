"""Polar factor from matrix products alone: minimax polynomials, then Newton-Schulz.

The polynomials X p(X^H X) come from the minimax recursion with a cushion (Amsel, Persson, Musco and
Gower, arXiv 2505.16932); the cushion keeps the loss at condition 1e12 near rounding.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import Products
from .engine import Factor, converged, normalise, polish
from .schedules import exact_plan

__all__ = ["newton_schulz"]

_CLASSIC = (1.875, -1.25, 0.375)  # order 3 for every singular value below sqrt(7/3)
_EXTRA_STEPS = 4


def newton_schulz(
    x: Any, ops: Products, *, lower_bound: float | None, max_steps: int | None
) -> Factor:
    """Run the plan for the given (or the smallest possible) lower bound until certified."""
    space, xp, n = ops.space, ops.scalars, x.shape[-1]
    u = space.eps / 2
    x, g, size = normalise(x, ops)
    bound = u / 4 if lower_bound is None else lower_bound * float(n) ** -0.25
    plan = exact_plan("newton-schulz", lower_bound=bound, unit_roundoff=u)
    plan = (*plan, *([_CLASSIC] * _EXTRA_STEPS))[:max_steps]
    defect = ops.defect(g)
    one = xp.ones_like(size)
    for a, b, c in plan:
        done = converged(defect, space, n)
        if not ops.likely(xp.logical_not(done)):
            break
        # ||I - G|| < 1/2 proves that the classic polynomial is inside its basin.
        near = defect < 0.5
        a, b, c = (xp.where(near, k, t * one) for k, t in zip(_CLASSIC, (a, b, c), strict=True))
        y = ops.multiply_add(x, ops.tail(g, (b, c)), 1.0, a)
        h = ops.gram(y)
        x, g = ops.choose(done, x, y), ops.choose(done, g, h)
        defect = xp.where(done, defect, ops.defect(h))
    ok = converged(defect, space, n)
    return Factor(ops.choose(ok, polish(x, g, defect, ops), x), ok, None)
