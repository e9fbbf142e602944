"""Sweeps for a consensus until the objective stands still, each item of a stack by itself."""

from __future__ import annotations

from typing import Any

from .._core.loops import bounded_while
from .._core.space import Space
from .consensus_data import Centred, Data, Model, centred
from .consensus_sweep import Found, first_scales, swept

__all__ = ["alternated"]

_FLOOR = 16.0  # roundings of each number, of which an objective of an exact fit consists


def alternated(space: Space, model: Model, data: Data, points: Centred, start: Any | None) -> Found:
    """Sweeps until the objective stands still."""
    xp, device = space.xp, space.device
    *batch, count, _, n = data.x.shape
    shape = tuple(batch)
    eye = xp.eye(n, dtype=space.dtype, device=device)
    eyes = xp.broadcast_to(eye, (*shape, count, n, n)) + xp.zeros_like(data.x[..., :1, :1])
    consensus = points.z[..., 0, :, :] if start is None else start
    infinite = xp.full(
        (*shape, model.max_steps), float("inf"), dtype=space.real_dtype, device=device
    )
    first = Found(
        eyes, first_scales(xp, model, data), consensus,
        xp.zeros_like(xp.sum(data.sizes, axis=-1)) if data.mask is None else data.x,
        infinite,
        xp.zeros(shape, dtype=xp.int32, device=device),
        xp.ones(shape, dtype=xp.bool, device=device),
    )  # fmt: skip
    index = xp.arange(model.max_steps, device=device)
    least = (_FLOOR * n * space.eps) ** 2 * xp.sum(data.sizes, axis=-1)

    def sweep(old: Found) -> Found:
        here = points if data.mask is None else centred(space, model, data, old.x)
        new, value = swept(space, model, data, here, eyes, old)
        before = xp.min(old.objective, axis=-1)
        # What only rounding could have raised stays as it was; NaN goes on.
        better = old.moving & ~(value > before)
        ahead = index >= xp.astype(old.steps, index.dtype)[..., None]
        present = xp.where(ahead, value[..., None], old.objective)
        new = new._replace(objective=present, steps=old.steps + 1)
        kept = Found(*(_where(xp, better, x, y) for x, y in zip(new, old, strict=True)))
        moving = better & (before - value > model.tol * value) & (value > least)
        return kept._replace(moving=moving)

    return bounded_while(
        space, lambda found: xp.any(found.moving), sweep, first, limit=model.max_steps
    )


def _where(xp: Any, moving: Any, new: Any, old: Any) -> Any:
    shape = (*moving.shape, *(1,) * (new.ndim - moving.ndim))
    return xp.where(xp.reshape(moving, shape), new, old)
