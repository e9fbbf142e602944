"""Features that come later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .._core.space import Space, in_full_precision
from .refresh import as_triangle, with_room
from .state import SVDConfig, SVDState, empty_state

__all__ = ["extended"]


@in_full_precision
def extended(
    space: Space, config: SVDConfig, state: SVDState, n: int
) -> tuple[SVDConfig, SVDState]:
    """Config and state for samples with n entries more, in which all samples so far were zero."""
    xp, layout = space.xp, config.layout(space)
    if layout == "refresh":
        exact, state = as_triangle(space, config, state)
        _, state = extended(space, exact, state, n)
        return replace(config, features=config.features + n), with_room(space, state)
    new = replace(config, features=config.features + n)
    if config.engine == "auto" and new.layout(space) != layout:
        names = {"basis": "brand", "r": "exact-r", "gram": "exact-gram"}
        new = replace(new, engine=names[layout])
    like = empty_state(space, new)

    def padded(x: Any, shape: tuple[int, ...]) -> Any:
        for axis, length in enumerate(shape):
            short = length - x.shape[axis]
            if short > 0:
                more = list(x.shape)
                more[axis] = short
                zero = xp.zeros(tuple(more), dtype=x.dtype, device=space.device)
                x = xp.concat([x, zero], axis=axis)
        return x

    fields = {f: padded(getattr(state, f), getattr(like, f).shape) for f in SVDState._fields}
    if layout != "basis":
        fields["sigma"] = like.sigma
    return new, SVDState(**fields)
