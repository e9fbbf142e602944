"""Cayley transform by matrix products alone: C = polar(I + T)^2.

I + T is normal, with singular values in [1, L], L = sqrt(1 + theta^2), theta >= ||T||_2. An odd
polynomial p with |p - 1| <= delta on [1, L] keeps every eigen-angle exactly, so in exact arithmetic

    ||p(I + T)^2 - C||_2 <= 2 delta + delta^2.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from .._core.linalg import operations, products
from .._core.space import Space

__all__ = ["finest", "polar_form", "polar_form_by_svd", "polar_schedule"]

_DEGREES = (3, 5, 7, 9)


def finest(space: Space) -> float:
    """The delta that rounding makes it pointless to go below."""
    return max(space.eps, 2e-14)


@lru_cache(maxsize=256)
def polar_schedule(theta: float, delta: float) -> Any:
    """The `orthola.Schedule` with the fewest products that maps [1/L, 1] into 1 +- delta."""
    from .. import schedule

    lower = 1.0 / math.hypot(1.0, theta)
    offers = [
        # Nothing is left to guard against: the interval is known, and rounding is no danger in it.
        schedule("polar-express", tol=delta, lower_bound=lower, degree=degree, safety=1, cushion=0)
        for degree in _DEGREES
    ]
    return min(offers, key=lambda offer: offer.products)


def polar_form(space: Space, t: Any, *, theta: float, delta: float) -> Any:
    """C for skew-Hermitian T with ||T||_2 <= theta; a false theta gives a wrong C."""
    xp = space.xp
    ops = operations(space, t.ndim) if t.ndim == 2 else products(space)
    eye = xp.eye(t.shape[-1], dtype=t.dtype, device=space.device)
    x = ops.load((eye + t) * (1.0 / math.hypot(1.0, theta)))
    for first, *rest in polar_schedule(theta, delta).coefficients:
        x = ops.multiply_add(x, ops.gram_tail(x, tuple(rest)), 1.0, first)
    return x @ x


def polar_form_by_svd(space: Space, t: Any) -> Any:
    """The same at any size of T: orthonormal to rounding even where C is lost in it."""
    eye = space.xp.eye(t.shape[-1], dtype=t.dtype, device=space.device)
    u, _, vh = space.xp.linalg.svd(eye + t, full_matrices=False)
    x = u @ vh
    return x @ x
