"""A function of many signals, applied to so many at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.loops import bounded_while
from .._core.space import Space

__all__ = ["over_tiles"]

_UNROLLED = 2  # tiles that are traced one by one


def over_tiles(
    space: Space, body: Callable[..., tuple[Any, ...]], arrays: tuple[Any, ...], size: int
) -> tuple[Any, ...]:
    """``body(*arrays)`` with the first axes cut into tiles of `size`; None passes through.

    Items do not see each other, so a result does not depend on the partition, but for rounding
    where a product of another shape is summed in another order.
    """
    total = arrays[0].shape[0]
    if size >= total:
        return body(*arrays)
    count = -(-total // size)
    if not space.eager and count > _UNROLLED:
        return _in_a_loop(space, body, arrays, size, count)
    xp = space.xp
    parts = [
        body(*(None if x is None else x[start : min(start + size, total), ...] for x in arrays))
        for start in range(0, total, size)
    ]
    return tuple(xp.concat(list(outputs), axis=0) for outputs in zip(*parts, strict=True))


def _in_a_loop(space: Space, body: Any, arrays: Any, size: int, count: int) -> tuple[Any, ...]:
    xp, total = space.xp, arrays[0].shape[0]
    stacks: list[Any] = []
    for x in arrays:
        if x is None:
            stacks.append(None)
            continue
        more = xp.zeros((count * size - total, *x.shape[1:]), dtype=x.dtype)
        stacks.append(xp.reshape(xp.concat([x, more]), (count, size, *x.shape[1:])))

    def tile(i: Any) -> Any:
        return body(*(None if x is None else x[i, ...] for x in stacks))

    def step(state: Any) -> Any:
        i, buffers = state
        return i + 1, tuple(b.at[i].set(x) for b, x in zip(buffers, tile(i), strict=True))

    first = tuple(xp.zeros((count, *x.shape), dtype=x.dtype).at[0].set(x) for x in tile(0))
    start = (xp.asarray(1), first)
    _, buffers = bounded_while(space, lambda s: s[0] < count, step, start, limit=count - 1)
    return tuple(xp.reshape(b, (count * size, *b.shape[2:]))[:total, ...] for b in buffers)
