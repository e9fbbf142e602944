"""Columns appended to a state: what is added up, whoever makes the factorisation.

For K = [U S, A] and any W with orthonormal columns, K W goes on and K (I - W W^H) is left behind;
squares of all that was ever left behind add up to the squared error (derived by induction over the
tree of blocks, and checked numerically).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .._core.linalg import adjoint
from .._core.space import Space
from .plan import even_width
from .sketch import reinjected, shrunk
from .stack import left_vectors
from .state import Flag, SVDConfig, SVDState, accumulators
from .truncation import Split, split

__all__ = ["Part", "append", "append_pieces", "counted", "gram_loss", "rounding"]


class Part(NamedTuple):
    """Columns, and what is known to be missing from them (zeros for raw data)."""

    columns: Any  # (d, n)
    energy: Any  # squared norm of what they stand for
    discarded: Any
    spectral: Any
    allowance: Any
    square_loss: Any
    sketch: Any  # (d, .)
    sketch_shrink: Any
    sketch_trace: Any


Factorise = Callable[[SVDState, Any], tuple[Any, Callable[[int, int], Any]]]


def rounding(space: Space, columns: int, energy: Any) -> Any:
    """Backward error of one orthogonal step on so many columns of this squared norm."""
    return 2.0 * float(columns) ** 0.5 * space.eps * space.xp.sqrt(energy)


def gram_loss(space: Space, terms: int, energy: Any) -> Any:
    """Error, in squares, of a Gram matrix added up from so many columns."""
    factor = 4.0 if space.is_complex else 1.0
    return factor * (float(terms) + 2.0) * space.eps * energy


def append(space: Space, config: SVDConfig, state: SVDState, part: Part) -> SVDState:
    """The state with more columns, by the text for every library."""
    layout = config.layout(space)
    if layout == "basis":
        return append_pieces(space, config, state, part, _by_stack(space, config))
    xp, columns = space.xp, part.columns
    n, total = columns.shape[1], state.energy + part.energy
    if layout == "gram":
        wide = config.wide(space)
        a = xp.astype(columns, wide.dtype, copy=False)
        factor = state.factor + a @ adjoint(xp, a)
        loss = gram_loss(wide, n, total)
        return counted(space, state._replace(factor=factor), part, 0.0 * total, loss)
    rows = xp.concat([adjoint(xp, state.factor), adjoint(xp, columns)], axis=0)
    factor = adjoint(xp, xp.linalg.qr(rows)[1])
    step = rounding(space, state.factor.shape[0] + n, total)
    return counted(space, state._replace(factor=factor), part, step, 0.0 * total)


def _by_stack(space: Space, config: SVDConfig) -> Factorise:
    def factorise(state: SVDState, columns: Any) -> tuple[Any, Callable[[int, int], Any]]:
        k = space.xp.concat([state.factor * state.sigma, columns], axis=1)
        return left_vectors(space, config.wide(space), k)

    return factorise


def append_pieces(
    space: Space,
    config: SVDConfig,
    state: SVDState,
    part: Part,
    factorise: Factorise,
    width: int | None = None,
) -> SVDState:
    """Low rank: a factorisation and a truncation for each piece of at most `width` columns.

    Every piece is one more truncation on the longest path.
    """
    xp, n = space.xp, part.columns.shape[1]
    width = width or even_width(n, max(2 * config.capacity, 32))
    total = state.energy + part.energy
    step = 0.0 * total
    # First, so that a tolerance is not spent twice.
    state = state._replace(discarded=state.discarded + part.discarded)
    part = part._replace(discarded=0.0)
    for start in range(0, n, width):
        piece = part.columns[:, start : min(start + width, n)]
        s, rotate = factorise(state, piece)
        step = step + rounding(space, state.factor.shape[1] + piece.shape[1], total)
        state = _truncated(space, config, state, split(space, config, state, s, rotate, total))
    side = state.sketch.shape[1]
    if side and part.sketch is not None:
        merged = xp.concat([state.sketch, part.sketch], axis=1)
        state = _with_sketch(space, config, state, merged, 0.0 * total, 0.0 * total)
    return reinjected(space, config, counted(space, state, part, step, 0.0 * total))


def _truncated(space: Space, config: SVDConfig, state: SVDState, part: Split) -> SVDState:
    """What one truncation leaves behind is added up."""
    xp = space.xp
    if state.sketch.shape[1]:
        merged = xp.concat([state.sketch, part.side], axis=1)
        state = _with_sketch(space, config, state, merged, part.beyond, part.rest)
    capped = xp.astype(part.capped, state.flags.dtype) * int(Flag.RANK_CAPPED)
    # A sketch that shrinks has no right factor: what it lacks has a trace that is known, no more.
    shrunken = xp.astype((part.beyond > 0) & config.shrinks, state.flags.dtype) * int(
        Flag.NOT_EXACT
    )
    discarded = state.discarded + part.lost
    return state._replace(
        factor=part.basis,
        sigma=part.sigma,
        rank=part.rank,
        discarded=discarded,
        spectral=xp.minimum(state.spectral + part.first, discarded),
        levels=state.levels + xp.astype(part.lost > 0, state.levels.dtype),
        flags=state.flags | capped | shrunken,
    )


def _with_sketch(
    space: Space, config: SVDConfig, state: SVDState, columns: Any, shrink: Any, trace: Any
) -> SVDState:
    new = shrunk(space, config.wide(space), columns, state.sketch.shape[1])
    return state._replace(
        sketch=new.columns,
        sketch_shrink=state.sketch_shrink + (shrink + new.shrink),
        sketch_trace=state.sketch_trace + (trace + new.trace),
        square_loss=state.square_loss + new.rounding,
    )


def counted(space: Space, state: SVDState, part: Part, step: Any, loss: Any) -> SVDState:
    """The sums that do not depend on the engine. Disjoint columns: squares of errors add up."""
    xp, acc = space.xp, accumulators(space)
    energy = state.energy + part.energy
    discarded = state.discarded + part.discarded
    bad = xp.astype(~xp.isfinite(energy), state.flags.dtype) * int(Flag.NONFINITE)
    # Levels add up linearly: the errors of a repeated block all point the same way.
    alpha = xp.sqrt(state.allowance**2 + part.allowance**2) + step
    return state._replace(
        discarded=discarded,
        spectral=xp.minimum(state.spectral + part.spectral, discarded),
        energy=energy,
        allowance=xp.astype(alpha, acc.dtype, copy=False),
        square_loss=state.square_loss + part.square_loss + loss,
        sketch_shrink=state.sketch_shrink + part.sketch_shrink,
        sketch_trace=state.sketch_trace + part.sketch_trace,
        flags=state.flags | bad,
    )
