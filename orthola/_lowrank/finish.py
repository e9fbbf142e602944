"""From a state to singular values and vectors."""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space
from .appending import gram_loss, rounding
from .refresh import decomposition
from .stack import small_svd
from .state import Flag, SVDConfig, SVDState, accumulators
from .truncation import budget, count_within

__all__ = ["decomposed", "with_signs"]


def decomposed(
    space: Space, config: SVDConfig, state: SVDState, width: int, *, fixed: bool
) -> tuple[Any, Any, Any, SVDState, Any]:
    """(basis (d, width), all singular values in float64, rank, state, uncertainty).

    The uncertainty is that of all squares, relative to each. The state that comes back has the
    rounding of the last decomposition counted in.
    """
    xp, acc, layout = space.xp, accumulators(space), config.layout(space)
    wide = config.wide(space)
    vectors, sigma = state.factor, state.sigma
    # With NaN inside, libraries raise or loop; the status tells already.
    fine = xp.isfinite(state.energy)
    relative = xp.zeros_like(state.energy)
    if layout != "basis":
        vectors = xp.where(fine, vectors, xp.zeros_like(vectors))
        if layout == "r":
            vectors, sigma = small_svd(wide, vectors)
            step = rounding(space, sigma.shape[0], state.energy)
            state = state._replace(allowance=state.allowance + step)
        elif layout == "refresh":
            fit = state._replace(factor=vectors)
            vectors, sigma, relative, state = decomposition(space, fit)
            step = 2.0 * rounding(space, sigma.shape[0], state.energy)
            state = state._replace(allowance=state.allowance + step)
        else:
            vectors, sigma = _of_gram(space, wide, vectors)
            loss = gram_loss(wide, sigma.shape[0], state.energy)
            state = state._replace(square_loss=state.square_loss + loss)
    sigma = xp.astype(sigma, acc.dtype)
    live = sigma > space.eps * sigma[0] if layout != "gram" else sigma > 0
    if config.tolerance is not None and not fixed:
        allowed = budget(space, config, state, state.energy) - state.discarded
        if layout == "gram":
            # What the certificate adds for squares, of any rank.
            allowed = allowed - (1.0 + float(sigma.shape[0]) ** 0.5) * state.square_loss
        kept = xp.minimum(
            count_within(xp, sigma**2, allowed), xp.sum(xp.astype(live, xp.int32), dtype=xp.int32)
        )
        # Exact engines keep all directions, so they meet max_rank here for the first time.
        capped = xp.astype(kept > width, state.flags.dtype) * int(Flag.RANK_CAPPED)
        state = state._replace(flags=state.flags | capped)
        kept = xp.minimum(kept, xp.full_like(kept, width))
    else:
        kept = xp.sum(xp.astype(live[:width], xp.int32), dtype=xp.int32)
    basis = xp.astype(vectors[:, :width], space.dtype, copy=False)
    index = xp.arange(basis.shape[1], device=space.device)
    basis = xp.where((index < kept)[None, :], basis, xp.zeros_like(basis))
    return with_signs(space, basis), sigma, kept, state, relative


def _of_gram(space: Space, wide: Space, g: Any) -> tuple[Any, Any]:
    xp = space.xp
    values, v = xp.linalg.eigh(0.5 * (g + adjoint(xp, g)))
    values = xp.flip(xp.maximum(values, xp.zeros_like(values)))
    return xp.flip(v, axis=1), xp.sqrt(values)


def with_signs(space: Space, basis: Any) -> Any:
    """The entry of largest modulus of each column real and positive, the first one on ties."""
    xp = space.xp
    size = xp.abs(basis)
    rows = xp.arange(basis.shape[0], dtype=xp.int32, device=space.device)[:, None]
    last = xp.full_like(rows, basis.shape[0])
    place = xp.min(xp.where(size == xp.max(size, axis=0)[None, :], rows, last), axis=0)
    there = rows == place[None, :]
    lead = xp.sum(xp.where(there, basis, xp.zeros_like(basis)), axis=0)
    modulus = xp.abs(lead)
    some = xp.where(modulus > 0, modulus, xp.ones_like(modulus))
    phase = xp.where(modulus > 0, lead / some, xp.ones_like(lead))
    return basis * (xp.conj(phase) if space.is_complex else phase)
