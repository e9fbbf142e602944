"""Units of a state: a power of two that moves, exactly, before a square can leave the range."""

from __future__ import annotations

from typing import Any

from .._core.scaling import power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space
from .refresh import scaled_halves
from .state import SVDState, accumulators

__all__ = ["common_units", "in_units", "reach", "times_power", "units_for"]


def reach(space: Space) -> int:
    """Norms from 2**-reach to 2**reach have squares that are safe to add up."""
    return 40 if space.smallest_exponent > -1000 else 200


def times_power(space: Space, x: Any, exponent: Any) -> Any:
    """X times 2**exponent, for a scalar exponent and x of any shape in the dtype of `space`."""
    xp = space.xp
    flat = xp.reshape(x, (1, -1))
    return xp.reshape(scale_by_power_of_two(space, flat, exponent), x.shape)


def units_for(space: Space, state: SVDState, largest: Any) -> Any:
    """The scale in which `state` and a block with this largest entry (absolute) are both safe."""
    xp, acc = space.xp, accumulators(space)
    low = -(2**20)
    energy = _size(space, state)
    own = (power_of_two_exponent(acc, energy) + 1) // 2 + state.scale
    new = power_of_two_exponent(space, largest)
    own = xp.where(energy > 0, own, xp.full_like(own, low))
    new = xp.where(largest > 0, xp.astype(new, own.dtype), xp.full_like(own, low))
    top = xp.maximum(own, new)
    moves = (xp.abs(top - state.scale) > reach(space)) & (top > low)
    return xp.where(moves, xp.astype(top, state.scale.dtype), state.scale)


def in_units(space: Space, layout: str, state: SVDState, scale: Any) -> SVDState:
    """The same state with another scale."""
    xp = space.xp
    shift = state.scale - scale
    if space.eager and not bool(shift != 0):
        return state
    acc = accumulators(space)
    most = -2 * space.smallest_exponent + 120
    shift = xp.clip(shift, -most, most)
    twice = xp.clip(2 * shift, 2 * acc.smallest_exponent, -2 * acc.smallest_exponent)

    def plain(x: Any) -> Any:
        return times_power(_of(space, x), x, shift)

    def squared(x: Any) -> Any:
        return times_power(_of(space, x), x, twice)

    factor, sigma = state.factor, state.sigma
    if layout == "basis":
        sigma = plain(sigma)
    elif layout == "refresh":
        factor = scaled_halves(factor, plain, squared)
    else:
        factor = plain(factor) if layout == "r" else squared(factor)
    return state._replace(
        factor=factor,
        sigma=sigma,
        discarded=squared(state.discarded),
        spectral=squared(state.spectral),
        energy=squared(state.energy),
        allowance=plain(state.allowance),
        square_loss=squared(state.square_loss),
        sketch=plain(state.sketch),
        sketch_shrink=squared(state.sketch_shrink),
        sketch_trace=squared(state.sketch_trace),
        mean=plain(state.mean),
        scale=scale,
        inherited=squared(state.inherited),
        inherited_spectral=squared(state.inherited_spectral),
    )


def common_units(
    space: Space, layout: str, one: SVDState, two: SVDState
) -> tuple[SVDState, SVDState]:
    """Both states in the larger unit; an empty one has none of its own."""
    xp = space.xp
    first = xp.where(_size(space, one) > 0, one.scale, two.scale)
    second = xp.where(_size(space, two) > 0, two.scale, first)
    scale = xp.maximum(first, second)
    return in_units(space, layout, one, scale), in_units(space, layout, two, scale)


def _size(space: Space, state: SVDState) -> Any:
    """A square that tells the units: after one centred sample there is a mean, but no energy."""
    xp = space.xp
    mean = xp.astype(xp.max(xp.abs(state.mean)), state.energy.dtype)
    return xp.maximum(state.energy, mean**2)


def _of(space: Space, x: Any) -> Space:
    """The space of a field of the state."""
    if x.dtype == space.dtype:
        return space
    names = ("float32", "float64", "complex64", "complex128")
    return next(s for s in map(space.with_dtype, names) if s.dtype == x.dtype)
