"""Updates in Array-API calls: any library, fixed shapes, traceable."""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint, sums_of_squares
from .._core.scaling import largest_entry
from .._core.space import Space
from .appending import Part, append
from .centring import forgotten, mean_moved, mean_rounding
from .intervals import numbers
from .phases import Lacking, received
from .randomized import compressed
from .refresh import as_triangle, with_room
from .scale import common_units, in_units, times_power, units_for
from .state import SVDConfig, SVDState, accumulators

__all__ = ["joined", "merge", "update"]


def update(
    space: Space,
    config: SVDConfig,
    state: SVDState,
    block: Any,
    weights: Any = None,
    lacking: Lacking | None = None,
) -> SVDState:
    """The state after one more block, given as `axis` says."""
    if config.layout(space) == "refresh":
        exact, state = as_triangle(space, config, state)
        return with_room(space, update(space, exact, state, block, weights, lacking))
    xp, layout, acc = space.xp, config.layout(space), accumulators(space)
    a = adjoint(xp, block) if config.axis == 0 else block
    samples = a.shape[1]
    scale = units_for(space, state, largest_entry(space, a))
    state = in_units(space, layout, state, scale)
    a = times_power(space, a, -scale)
    state, error = received(space, forgotten(space, config, layout, state), lacking)
    wide = config.wide(space)
    x = xp.astype(a, wide.dtype, copy=False)
    count = xp.full_like(state.count, float(samples))
    if weights is None:
        mean = xp.mean(x, axis=1)
    else:
        w = xp.astype(weights, wide.real_dtype, copy=False)
        count = xp.astype(xp.sum(w), acc.dtype)
        some = xp.where(count > 0, count, xp.ones_like(count))
        mean = (x @ xp.astype(w, wide.dtype, copy=False)) / xp.astype(some, wide.real_dtype)
    moved = mean_moved(space, wide, state, mean, count)
    if config.center:
        x = x - mean[:, None]
        size = xp.astype(xp.sqrt(xp.sum(xp.abs(mean) ** 2)), acc.dtype)
        error = error + mean_rounding(wide, samples, count, size) + moved.rounding
    if weights is not None:
        x = x * xp.sqrt(w)
    energy = xp.astype(sums_of_squares(xp, x), acc.dtype)
    if config.center:
        x, energy = xp.concat([x, moved.column], axis=1), energy + moved.energy
    kind = wide if layout == "gram" else space
    if config.center or weights is not None:
        error = error + 2.0 * kind.eps * xp.sqrt(energy)
    a = xp.astype(x, kind.dtype, copy=False)
    state = state._replace(mean=moved.mean, count=moved.count)
    part = compressed(space, config, state, _raw(a, energy, error))
    state = append(space, config, state, part)
    return state._replace(columns=state.columns + samples, position=state.position + 1)


def _raw(columns: Any, energy: Any, allowance: Any) -> Part:
    """Data of which nothing is missing."""
    return Part(columns, energy, 0.0, 0.0, allowance, 0.0, None, 0.0, 0.0)


def joined(space: Space, config: SVDConfig, one: SVDState, two: SVDState) -> tuple[SVDState, Part]:
    """Both in one unit, the second as columns to be appended to the first."""
    xp, layout = space.xp, config.layout(space)
    one, two = common_units(space, layout, one, two)
    moved = mean_moved(space, config.wide(space), one, two.mean, two.count)
    columns = two.factor if layout != "basis" else two.factor * two.sigma
    energy, error = two.energy, two.allowance
    if config.center:
        column = xp.astype(moved.column, columns.dtype, copy=False)
        columns, energy = xp.concat([columns, column], axis=1), energy + moved.energy
        error = error + moved.rounding
    state = one._replace(
        mean=moved.mean,
        count=moved.count,
        columns=one.columns + two.columns,
        levels=xp.maximum(one.levels, two.levels),
        flags=one.flags | two.flags,
        inherited=one.inherited + two.inherited,
        inherited_spectral=one.inherited_spectral + two.inherited_spectral,
        **numbers(xp, one, two),
    )
    part = Part(
        columns, energy, two.discarded, two.spectral, error, two.square_loss,
        two.sketch, two.sketch_shrink, two.sketch_trace,
    )  # fmt: skip
    return state, part


def merge(space: Space, config: SVDConfig, one: SVDState, two: SVDState) -> SVDState:
    """The state of all columns of both."""
    if config.layout(space) == "refresh":
        exact, one = as_triangle(space, config, one)
        return with_room(space, merge(space, exact, one, as_triangle(space, config, two)[1]))
    state, part = joined(space, config, one, two)
    if config.layout(space) != "gram":
        return append(space, config, state, part)
    # Gram matrices are added; the column of the means is one more.
    d = state.factor.shape[0]
    state = state._replace(factor=state.factor + part.columns[:, :d])
    return append(space, config, state, part._replace(columns=part.columns[:, d:]))
