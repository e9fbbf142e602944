"""What a state says: dictionary, gap, noise, status."""

from __future__ import annotations

from typing import Any

from .._core.errors import Status
from .._core.linalg import inner_product, wide
from .._core.space import Space
from .oracle import Oracle, leaning, projected
from .state import DictionaryState

__all__ = ["answer"]

_EXACT = Oracle("svd")


def answer(space: Space, state: DictionaryState, refine: bool) -> tuple[Any, ...]:
    """(dictionary, gap, noise, status, atoms)."""
    xp, p = space.xp, state.options.p
    begun = state.step > 0
    q = projected(space, _EXACT, state.iterate)
    if refine:
        # Atoms that no sample had, and directions that none had, are those of the iterate.
        tail = projected(space, _EXACT, leaning(space, state.cross, q))
        q = xp.where(wide(begun), tail, q)
    sizes = xp.linalg.svdvals(state.gradient)
    gap = xp.sum(sizes, axis=-1) - inner_product(space.xp, state.gradient, state.iterate)
    gap = p * xp.clip(gap, min=0.0) * state.scale**p
    status = _status(space, state, sizes)
    return q, gap, state.noise * state.scale, status, _atoms(space, state, q)


def _status(space: Space, state: DictionaryState, sizes: Any) -> Any:
    """From singular values of both averages: codes may all be below the threshold in one."""
    xp = space.xp
    missing = _singular(space, sizes) & _singular(space, xp.linalg.svdvals(state.cross))
    code = xp.astype(missing, xp.int32) * int(Status.RANK_DEFICIENT)
    code = xp.where(state.step > 0, code, xp.full_like(code, int(Status.NOT_CONVERGED)))
    return xp.where(state.n_skipped > 0, xp.full_like(code, int(Status.NONFINITE)), code)


def _singular(space: Space, sizes: Any) -> Any:
    return sizes[..., -1] <= sizes.shape[-1] * space.eps * sizes[..., 0]


def _atoms(space: Space, state: DictionaryState, q: Any) -> Any:
    """Q H for rows that were multiplied by H^-1; directions outside the span of the data are 0."""
    if not state.options.preconditioned:
        return q
    return q @ space.xp.linalg.pinv(state.precondition)
