"""The right factor of a stream, from small rotations that are logged and multiplied when asked.

Each truncation takes K = [U S, A] to K W. With W_t logged, V is never stored: going backward, the
rows of V that belong to block t are the lower rows of W_t times all later upper parts. Centring
adds a column c to K that stands for no sample: the centred data are K T with rows of T for every
sample, (V, 0, -s sqrt(n2 / (n1 n))) for earlier and (0, I, s sqrt(n1 / (n2 n))) for new ones, s the
root of a sample's weight (derived here, checked numerically: T has orthonormal columns).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from .._core.linalg import adjoint
from .._core.space import Space, in_full_precision
from .centring import forgotten, mean_moved
from .incremental import svd_update
from .plan import piece_width
from .scale import in_units, times_power
from .state import SVDConfig, SVDState

__all__ = ["Rotation", "logged", "right_blocks", "rotation"]


class Rotation(NamedTuple):
    """What one truncation did to the rows of V, for r directions before and r' after."""

    upper: Any  # (r, r') for earlier samples
    lower: Any  # (b, r') the rows of its own samples
    shift: Any  # (r',) what the new mean adds to earlier rows, times the root of their weight
    roots: Any  # (b,) square roots of the weights of its samples
    fade: float  # what forgetting multiplies the roots of earlier weights by


def logged(
    space: Space, config: SVDConfig, state: SVDState, block: Any, weights: Any
) -> Iterator[tuple[SVDState, Rotation]]:
    """One truncation after the other, each with its rotation."""
    xp, n = space.xp, int(block.shape[config.axis])
    # Centring adds a column, and all of them together are to be one truncation.
    step = piece_width(config, state.factor.shape) - int(config.center)
    for start in range(0, n, step):
        stop = min(start + step, n)
        piece = block[start:stop, :] if config.axis == 0 else block[:, start:stop]
        w = None if weights is None else weights[start:stop]
        new = svd_update(state, piece, config, weights=w)
        columns = adjoint(xp, piece) if config.axis == 0 else piece
        yield new, rotation(space, config, state, columns, w, new)
        state, config = new, replace(config, forget=1.0)  # once for the whole block


@in_full_precision
def rotation(
    space: Space, config: SVDConfig, before: SVDState, columns: Any, weights: Any, after: SVDState
) -> Rotation:
    """From the left factor, as K^H U' / S'; `columns` (d, b) in the units of the data.

    Whatever the orthogonality of this W, K W W^H is U' U'^H K.
    """
    xp, wide = space.xp, config.wide(space)
    r, new = int(before.rank), int(after.rank)
    before = forgotten(space, config, "basis", in_units(space, "basis", before, after.scale))
    x = xp.astype(times_power(space, columns, -after.scale), wide.dtype, copy=False)
    w = xp.ones((x.shape[1],), dtype=wide.real_dtype, device=space.device)
    if weights is not None:
        w = xp.astype(weights, wide.real_dtype, copy=False)
    basis = xp.astype(after.factor[:, :new], wide.dtype, copy=False)
    sigma = xp.astype(after.sigma[:new], wide.real_dtype, copy=False)
    old = xp.astype(before.factor[:, :r], wide.dtype, copy=False)
    upper = before.sigma[:r, None] * (adjoint(xp, old) @ basis) / sigma
    roots, count = xp.sqrt(w), xp.sum(w)
    shift = xp.zeros((new,), dtype=wide.dtype, device=space.device)
    if not config.center or not bool(count > 0):
        lower = roots[:, None] * (adjoint(xp, x) @ basis) / sigma
    else:
        mean = (x @ xp.astype(w, wide.dtype)) / count
        lower = roots[:, None] * (adjoint(xp, x - mean[:, None]) @ basis) / sigma
        n1, n2 = float(before.count), float(count)
        moved = mean_moved(space, wide, before, mean, xp.full_like(before.count, n2))
        row = (adjoint(xp, moved.column) @ basis)[0, :] / sigma
        if n1 > 0:
            shift = -((n2 / (n1 * (n1 + n2))) ** 0.5) * row
            lower = lower + (n1 / (n2 * (n1 + n2))) ** 0.5 * roots[:, None] * row
    return Rotation(
        xp.astype(upper, space.dtype, copy=False),
        xp.astype(lower, space.dtype, copy=False),
        xp.astype(shift, space.dtype, copy=False),
        xp.astype(roots, space.real_dtype, copy=False),
        config.forget**0.5,
    )


def right_blocks(
    space: Space, rotations: Sequence[Rotation], rank: int
) -> Iterator[tuple[int, Any]]:
    """(number of the truncation, rows of V for its samples), the last one first."""
    xp = space.xp
    later = xp.eye(rank, dtype=space.dtype, device=space.device)
    shift = xp.zeros((rank,), dtype=space.dtype, device=space.device)
    for t in range(len(rotations) - 1, -1, -1):
        rows, later, shift = _backward(rotations[t], later, shift)
        yield t, rows


@in_full_precision
def _backward(one: Rotation, later: Any, shift: Any) -> tuple[Any, Any, Any]:
    """Rows of V for the samples of one truncation, and what earlier ones are multiplied by."""
    rows = one.lower @ later + one.roots[:, None] * shift
    return rows, one.upper @ later, one.fade * (one.shift @ later + shift)
