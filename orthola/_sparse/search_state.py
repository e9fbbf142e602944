"""The state of a search: how it begins, and how the triangular factor grows."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import conjugate, real_part
from .._core.space import Space
from .finish import sum_of_squares
from .plan import Plan
from .problem import Problem
from .selection import Tile, open_tiles

__all__ = ["Search", "begin", "square_norms", "with_column"]


class Search(NamedTuple):
    """The state of a search, and at its end what it has found."""

    tiles: tuple[Tile, ...]
    rows: Any  # of the form
    factor: Any  # R (B, K, K), the identity where there is no atom
    rhs: Any  # b (B, K): y = Q^T b + r
    indices: Any  # (B, K)
    energy: Any  # (B,) ||r||^2
    used: Any  # (B,)
    active: Any  # (B,)
    met: Any  # (B,) the tolerance is reached
    exhausted: Any  # (B,) nothing was left to choose
    gaps: Any  # (B, K, 2) best score and the next one, or None if nobody asks for them


def square_norms(space: Space, problem: Problem) -> Any:
    """||a_n||^2, (N,), from the Gram matrix if there is one."""
    if problem.gram is None:
        return sum_of_squares(space, problem.dictionary)
    return real_part(space.xp, space.xp.linalg.diagonal(problem.gram))


def begin(
    space: Space, plan: Plan, form: Any, problem: Problem, g: Any, yy: Any, known: Any | None,
    gaps: bool,
) -> Search:  # fmt: skip
    """A search without an atom; `known` correlations (B, N) need not be formed."""
    xp, device, y = space.xp, space.device, problem.signals
    batch, k = y.shape[0], plan.k_max
    a = conjugate(xp, problem.dictionary)
    masks = open_tiles(space, problem.excluded, g, batch, form.atom_tile)
    tiles, start = [], 0
    for mask in masks:
        stop = start + mask.shape[-1]
        part = slice(start, stop)
        c = y @ xp.matrix_transpose(a[part, :]) if known is None else known[:, part]
        tiles.append(Tile(c, xp.broadcast_to(g[None, start:stop], mask.shape), mask))
        start = stop
    eye = xp.eye(k, dtype=y.dtype, device=device)
    indices = xp.zeros((batch, k), dtype=xp.arange(1, device=device).dtype, device=device) - 1
    none = xp.zeros((batch,), dtype=xp.bool, device=device)
    real = space.real_dtype
    return Search(
        tuple(tiles),
        form.start(),
        xp.zeros((batch, k, k), dtype=y.dtype, device=device) + eye,
        xp.zeros((batch, k), dtype=y.dtype, device=device),
        indices,
        yy,
        xp.zeros_like(indices[:, 0]),
        ~none,
        none,
        none,
        xp.zeros((batch, k, 2), dtype=real, device=device) if gaps else None,
    )


def with_column(space: Space, factor: Any, t: Any, column: Any, diagonal: Any) -> Any:
    """R with its column t: `column` above the diagonal, which is set last."""
    if isinstance(t, int):
        at = getattr(factor, "at", None)
        if at is not None:
            return at[:, :t, t].set(column).at[:, t, t].set(diagonal)
        factor[:, :t, t] = column
        factor[:, t, t] = diagonal
        return factor
    # Here the column comes whole, with zeros from t on.
    return factor.at[:, :, t].set(column).at[:, t, t].set(diagonal)
