"""Means, weights and forgetting: a centred stream is a stream with one more column per block.

The scatters of two sets about their own means add up to that about the common mean with the column
sqrt(n1 n2 / (n1 + n2)) (mean1 - mean2). Chan, Golub, LeVeque, doi:10.1080/00031305.1983.10483115.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.space import Space
from .refresh import scaled_halves
from .state import SVDConfig, SVDState, accumulators

__all__ = ["Moved", "forgotten", "mean_moved", "mean_rounding"]


class Moved(NamedTuple):
    """The mean of two sets together."""

    mean: Any
    count: Any
    column: Any  # (d, 1) what centring adds to the scatter, in wide precision
    energy: Any  # its squared norm
    rounding: Any  # allowance for it


def mean_moved(space: Space, wide: Space, state: SVDState, mean: Any, count: Any) -> Moved:
    """Join the samples of the state and others with this mean and sum of weights."""
    xp, acc = space.xp, accumulators(space)
    total = state.count + count
    some = xp.where(total > 0, total, xp.ones_like(total))
    share = xp.astype(count / some, wide.real_dtype)
    gap = mean - state.mean
    root = xp.astype(xp.sqrt(state.count * count / some), wide.real_dtype)
    column = root * gap
    energy = xp.astype(xp.sum(xp.abs(column) ** 2), acc.dtype)
    sizes = xp.sqrt(xp.sum(xp.abs(mean) ** 2)) + xp.sqrt(xp.sum(xp.abs(state.mean) ** 2))
    error = 8.0 * wide.eps * xp.astype(root * sizes, acc.dtype)
    return Moved(
        state.mean + share * gap,
        total,
        column[:, None],
        energy,
        error,
    )


def mean_rounding(wide: Space, samples: int, count: Any, size: Any) -> Any:
    """Allowance for the mean that was taken off a block: sqrt(count) times its own error."""
    return 2.0 * (float(samples) ** 0.5 + 2.0) * wide.eps * count**0.5 * size


def forgotten(space: Space, config: SVDConfig, layout: str, state: SVDState) -> SVDState:
    """All past samples weigh `forget` times what they did."""
    w = config.forget
    if w == 1.0:
        return state
    root = w**0.5
    factor = state.factor
    if layout == "refresh":
        factor = scaled_halves(factor, lambda x: x * root, lambda x: x * w)
    elif layout != "basis":
        factor = factor * (root if layout == "r" else w)
    return state._replace(
        factor=factor,
        sigma=state.sigma * root if layout == "basis" else state.sigma,
        discarded=state.discarded * w,
        spectral=state.spectral * w,
        energy=state.energy * w,
        allowance=state.allowance * root,
        square_loss=state.square_loss * w,
        sketch=state.sketch * root,
        sketch_shrink=state.sketch_shrink * w,
        sketch_trace=state.sketch_trace * w,
        count=state.count * w,
        inherited=state.inherited * w,
        inherited_spectral=state.inherited_spectral * w,
    )
