"""Updates of NumPy states: one working copy of the block, BLAS and LAPACK in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.blas import routines
from .._core.scaling import largest_entry
from .._core.space import Space
from . import text
from .appending import Part, append_pieces, counted, gram_loss, rounding
from .brand import appended
from .centring import forgotten, mean_moved, mean_rounding
from .exact import appended_rows
from .gram import added
from .orthonormality import ALWAYS, tended
from .phases import Lacking, received
from .plan import even_width, piece_width
from .randomized import compressed
from .refresh import grown
from .scale import in_units, reach, units_for
from .stack import left_vectors
from .state import SVDConfig, SVDState

__all__ = ["append_part", "merge", "update"]

_ROWS = 256  # samples at a time where something is summed in double precision


def update(
    space: Space,
    config: SVDConfig,
    state: SVDState,
    block: Any,
    weights: Any = None,
    lacking: Lacking | None = None,
) -> SVDState:
    """As `text.update`."""
    layout = config.layout(space)
    axis = 0 if layout == "r" else 1  # along which the samples of the working copy lie
    wide = config.wide(space)
    a = _copied(wide if layout == "gram" else space, block, config.axis, axis)
    samples = a.shape[axis]
    energy = _energy(a)
    safe = 4.0 ** reach(space)
    if int(state.scale) != 0 or not 1.0 / safe < energy < safe:
        # Infinity may be an overflow of the squares alone; NaN never is.
        if energy == energy:
            state = in_units(space, layout, state, units_for(space, state, largest_entry(space, a)))
        parts = a.T.view(a.real.dtype)
        np.ldexp(parts, -state.scale, out=parts)
        energy = _energy(a)
    state, error = received(space, forgotten(space, config, layout, state), lacking)
    count = np.float64(samples)
    if weights is not None:
        weights = np.asarray(weights, wide.real_dtype)
        count = np.sum(weights, dtype=np.float64)
    mean = _mean(a, axis, weights, count, wide)
    moved = mean_moved(space, wide, state, mean, count)
    if config.center:
        offset = np.expand_dims(mean if axis else mean.conj(), axis)
        np.subtract(a, offset, out=a, casting="same_kind")
        error += mean_rounding(wide, samples, count, np.linalg.norm(mean)) + moved.rounding
    if weights is not None:
        np.multiply(a, np.expand_dims(np.sqrt(weights), 1 - axis), out=a, casting="same_kind")
    if config.center or weights is not None:
        energy = _energy(a)
        error += 2.0 * (wide if layout == "gram" else space).eps * np.sqrt(energy)
    state = state._replace(mean=moved.mean, count=moved.count)
    if config.center:
        energy = energy + moved.energy
        column = moved.column if axis else moved.column.conj().T
        a = np.asfortranarray(np.concatenate([a, column.astype(a.dtype)], axis=axis))
    part = Part(a, energy, 0.0, 0.0, error, 0.0, None, 0.0, 0.0)
    state = append_part(space, config, layout, state, part)
    return state._replace(
        columns=state.columns + np.int64(samples), position=state.position + np.int64(1)
    )


def merge(space: Space, config: SVDConfig, one: SVDState, two: SVDState) -> SVDState:
    """As `text.merge`, low rank through the basis of the first."""
    if config.layout(space) != "basis":
        return text.merge(space, config, one, two)
    state, part = text.joined(space, config, one, two)
    live = np.flatnonzero(np.any(part.columns != 0, axis=0))
    part = part._replace(columns=np.asfortranarray(part.columns[:, live]))
    # Positions of both add up, so they do not tell when to look at the basis.
    return tended(space, append_part(space, config, "basis", state, part), ALWAYS)


def append_part(
    space: Space, config: SVDConfig, layout: str, state: SVDState, part: Part
) -> SVDState:
    """Columns A (for the triangle: rows A^H) that may be overwritten."""
    total = state.energy + part.energy
    if not np.isfinite(total):
        lost = np.full_like(state.factor, np.nan)
        return counted(space, state._replace(factor=lost), part, 0.0, 0.0)
    n = part.columns.shape[1]
    if layout == "gram":
        factor = added(state.factor, part.columns)
        return counted(
            space, state._replace(factor=factor), part, 0.0, gram_loss(config.wide(space), n, total)
        )
    if layout == "refresh":
        return grown(space, config, state, part)
    if layout == "r":
        step = rounding(space, part.columns.shape[0] + state.factor.shape[0], total)
        factor = appended_rows(state.factor, part.columns)
        return counted(space, state._replace(factor=factor), part, step, 0.0)
    part = compressed(space, config, state, part)
    n = part.columns.shape[1]
    # Centred columns add up to zero: a full block in one piece would be dependent.
    width = even_width(n, piece_width(config, state.factor.shape), most=config.center)
    state = append_pieces(space, config, state, part, _factorise(space, config), width)
    return tended(space, state, -(-n // width), width)


def _factorise(
    space: Space, config: SVDConfig
) -> Callable[[SVDState, Any], tuple[Any, Callable[[int, int], Any]]]:
    def factorise(state: SVDState, a: Any) -> tuple[Any, Callable[[int, int], Any]]:
        wide, r = config.wide(space), int(state.rank)
        u, sigma = state.factor[:, :r], state.sigma[:r]
        if config.engine != "stack":
            found = appended(routines(a.dtype), u, sigma, a, np.dtype(wide.dtype), space.eps)
            if found is not None:
                return found
        return left_vectors(space, wide, np.concatenate([u * sigma, a], axis=1))

    return factorise


def _copied(space: Space, block: Any, given: int, wanted: int) -> Any:
    """A^H (samples along axis 0) or A (along axis 1), Fortran-ordered and private."""
    source = block if given == wanted else block.T
    out = np.empty(source.shape, space.dtype, order="F")
    if given != wanted and space.is_complex:
        return np.conjugate(source, out=out)
    out[...] = source
    return out


def _energy(a: Any) -> Any:
    """Squared norm, summed in double precision."""
    flat = a.T.view(a.real.dtype).reshape(-1)
    if flat.dtype == np.float64:
        return np.float64(routines(flat.dtype).dot(flat, flat)) if flat.size else np.float64(0.0)
    total = np.float64(0.0)
    for start in range(0, flat.size, 1 << 16):
        piece = flat[start : start + (1 << 16)].astype(np.float64)
        total += piece @ piece
    return total


def _mean(a: Any, axis: int, weights: Any, count: Any, wide: Space) -> Any:
    """Of the columns of A; summed in `wide`."""
    samples = a.shape[axis]
    total = np.zeros(a.shape[1 - axis], wide.dtype)
    step = samples if a.dtype == wide.dtype else _ROWS
    for start in range(0, samples, max(step, 1)):
        piece = a[start : start + step] if axis == 0 else a[:, start : start + step].T
        piece = piece.astype(wide.dtype, copy=False)
        w = np.ones(piece.shape[0]) if weights is None else weights[start : start + step]
        total += w.astype(wide.dtype) @ piece
    if axis == 0 and wide.is_complex:
        total = total.conj()
    return total / (count if count > 0 else 1.0)
