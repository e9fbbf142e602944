"""One mini-batch: averaged gradient, one step into the ball, and the averages of the tail.

Xue and Lau, arXiv:2103.01484. Every value-dependent choice is made item by item, so that states
can be stacked, and the text be traced.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint, sums_of_squares, wide
from .._core.scaling import power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space
from .gradient import powers
from .oracle import Oracle, maximiser, projected
from .schedules import rates, tail_rate
from .state import DictionaryState
from .tail import Contest, noise_scale

__all__ = ["advanced", "frozen_scale", "largest_in_rows", "reach"]


def reach(space: Space) -> float:
    """Largest entry in units of the scale for which no fourth power overflows."""
    return float(2.0 ** ((2 - space.smallest_exponent) // 5))


def largest_in_rows(space: Space, y: Any) -> Any:
    """Largest modulus of each row; infinite where the row has NaN or infinity."""
    xp = space.xp
    size = xp.max(xp.abs(y), axis=-1)
    return xp.where(xp.isfinite(size), size, xp.full_like(size, float("inf")))


def frozen_scale(space: Space, scale: Any, rows: Any) -> Any:
    """The scale, or if there is none yet, the power of two below the largest finite row."""
    xp = space.xp
    size = xp.max(xp.where(xp.isfinite(rows), rows, xp.zeros_like(rows)), axis=-1)
    exponent = power_of_two_exponent(space, xp.where(size > 0, size, xp.ones_like(size)))
    one = xp.ones_like(size)[..., None, None]
    power = scale_by_power_of_two(space, one, exponent - 1)[..., 0, 0]
    fresh = xp.where(size > 0, power, xp.zeros_like(size))
    return xp.where(scale > 0, scale, fresh)


def advanced(space: Space, oracle: Oracle, state: DictionaryState, y: Any) -> DictionaryState:
    """The state after a mini-batch y (..., b, n); rows with NaN or infinity are left out."""
    xp, options = space.xp, state.options
    rows = largest_in_rows(space, y)
    scale = frozen_scale(space, state.scale, rows)
    unit = xp.where(scale > 0, scale, xp.ones_like(scale))
    relative = rows / unit[..., None]
    usable = relative <= reach(space)
    y = xp.where(usable[..., None], y / wide(unit), xp.zeros_like(y))
    count = xp.sum(xp.astype(usable, state.step.dtype), axis=-1)
    seen = state.n_samples - state.n_skipped + count

    energy = sums_of_squares(xp, y)
    if options.preconditioned:
        y = y @ state.precondition
    c = y @ adjoint(xp, state.iterate)
    size = xp.abs(c)
    w = powers(options.p, c, size)
    share = 1.0 / xp.astype(xp.where(count > 0, count, xp.ones_like(count)), scale.dtype)
    g = wide(share) * (adjoint(xp, w) @ y)
    powered = size * xp.abs(w)
    objective = xp.sum(powered, axis=(-2, -1))

    t = xp.astype(state.step, scale.dtype)
    rho, gamma = rates(xp, options.steps, options.window, t)
    omega = tail_rate(xp, options.window, t)
    # Before the first step: plain means over all rows, at a fixed iterate.
    early = state.step == 0
    mean = xp.astype(count, scale.dtype) / xp.astype(
        xp.where(seen > 0, seen, xp.ones_like(seen)), scale.dtype
    )
    moves = (count > 0) & ((seen >= options.warmup) | ~early)
    first, rho, omega = rho, xp.where(early, mean, rho), xp.where(early, mean, omega)
    rho, omega = (xp.where(count > 0, x, xp.zeros_like(x)) for x in (rho, omega))

    def averaged(old: Any, new: Any, weight: Any) -> Any:
        return (1.0 - weight) * old + weight * new

    z = averaged(state.gradient, g, wide(rho))
    z = z * wide(xp.where(early & moves, first, xp.ones_like(first)))  # Z was 0 before that
    # Median and threshold belong to the codes before this step; weights above 1 do not.
    slow = xp.clip(rho, max=1.0)
    new, known = noise_scale(space, size, usable & (relative > 0))
    noise = averaged(state.noise, new, xp.where(known, slow, xp.zeros_like(slow)))
    contest = Contest(space, options.p, state.refined, state.record, y)
    record = contest.counted(state.iterate, size, powered, share, omega)
    cross = averaged(state.cross, contest.cross(noise, record, share), wide(omega))

    s = maximiser(space, oracle, z, state.iterate)
    a = averaged(state.iterate, s, wide(gamma))
    if options.steps.project:
        a = projected(space, oracle, a)
    a = xp.where(wide(moves), a, state.iterate)
    step = state.step + xp.astype(moves, state.step.dtype)
    return state._replace(
        iterate=a,
        gradient=z,
        cross=cross,
        refined=contest.settled(oracle, a, cross, record, step, moves),
        record=record,
        noise=noise,
        objective=averaged(state.objective, objective * share, slow),
        energy=averaged(state.energy, energy * share, slow),
        scale=scale,
        step=step,
        n_samples=state.n_samples + y.shape[-2],
        n_skipped=state.n_skipped + (y.shape[-2] - count),
    )
