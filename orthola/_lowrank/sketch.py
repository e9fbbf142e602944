"""Frequent directions of what was discarded: B with B B^H <= E E^H <= B B^H + shrink I.

Because the squared errors of all truncations add up to E E^H, a sketch of the discarded directions
is one of the error itself. Ghashami, Liberty, Phillips, Woodruff, arXiv:1501.01711.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import adjoint
from .._core.loops import bounded_while
from .._core.space import Space
from .stack import left_vectors
from .state import Flag, SVDConfig, SVDState, accumulators
from .truncation import split

__all__ = ["Sketched", "reinjected", "shrunk"]


class Sketched(NamedTuple):
    """The sketch, and what it cost."""

    columns: Any  # (d, l)
    shrink: Any  # added to the bound of the spectral norm
    trace: Any  # added to the trace of E E^H - B B^H
    rounding: Any  # of squares


def shrunk(space: Space, wide: Space, columns: Any, width: int) -> Sketched:
    """At most `width` columns for more of them, by the eigenvalues of the small Gram matrix."""
    xp, acc = space.xp, accumulators(space)
    n = columns.shape[1]
    zero = xp.zeros((), dtype=acc.dtype, device=space.device)
    if n <= width or width == 0:
        return Sketched(columns, zero, zero, zero)
    x = xp.astype(columns, wide.dtype, copy=False)
    squares, v = xp.linalg.eigh(adjoint(xp, x) @ x)
    squares = xp.flip(xp.maximum(squares, xp.zeros_like(squares)))
    delta = squares[width]
    head = squares[:width]
    some = xp.where(head > 0, head, xp.ones_like(head))
    ratio = xp.sqrt(xp.where(head > delta, (head - delta) / some, xp.zeros_like(head)))
    rotation = xp.flip(v, axis=1)[:, :width] * xp.astype(ratio, wide.real_dtype)
    kept = columns @ xp.astype(rotation, space.dtype, copy=False)
    total = xp.sum(xp.astype(squares, acc.dtype))
    delta = xp.astype(delta, acc.dtype)
    rest = xp.sum(xp.astype(squares[width:], acc.dtype)) + float(width) * delta
    return Sketched(kept, delta, rest, 4.0 * n**0.5 * space.eps * total)


def reinjected(space: Space, config: SVDConfig, state: SVDState) -> SVDState:
    """Directions that were discarded again and again come back once they outweigh a kept one.

    Afterwards M M^H = U S^2 U^H + D with D >= 0 and trace ``discarded``: all bounds hold, but the
    error is no longer that of one logged right factor.
    """
    if state.sketch.shape[1] == 0:
        return state
    k = config.wanted

    def outweighed(state: SVDState) -> Any:
        xp, acc = space.xp, accumulators(space)
        # The last column counts where fewer directions are live: nothing is wanted less.
        weakest = xp.astype(state.sigma[k - 1], acc.dtype) ** 2
        b = xp.astype(state.sketch, config.wide(space).dtype, copy=False)
        top = xp.max(xp.linalg.eigvalsh(adjoint(space.xp, b) @ b))
        return xp.astype(top, acc.dtype) > weakest + 1e3 * space.eps * state.energy

    return bounded_while(space, outweighed, lambda s: _exchange(space, config, s), state, limit=1)


def _exchange(space: Space, config: SVDConfig, state: SVDState) -> SVDState:
    xp, wide = space.xp, config.wide(space)
    k = xp.concat([state.factor * state.sigma, state.sketch], axis=1)
    s, rotate = left_vectors(space, wide, k)
    part = split(space, config, state, s, rotate, state.energy)
    below = xp.minimum(state.spectral, xp.minimum(state.sketch_shrink, state.sketch_trace))
    trace = state.sketch_trace + part.rest
    discarded = state.sketch_trace + part.lost
    steps = 2.0 * float(k.shape[1]) ** 0.5 * space.eps
    return state._replace(
        factor=part.basis,
        sigma=part.sigma,
        rank=part.rank,
        discarded=discarded,
        spectral=xp.minimum(below + part.first, discarded),
        sketch=part.side,
        sketch_shrink=state.sketch_shrink + part.beyond,
        sketch_trace=trace,
        allowance=state.allowance + steps * xp.sqrt(state.energy),
        levels=state.levels + 1,
        flags=state.flags | xp.asarray(int(Flag.NOT_EXACT), dtype=state.flags.dtype),
    )
