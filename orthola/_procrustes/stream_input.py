"""What a stream is given: chunks of points, checked like the arguments of a fit; and their sums."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.space import Space
from .api import _prepare
from .general import raise_if_unusable
from .host import sums_by_pieces
from .moments import Moments, Points, moments
from .plan import Plan
from .state import State, empty, of_moments
from .units import Units, measured

__all__ = ["Chunk", "checked", "expect_same", "state_of", "three"]


class Chunk(NamedTuple):
    """Points that passed all checks of static facts."""

    given: Space  # of the points
    work: Space  # of the sums
    points: Points
    plan: Plan

    @property
    def shape(self) -> tuple[int, ...]:
        """(..., m, n)."""
        return tuple(self.points.a.shape)


def checked(method: str, a: Any, b: Any, weights: Any, *, check_finite: bool) -> Chunk:
    """The arguments of `ProcrustesStream.update`; what comes in is taken as constant."""
    given, data, arrays, plan = _prepare(
        a, b, weights, False, False, True, 0, "auto", "nearest", check_finite
    )
    if given.traced:
        raise TypeError(
            f"ProcrustesStream.{method}: expected concrete arrays, got traced ones; use the "
            "stream outside of jit and compile"
        )
    if given.name == "torch":
        arrays = tuple(x.detach() for x in arrays)
    points = Points(*arrays, *(None,) * (3 - len(arrays)))
    return Chunk(given, data.with_dtype(plan.work), points, plan)


def state_of(chunk: Chunk) -> State:
    """The sums of a chunk."""
    given, work, points, plan = chunk
    if 0 in chunk.shape:
        return empty(work, chunk.shape[:-2], chunk.shape[-1])
    with np.errstate(all="ignore"):
        sums, units = _sums(chunk)
    xp = work.xp
    finite = xp.isfinite(sums.squares_a + sums.squares_b + sums.weight)
    finite = finite & xp.all(xp.isfinite(sums.cross), axis=(-2, -1))
    negative = xp.zeros_like(finite)
    if points.weights is not None:
        negative = xp.any(points.weights < 0, axis=-1)
    if plan.check_finite:
        raise_if_unusable(given, points.a, finite, negative)
    weight = xp.where(negative, xp.full_like(sums.weight, float("nan")), sums.weight)
    return of_moments(work, chunk.shape[-2], sums._replace(weight=weight), units)


def _sums(chunk: Chunk) -> tuple[Moments, Units | None]:
    """Centred sums, and the units that they are in."""
    given, work, points, plan = chunk
    units, data = None, given.with_dtype("float32") if given.is_half else given
    if work.real_name == data.real_name or work.real_name == "float32":
        points, units = measured(data, points, host=plan.host)
    if plan.host and points.a.ndim == 2 and work.real_name == "float64":
        sums, _ = sums_by_pieces(points, np.dtype(work.dtype), True)
        numbers = (np.asarray(x, np.float64) for x in (sums.weight, *sums[3:5]))
        weight, p, q = numbers
        return Moments(weight, sums.mean_a, sums.mean_b, p, q, sums.cross), units
    return moments(work, points, translation=True, split=plan.split)[0], units


def expect_same(method: str, old: Space, state: State, given: Space, shape: Any) -> None:
    """Raise unless points (..., m, n) belong to a stream of points in `old` with this state."""
    if (given.name, given.device) != (old.name, old.device) or given.dtype != old.dtype:
        raise ValueError(
            f"ProcrustesStream.{method}: expected {old.dtype_name} from {old.name} on "
            f"{old.device}, as before, got {given.dtype_name} from {given.name} on "
            f"{given.device}; convert it"
        )
    known = tuple(state.cross.shape)
    if (*shape[:-2], shape[-1]) != known[:-1]:
        raise ValueError(
            f"ProcrustesStream.{method}: expected points of shape "
            f"{checks.shape(*known[:-2], 'm', known[-1])}, as before, got {shape}"
        )


def three(chunk: Any) -> tuple[Any, Any, Any]:
    """(a, b, weights) of what `ProcrustesStream.refine` iterates over."""
    if not isinstance(chunk, (tuple, list)) or len(chunk) not in (2, 3):
        raise TypeError(
            "ProcrustesStream.refine: expected chunks (a, b) or (a, b, weights), got "
            f"{type(chunk).__name__}"
        )
    a, b, *rest = chunk
    return a, b, rest[0] if rest else None
