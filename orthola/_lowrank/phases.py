"""From a stream along one axis to a stream along the other: a new phase.

Errors of one phase add up in squares, because each is orthogonal to what was kept. Those of
different phases are orthogonal in no such way, and only their norms add up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import adjoint
from .._core.space import Space, resolve
from .appending import rounding
from .scale import times_power
from .state import Flag, SVDConfig, SVDState, accumulators

__all__ = ["Lacking", "Turned", "lacking_of", "received", "turned"]


class Lacking(NamedTuple):
    """What samples lack to those that they stand for, in the units of the data."""

    error: Any  # at least the Frobenius norm
    spectral: Any  # at least the spectral norm
    rounding: Any  # to be allowed for


def lacking_of(
    function: str, error: float | tuple[float, float] | None, rounding: Any
) -> Lacking | None:
    """What a block lacks, if it lacks anything that is known."""
    pair = error if isinstance(error, tuple) else (error or 0.0, error or 0.0)
    if len(pair) != 2 or not all(float(x) >= 0.0 for x in pair):
        raise ValueError(f"{function}: expected error >= 0, two of them or None, got {error!r}")
    frobenius, spectral = map(float, pair)
    if frobenius == 0.0 and isinstance(rounding, float) and rounding == 0.0:
        return None
    return Lacking(frobenius, min(frobenius, spectral), rounding)


def received(space: Space, state: SVDState, lacking: Lacking | None) -> tuple[SVDState, Any]:
    """The state that knows of it, and the rounding errors in its units.

    Samples of one phase are different columns: squares add up.
    """
    if lacking is None:
        return state, 0.0
    xp, acc = space.xp, accumulators(space)

    def own(x: Any) -> Any:
        x = xp.full_like(state.allowance, x) if isinstance(x, float) else x
        return times_power(acc, xp.astype(x, acc.dtype), -state.scale)

    inherited = state.inherited + own(lacking.error) ** 2
    spectral = xp.minimum(state.inherited_spectral + own(lacking.spectral) ** 2, inherited)
    return state._replace(inherited=inherited, inherited_spectral=spectral), own(lacking.rounding)


class Turned(NamedTuple):
    """Samples along the other axis, for ``svd_update(..., error=error)``."""

    block: Any  # (r, n) rows for a stream with axis=0, (n, r) columns for one with axis=1
    error: tuple[float, float] | None  # Frobenius and spectral norm of what they lack


def turned(state: SVDState, config: SVDConfig, right: Any) -> Turned:
    """A finished stream as a block of one along the other axis, with n features.

    Parameters
    ----------
    state : SVDState
        Of n samples, by a low-rank engine without side sketch, forgetting and centring.
    config : SVDConfig
        Its own.
    right : array (n, r)
        The other factor V, in the order of the samples: the data are U S V^H and an error of
        squared norm ``state.discarded``. From logged rotations, never from a second pass.

    Returns
    -------
    Turned
        With orthonormal U, the columns of V S say about all samples of the other stream what the
        data do, once ``error`` is counted in.
    """
    space, (_, right) = resolve("turned", state.factor, right)
    xp, acc, r = space.xp, accumulators(space), int(state.rank)
    if config.layout(space) != "basis" or int(state.flags) & int(Flag.NOT_EXACT):
        raise ValueError("turned: expected a low-rank engine, without side sketch and downdates")
    if right.ndim != 2 or right.shape[1] != r:
        raise ValueError(f"turned: expected right factors of shape (n, {r}), got {right.shape}")
    sigma = times_power(space.with_dtype(space.real_name), state.sigma[:r], state.scale)
    columns = right * sigma
    # The logged rotations were rounded like the basis, step by step.
    rounded = 2.0 * state.allowance + rounding(space, max(1, r), state.energy)
    parts = (
        (state.discarded, state.inherited),
        (xp.minimum(state.spectral, state.discarded), state.inherited_spectral),
    )
    norms = [
        float(times_power(acc, xp.sqrt(own) + xp.sqrt(before) + rounded, state.scale))
        for own, before in parts
    ]
    known = not int(state.flags) & int(Flag.UNCERTIFIED)
    # Sums of squares were rounded upward as little as downward.
    frobenius, spectral = (x * (1.0 + 8.0 * acc.eps) for x in norms)
    block = columns if config.axis == 0 else adjoint(xp, columns)
    return Turned(block, (frobenius, spectral) if known else None)
