"""Checks of what the functions of online dictionaries are given."""

from __future__ import annotations

import math
from typing import Any

from .. import haar
from .._core import checks
from .._core.random import destination, generator
from .._core.shared_memory import ordinary
from .._core.space import Space, resolve
from .schedules import SCHEDULES, Steps
from .state import DictionaryOptions, DictionaryState
from .step import frozen_scale, largest_in_rows, reach

__all__ = [
    "conforming",
    "converted",
    "expect_home",
    "expect_state",
    "expect_usable",
    "exponent",
    "options_of",
    "start_of",
    "steps_of",
    "window_of",
]


def options_of(
    name: str, n: Any, p: Any, schedule: Any, window: Any, warmup: Any, preconditioned: bool
) -> DictionaryOptions:
    """The static options, checked."""
    n = checks.count(name, "n", n)
    window = window_of(name, window)
    rows = n if warmup is None else checks.count(name, "warmup", warmup, least=0)
    return DictionaryOptions(
        exponent(name, p), steps_of(name, schedule), window, max(n, rows), preconditioned
    )


def window_of(name: str, window: Any) -> float | None:
    """`window` as a float of at least one step."""
    if window is None:
        return None
    steps = checks.real_in(name, "window", window, 0.0, math.inf)
    if steps < 1.0:
        raise ValueError(f"{name}: expected window >= 1 steps, got {steps!r}")
    return steps


def exponent(name: str, p: Any) -> float:
    """`p` as a float in (2, 4]."""
    return checks.real_in(name, "p", p, 2.0, 4.0)


def steps_of(name: str, schedule: Any) -> Steps:
    """A schedule by name, or from two triples."""
    if isinstance(schedule, Steps):
        return schedule
    if isinstance(schedule, str):
        checks.one_of(name, "schedule", schedule, SCHEDULES)
        return SCHEDULES[schedule]
    try:
        (a, b, c), (d, e, f) = (tuple(float(x) for x in triple) for triple in schedule)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}: expected schedule to be one of {', '.join(map(repr, SCHEDULES))}, or two "
            f"triples (c, s, e) for c (t + s)^(-e), got {schedule!r}"
        ) from None
    if min(a, b, d, e) <= 0 or min(c, f) < 0:
        raise ValueError(f"{name}: expected c > 0, s > 0 and e >= 0 in schedule, got {schedule!r}")
    return Steps((a, b, c), (d, e, f))


def start_of(
    name: str, n: int, init: Any, precondition: Any, shape: Any, rng: Any, xp: Any, dtype: Any,
    device: Any,
) -> tuple[Space, Any, Any]:  # fmt: skip
    """(space, A_0, H^-1 or the identity)."""
    rng = generator(name, rng)
    given = [x for x in (init, precondition) if x is not None]
    if given:
        space, arrays = resolve(name, *given)
        if xp is not None and destination(name, xp, None, None).xp is not space.xp:
            raise TypeError(
                f"{name}: expected init and precondition from the library that xp names, got "
                f"arrays of {space.name}; convert them"
            )
        if dtype is not None:
            space = space.with_dtype(destination(name, space.xp, dtype, device).dtype_name)
        space = checks.compute_space(name, space, None)
        narrowed = any(space.xp.isdtype(x.dtype, "complex floating") for x in arrays)
        if narrowed and not space.is_complex:
            raise TypeError(
                f"{name}: expected real init and precondition for {space.dtype_name}, got complex "
                "ones"
            )
        given = [space.xp.astype(x, space.dtype, copy=False) for x in arrays]
        for x in given:
            checks.is_square(name, x, name="init and precondition")
            if x.shape[-1] != n:
                raise ValueError(
                    f"{name}: expected init and precondition of order n = {n}, got "
                    f"{checks.describe(x)}"
                )
        device = space.device
    else:
        place = destination(name, xp, dtype, device)
        probe = place.xp.zeros((1, 1), dtype=place.dtype, device=device)
        space = checks.compute_space(name, resolve(name, probe)[0], None)
    h = given.pop() if precondition is not None else None
    if h is not None and not space.traced and not bool(space.xp.all(space.xp.isfinite(h))):
        raise ValueError(f"{name}: expected a finite precondition, got NaN or infinity")
    if given:
        a = given.pop()
        if shape not in ((), tuple(a.shape[:-2])):
            raise ValueError(
                f"{name}: expected init of shape {(*_batch(shape), n, n)}, got {checks.describe(a)}"
            )
        _expect_in_ball(name, space, a)
    else:
        a = haar(n, shape=shape, rng=rng, xp=space.xp, dtype=space.dtype_name, device=device)
    eye = space.xp.eye(n, dtype=space.dtype, device=space.device)
    h = space.xp.broadcast_to(eye if h is None else h, a.shape)
    return space, a, h + space.xp.zeros_like(a)  # memory of its own


