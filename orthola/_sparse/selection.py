"""Which atom a pursuit takes next: the best admissible one, the lowest index among equals."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.space import Space
from .plan import Plan

__all__ = ["Choice", "Tile", "choose", "close", "open_tiles"]


class Tile(NamedTuple):
    """What is known about some neighbouring atoms, for every signal: (B, n) each."""

    c: Any  # correlations with the residual
    d: Any  # squared norms of what is left of the atoms
    is_open: Any  # neither chosen nor excluded, and not zero


class Choice(NamedTuple):
    """The best atom of each signal: (B,) each."""

    index: Any
    score: Any  # negative where no atom is admissible
    c: Any
    d: Any


def open_tiles(space: Space, excluded: Any | None, g: Any, batch: int, size: int) -> list[Any]:
    """Masks (B, n) of the atoms that may be chosen, `size` atoms to a tile."""
    xp, tiles, total = space.xp, [], g.shape[0]
    for start in range(0, total, size):
        stop = min(start + size, total)
        mask = xp.broadcast_to((g[start:stop] > 0)[None, :], (batch, stop - start))
        if excluded is None:
            pass
        elif xp.isdtype(excluded.dtype, "bool"):
            mask = mask & ~excluded[..., start:stop]
        else:
            atoms = xp.arange(start, stop, dtype=excluded.dtype, device=space.device)
            for i in range(excluded.shape[1]):
                mask = mask & (atoms[None, :] != excluded[:, i, None])
        tiles.append(mask)
    return tiles


def choose(
    space: Space,
    plan: Plan,
    tiles: tuple[Tile, ...],
    g: Any,
    weights: Any | None,
    *,
    least: float,
) -> Choice:
    """The admissible atom of largest score, with d > `least` g.

    Candidates of the tiles are merged in order and only a larger one displaces another, so the
    lowest index wins in every partition. `argmax` is not used: some devices promise no order.
    """
    xp = space.xp
    best: Choice | None = None
    start = 0
    for tile in tiles:
        stop = start + tile.c.shape[-1]
        part = slice(start, stop)
        score = scores(space, plan, tile, g[part], None if weights is None else weights[part])
        admissible = tile.is_open & (tile.d > least * g[None, part])
        score = xp.where(admissible, score, -xp.ones_like(score))
        top = xp.max(score, axis=-1, keepdims=True)
        atoms = xp.arange(stop - start, device=space.device)[None, :]
        index = xp.min(xp.where(score == top, atoms, stop - start - 1), axis=-1, keepdims=True)
        found = Choice(
            index[:, 0] + start,
            top[:, 0],
            xp.take_along_axis(tile.c, index, axis=-1)[:, 0],
            xp.take_along_axis(tile.d, index, axis=-1)[:, 0],
        )
        if best is None:
            best = found
        else:
            better = found.score > best.score
            best = Choice(*(xp.where(better, x, y) for x, y in zip(found, best, strict=True)))
        start = stop
    assert best is not None
    return best


def scores(space: Space, plan: Plan, tile: Tile, g: Any, weights: Any | None) -> Any:
    """|c| w, or for orthogonal least squares |c|^2 / d, the fall of the squared residual."""
    xp = space.xp
    size = xp.abs(tile.c)
    if plan.rule == "ols":
        # Below this d is rounding; only a caller's own dependence_tol lets such atoms in.
        d = xp.maximum(tile.d, 2 * plan.floor * g[None, :])
        return size * size / xp.where(d > 0, d, xp.ones_like(d))
    return size if weights is None else size * weights[None, :]


def close(space: Space, masks: list[Any], index: Any, where: Any) -> list[Any]:
    """The masks without the atom `index` of each signal for which `where` holds."""
    xp, start, closed = space.xp, 0, []
    for mask in masks:
        stop = start + mask.shape[-1]
        atoms = xp.arange(start, stop, dtype=index.dtype, device=space.device)
        taken = (atoms[None, :] == index[:, None]) & where[:, None]
        closed.append(mask & ~taken)
        start = stop
    return closed
