"""The Cayley transform and its inverse for any library: both are one Moebius map.

    C = (I + T) (I - T)^-1 = 2 (I - T)^-1 - I,      T = I - 2 (I + C)^-1,      Q = D C.

T is skew-Hermitian. I - T has a Hermitian part of at least I, so it is never singular. Its
condition number is up to sqrt(1 + ||T||^2), and what rounding makes of the small eigenvalues
beside large ones shows in Q^H Q; hence the polish, and where u ||T||_2 is not small, so that
elimination may leave nothing to polish, the polar factor of I + T by an SVD.
"""

from __future__ import annotations

import math
from typing import Any

from .._core.linalg import inverse, products, sums_of_squares, wide
from .._core.loops import bounded_while
from .._core.space import Space
from .cayley_plan import Plan, skew_part
from .polar_form import polar_form, polar_form_by_svd
from .signed_lu import signed_lu

__all__ = ["transform", "way_back"]

_CALM = 8.0  # ||T||_F / sqrt(n) up to which Q is orthonormal to rounding without a polish
_LOST = 0.1  # ||C^H C - I||_F before the polish, above which C is not what is asked for
_POLISHES = 4  # enough from there


def transform(space: Space, plan: Plan, a: Any, signs: Any | None) -> Any:
    """Q = D C for T = skew(scale A)."""
    xp, n = space.xp, a.shape[-1]
    t = skew_part(space, a, plan.scale)
    finite = wide(xp.all(xp.isfinite(t), axis=(-2, -1)))
    t = xp.where(finite, t, xp.zeros_like(t))  # NaN must not reach LAPACK
    if plan.method == "polar":
        assert plan.bound is not None
        c = polar_form(space, t, theta=plan.bound, delta=plan.tol)
    elif plan.method == "svd":
        c = polar_form_by_svd(space, t)
    else:
        eye = xp.eye(n, dtype=t.dtype, device=space.device)
        c = 2.0 * inverse(space, eye - t) - eye
        if plan.bound is None or plan.bound > _CALM:
            loud = xp.sqrt(sums_of_squares(xp, t)) > _CALM * math.sqrt(n)
            c = _found_again(space, t, *_polished(space, c, loud))
    q = c if signs is None else signs[..., :, None] * c
    return xp.where(finite, q, xp.full_like(q, float("nan")))


def _polished(space: Space, c: Any, loud: Any) -> tuple[Any, Any]:
    """C <- C + C (I - C^H C) / 2, in the items that are `loud`, until C is orthonormal.

    And which items are lost.
    """
    xp, ops = space.xp, products(space)
    tolerance = math.sqrt(c.shape[-1] * space.eps / 2.0)

    def step(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        c, loud, lost = state
        e = ops.deviation(ops.gram(c))
        size = ops.norm(e)
        near = size <= _LOST
        better = c + 0.5 * (c @ e)
        # The defect is about squared: below the root of the rounding this was the last step.
        left = loud & near & (size > tolerance)
        return ops.choose(loud & near, better, c), left, lost | (loud & ~near)

    state = (c, loud, xp.zeros_like(loud))
    c, _, lost = bounded_while(space, lambda s: xp.any(s[1]), step, state, limit=_POLISHES)
    return c, lost


def _found_again(space: Space, t: Any, c: Any, lost: Any) -> Any:
    """C with the items that are lost from the polar factor."""
    xp, ops = space.xp, products(space)

    def once(state: tuple[Any, Any]) -> tuple[Any, Any]:
        c, lost = state
        return ops.choose(lost, polar_form_by_svd(space, t), c), xp.zeros_like(lost)

    return bounded_while(space, lambda s: xp.any(s[1]), once, (c, lost), limit=1)[0]


def way_back(space: Space, q: Any, signs: Any | None) -> tuple[Any, Any, Any, Any]:
    """T, signs, and the Frobenius norms of T and of the Hermitian part that was dropped.

    The latter is NaN for items with NaN or infinity.
    Without `signs`, those are chosen that make all pivots of Q + D = L U of modulus 1 or more.
    """
    xp = space.xp
    finite = xp.all(xp.isfinite(q), axis=(-2, -1))
    eye = xp.eye(q.shape[-1], dtype=q.dtype, device=space.device)
    q = xp.where(wide(finite), q, eye)  # NaN must not reach LAPACK
    d = -signed_lu(space, q)[1] if signs is None else signs
    left = (xp.conj(d) if space.is_complex else d)[..., :, None]
    whole = eye - 2.0 * inverse(space, eye + left * q)
    t = skew_part(space, whole, 1.0)
    norm = products(space).norm
    dropped = norm(whole - t)
    return t, d, norm(t), xp.where(finite, dropped, xp.full_like(dropped, float("nan")))