def _batch(shape: Any) -> tuple[int, ...]:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


def _expect_in_ball(name: str, space: Space, a: Any) -> None:
    """A start of zeros has the gradient zero; outside of the ball the method means nothing."""
    if space.traced or 0 in a.shape:
        return
    xp = space.xp
    sizes = xp.linalg.svdvals(a)[..., 0] if bool(xp.all(xp.isfinite(a))) else None
    if sizes is None or not bool(xp.all((sizes > 0) & (sizes <= 1.0 + 1e3 * space.eps))):
        raise ValueError(
            f"{name}: expected init with spectral norm in (0, 1], got "
            f"{'NaN or infinity' if sizes is None else float(xp.max(sizes))}"
            "; at zero the gradient is zero, so use an orthogonal matrix such as orthola.haar(n)"
        )


def conforming(
    name: str, space: Space, state: DictionaryState, samples: Any
) -> tuple[Space, Any, bool]:
    """(space with `traced` of both, samples in the dtype of the state, can values be seen)."""
    given, (y,) = resolve(name, samples)
    n = state.iterate.shape[-1]
    expect_home(name, space, given)
    if y.ndim < 2 or y.shape[-1] != n or tuple(y.shape[:-2]) != tuple(state.iterate.shape[:-2]):
        raise ValueError(
            f"{name}: expected samples of shape {checks.shape(*state.iterate.shape[:-2], 'b', n)}, "
            f"got {checks.describe(y)}; rows are samples"
        )
    y = converted(name, space, given, y)
    if given.name == "torch":
        y = y.detach()
    concrete = not (given.traced or space.traced)
    if concrete and given.name == "torch":
        concrete = ordinary(y, state.iterate)
    return (given.with_dtype(space.dtype_name) if given.traced else space), y, concrete


def expect_state(name: str, state: Any) -> None:
    """Raise unless `state` is one."""
    if not isinstance(state, DictionaryState):
        raise TypeError(
            f"{name}: expected a DictionaryState, as dictionary_init returns it, got "
            f"{type(state).__module__}.{type(state).__qualname__}"
        )


def expect_home(name: str, space: Space, given: Space, *, like: str = "the state") -> None:
    """Raise unless samples in `given` are where a state in `space` is."""
    unknown = None in (given.device, space.device)
    if given.name != space.name or (given.device != space.device and not unknown):
        raise ValueError(
            f"{name}: expected samples from {space.name} on {space.device}, as {like}, got "
            f"{given.name} on {given.device}; convert them"
        )


def converted(name: str, space: Space, given: Space, y: Any) -> Any:
    """Samples in the dtype of the state; never narrowed."""
    if given.dtype == space.dtype:
        return y
    if space.xp.result_type(given.dtype, space.dtype) != space.dtype:
        raise ValueError(
            f"{name}: expected samples of {space.dtype_name}, as the state, or a narrower dtype, "
            f"got {given.dtype_name}; start with dtype={given.dtype_name!r} or convert them"
        )
    return space.xp.astype(y, space.dtype)


def expect_usable(name: str, space: Space, scale: Any, y: Any) -> None:
    """Raise if a row has NaN, infinity, or an entry whose powers would overflow."""
    xp = space.xp
    rows = largest_in_rows(space, y)
    scale = frozen_scale(space, scale, rows)
    unit = xp.where(scale > 0, scale, xp.ones_like(scale))
    bad = int(xp.sum(xp.astype(~(rows / unit[..., None] <= reach(space)), xp.int32)))
    if bad:
        raise ValueError(
            f"{name}: expected finite rows, at most {reach(space):.0e} times as large as those of "
            f"the first call, got NaN, infinity or larger entries in {bad} rows of "
            f"{checks.describe(y)}; mend them, or pass check_finite=False to skip such rows"
        )
