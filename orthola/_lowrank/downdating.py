"""Taking columns out: eigenvalues of U S^2 U^H - A A^H, in the span of both.

What the subtraction makes negative was never there: it bounds how much was lost in squares.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint, sums_of_squares
from .._core.scaling import largest_entry
from .._core.space import Space
from .appending import gram_loss
from .centring import mean_moved, mean_rounding
from .phases import Lacking, received
from .refresh import as_triangle, with_room
from .scale import in_units, times_power, units_for
from .stack import small_svd
from .state import Flag, SVDConfig, SVDState, accumulators
from .truncation import split

__all__ = ["removed"]

_DOUBTFUL = 1e-3  # loss in squares, relative to the weakest wanted direction


def removed(
    space: Space,
    config: SVDConfig,
    state: SVDState,
    block: Any,
    weights: Any = None,
    rounding: Any = 0.0,
) -> SVDState:
    """The state without samples that were added before, up to what `square_loss` says."""
    if config.layout(space) == "refresh":
        exact, state = as_triangle(space, config, state)
        return with_room(space, removed(space, exact, state, block, weights, rounding))
    xp, layout, acc = space.xp, config.layout(space), accumulators(space)
    wide = config.wide(space)
    a = adjoint(xp, block) if config.axis == 0 else block
    samples = a.shape[1]
    scale = units_for(space, state, largest_entry(space, a))
    state = in_units(space, layout, state, scale)
    x = xp.astype(times_power(space, a, -scale), wide.dtype, copy=False)
    w = xp.ones((samples,), dtype=wide.real_dtype, device=space.device)
    if weights is not None:
        w = xp.astype(weights, wide.real_dtype, copy=False)
    count = xp.astype(xp.sum(w), acc.dtype)
    some = xp.where(count > 0, count, xp.ones_like(count))
    mean = (x @ xp.astype(w, wide.dtype)) / xp.astype(some, wide.real_dtype)
    rest = state.count - count
    share = xp.astype(count / xp.where(rest > 0, rest, xp.ones_like(rest)), wide.real_dtype)
    left = state._replace(mean=state.mean + share * (state.mean - mean), count=rest)
    moved = mean_moved(space, wide, left, mean, count)
    _, error = received(space, state, Lacking(0.0, 0.0, rounding))
    if config.center:
        x = x - mean[:, None]
        size = xp.astype(xp.sqrt(xp.sum(xp.abs(mean) ** 2)), acc.dtype)
        error = error + mean_rounding(wide, samples, count, size) + moved.rounding
    x = x * xp.sqrt(w)
    if config.center:
        x = xp.concat([x, moved.column], axis=1)
    energy = xp.astype(sums_of_squares(xp, x), acc.dtype)
    remaining = xp.maximum(state.energy - energy, xp.zeros_like(energy))
    u = space.eps if layout != "gram" else wide.eps
    alpha = state.allowance + error + 4.0 * u * xp.sqrt(state.energy + energy)
    loss = gram_loss(wide, x.shape[1], state.energy + energy)
    loss = loss + 2.0 * alpha * xp.sqrt(energy) + alpha**2
    loss = loss + 8.0 * float(state.factor.shape[1]) ** 0.5 * u * (state.energy + energy)
    left = left._replace(energy=remaining, square_loss=state.square_loss + loss)
    new, negative, weakest = _without(space, config, layout, left, x)
    new = new._replace(square_loss=new.square_loss + negative)
    doubtful = (new.square_loss > _DOUBTFUL * weakest) | (remaining < space.eps**0.5 * energy)
    flags = new.flags | int(Flag.NOT_EXACT)
    flags = flags | xp.astype(doubtful, flags.dtype) * int(Flag.ILL_CONDITIONED)
    return new._replace(
        columns=new.columns - samples,
        flags=xp.astype(flags, state.flags.dtype, copy=False),
    )


def _without(
    space: Space, config: SVDConfig, layout: str, state: SVDState, x: Any
) -> tuple[SVDState, Any, Any]:
    """(state, trace of the negative part, weakest wanted eigenvalue)."""
    xp, acc, wide = space.xp, accumulators(space), config.wide(space)
    k = config.wanted
    if layout == "gram":
        factor = state.factor - x @ adjoint(xp, x)
        values = xp.flip(xp.linalg.eigvalsh(0.5 * (factor + adjoint(xp, factor))))
        values = xp.astype(values, acc.dtype)
        negative = xp.sum(xp.where(values < 0, -values, xp.zeros_like(values)))
        return state._replace(factor=factor), negative, values[min(k, values.shape[0]) - 1]
    if layout == "r":
        basis, sigma = small_svd(wide, state.factor)
    else:
        basis = xp.astype(state.factor, wide.dtype, copy=False)
        sigma = xp.astype(state.sigma, wide.real_dtype, copy=False)
    # An orthonormal basis of both, whatever their rank is.
    q = xp.linalg.qr(xp.concat([basis, x], axis=1))[0]
    kept, gone = adjoint(xp, q) @ (basis * sigma), adjoint(xp, q) @ x
    values, v = xp.linalg.eigh(kept @ adjoint(xp, kept) - gone @ adjoint(xp, gone))
    values, v = xp.flip(values), xp.flip(v, axis=1)
    zero = xp.zeros_like(values)
    negative = xp.sum(xp.astype(xp.where(values < 0, -values, zero), acc.dtype))
    s = xp.sqrt(xp.maximum(values, zero))
    weakest = xp.astype(values[min(k, values.shape[0]) - 1], acc.dtype)

    def rotate(i: int, j: int) -> Any:
        return xp.astype(q @ v[:, i:j], space.dtype, copy=False)

    if layout == "r":
        d = state.factor.shape[0]
        columns = rotate(0, d) * xp.astype(s[:d], space.real_dtype)
        triangle = adjoint(xp, xp.linalg.qr(adjoint(xp, columns))[1])
        return state._replace(factor=triangle), negative, weakest
    part = split(space, config, state, s, rotate, state.energy)
    discarded = state.discarded + part.lost
    new = state._replace(
        factor=part.basis,
        sigma=part.sigma,
        rank=part.rank,
        discarded=discarded,
        spectral=xp.minimum(state.spectral + part.first, discarded),
        # Nothing of it goes into the sketch, so all of it counts as what a sketch leaves out.
        sketch_shrink=state.sketch_shrink + part.first,
        sketch_trace=state.sketch_trace + part.lost,
    )
    return new, negative, weakest
