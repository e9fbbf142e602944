"""One fit: which version of the calculation runs, and its derivative."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from .._core.autodiff import Rule
from .._core.dispatch import load
from .._core.errors import Status
from .._core.linalg import wide
from .._core.space import Space
from .general import fit_stack, raise_if_unusable
from .moments import Points
from .plan import Plan
from .single import fit_one
from .stack import fit_by_kernel
from .tangent import fit_pullback, fit_tangent

__all__ = ["FIT", "check_values", "fit"]


def fit(space: Space, plan: Plan, arrays: Any) -> Any:
    """Rotation, scale, translation, residual, gap, reflection gain; rank, unique, status."""
    a, b, *rest = arrays
    w = rest[0] if rest else None
    if w is not None and space.is_complex and space.xp.isdtype(w.dtype, "complex floating"):
        w = space.xp.real(w)  # promoted with the points on the way here
    if plan.static:
        space = replace(space, traced=True)
    points = Points(a, b, w)
    if 0 in a.shape:
        return _empty(space, plan, points)
    if plan.kernel is not None and space.name != "numpy":
        return load(plan.kernel)(space, plan, points)
    if plan.kernel is not None:
        return fit_by_kernel(space, plan, points)
    if plan.host and a.ndim == 2:
        return fit_one(space, plan, points)
    if plan.host and prod(a.shape[:-2]) == 1:
        one = Points(*(None if x is None else x.reshape(x.shape[a.ndim - 2 :]) for x in points))
        return tuple(x.reshape(*a.shape[:-2], *x.shape) for x in fit_one(space, plan, one))
    return fit_stack(space, plan, points)


def check_values(space: Space, arrays: tuple[Any, ...]) -> None:
    """For JAX, whose compiled functions cannot raise."""
    xp, (a, *_) = space.xp, arrays
    finite, negative = xp.ones(a.shape[:-2], dtype=bool), xp.zeros(a.shape[:-2], dtype=bool)
    for x in arrays[:2]:
        finite = finite & xp.all(xp.isfinite(x), axis=(-2, -1))
    for w in arrays[2:]:
        finite, negative = finite & xp.all(xp.isfinite(w), axis=-1), xp.any(w < 0, axis=-1)
    raise_if_unusable(space, a, finite, negative)


def _empty(space: Space, plan: Plan, points: Points) -> Any:
    """No items, no columns, or no points: then R is I and nothing is determined."""
    xp, device = space.xp, space.device
    *batch, _, n = points.a.shape
    shape, work = tuple(batch), space.with_dtype(plan.work)
    eye = xp.eye(n, dtype=work.dtype, device=device)
    zero = xp.zeros(shape, dtype=work.real_dtype, device=device)
    unique = n == 0 or (n == 1 and plan.rotation_only)
    code = Status.OK if unique else Status.RANK_DEFICIENT
    return (
        xp.broadcast_to(eye, (*shape, n, n)) + wide(zero),
        zero if plan.scaling else zero + 1.0,
        xp.zeros((*shape, n), dtype=work.dtype, device=device),
        *(zero + 0.0 for _ in range(3)),
        xp.zeros(shape, dtype=xp.int32, device=device),
        xp.full(shape, unique, dtype=xp.bool, device=device),
        xp.full(shape, int(code), dtype=xp.int32, device=device),
    )  # fmt: skip


def _outline(space: Space, plan: Plan, arrays: Any) -> Any:
    work, device = space.with_dtype(plan.work), space.device
    xp, (*batch, _, n) = space.xp, arrays[0].shape
    shape = tuple(batch)
    numbers = [xp.empty(shape, dtype=work.real_dtype, device=device) for _ in range(4)]
    return (
        xp.empty((*shape, n, n), dtype=work.dtype, device=device),
        numbers[0],
        xp.empty((*shape, n), dtype=work.dtype, device=device),
        *numbers[1:],
        xp.empty(shape, dtype=xp.int32, device=device),
        xp.empty(shape, dtype=xp.bool, device=device),
        xp.empty(shape, dtype=xp.int32, device=device),
    )


FIT = Rule(
    "procrustes", Plan, fit, _outline, fit_pullback, fit_tangent, smooth=4, shaped_by_static=True
)
