"""What an online dictionary keeps between calls, and how calls become mini-batches. No state is
changed: every function returns a new one, so that a call that fails leaves nothing behind.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.linalg import adjoint, wide
from .._core.space import Space, in_full_precision, resolve
from .arguments import exponent, steps_of, window_of
from .frank_wolfe import dictionary_init
from .oracle import ORACLES
from .schedules import Steps
from .state import DictionaryState
from .step import frozen_scale, largest_in_rows
from .updating import updated
from .whitening import inverse_root

__all__ = ["Settings", "Stream", "fed", "flushed", "settings_of"]

_ROWS_TO_MEASURE = 100  # per dimension, for second moments of heavy-tailed samples


class Settings(NamedTuple):
    """Options that do not change."""

    p: float
    steps: Steps
    window: float | None
    warmup: int | None
    batch_size: int | None
    estimates: bool  # the preconditioner is taken from the first rows
    lmo: str
    refine: bool
    check_finite: bool

    def for_rows_of(self, n: int | None) -> Settings:
        """With a batch size, for `fit`: a step costs n^3, so it should have about n rows."""
        if self.batch_size is not None or n is None:
            return self
        return self._replace(batch_size=min(max(10, n // 2), 256))


class Stream(NamedTuple):
    """All that changes, and the arrays that were given."""

    init: Any = None
    mean: Any = None
    precondition: Any = None
    state: DictionaryState | None = None
    rest: Any = None  # (b, n), rows that wait for a full mini-batch
    moments: Any = None  # (n, n), sum of y^H y in units of `unit`, while they are measured
    unit: Any = None
    measured: int = 0  # rows that went into the moments
    refused: int = 0  # status of a merge that could not be done

    def restarted(self, settings: Settings) -> Stream:
        """As before the first sample."""
        kept = None if settings.estimates else self.precondition
        return Stream(self.init, self.mean, kept)

    def example(self) -> Any:
        """Some array of the samples' library and dtype, or None."""
        if self.state is not None:
            return self.state.iterate
        return self.moments if self.rest is None else self.rest


def settings_of(
    name: str, p: Any, schedule: Any, window: Any, warmup: Any, batch_size: Any, precondition: Any,
    lmo: Any, refine: Any, check_finite: Any,
) -> Settings:  # fmt: skip
    """Checked options."""
    if isinstance(precondition, str):
        checks.one_of(name, "precondition", precondition, ("estimate",))
    checks.one_of(name, "lmo", lmo, ORACLES)
    return Settings(
        exponent(name, p),
        steps_of(name, schedule),
        window_of(name, window),
        None if warmup is None else checks.count(name, "warmup", warmup, least=0),
        None if batch_size is None else checks.count(name, "batch_size", batch_size),
        isinstance(precondition, str),
        lmo,
        bool(refine),
        bool(check_finite),
    )


@in_full_precision
def fed(
    settings: Settings, stream: Stream, rng: np.random.Generator, space: Space, y: Any
) -> Stream:
    """The stream after rows y (b, n), which need not stay as they are."""
    size, b = settings.batch_size, y.shape[-2]
    if size is None:
        return _learned(settings, stream, rng, space, y) if b else stream
    first = size - (0 if stream.rest is None else stream.rest.shape[-2])
    if b < first:
        return stream._replace(rest=_joined(space, stream.rest, y))
    stream = _learned(settings, stream, rng, space, _joined(space, stream.rest, y[:first]))
    last = first + (b - first) // size * size
    begin = first
    while begin < last:
        # Many mini-batches in one call, unless they are only being measured.
        measures = settings.estimates and stream.precondition is None
        end = begin + size if measures else last
        stream = _learned(settings, stream, rng, space, y[begin:end], size)
        begin = end
    return stream._replace(rest=_joined(space, None, y[last:]) if last < b else None)


@in_full_precision
def flushed(settings: Settings, stream: Stream, rng: np.random.Generator) -> Stream:
    """The stream after the rows that wait, as a shorter mini-batch."""
    if stream.rest is None:
        return stream
    space, (y,) = resolve("flush", stream.rest)
    return _learned(settings, stream._replace(rest=None), rng, space, y)


def _joined(space: Space, kept: Any, y: Any) -> Any:
    """Rows left from before, then the new ones, in memory of their own."""
    return space.xp.asarray(y, copy=True) if kept is None else space.xp.concat([kept, y], axis=-2)


def _learned(
    settings: Settings, stream: Stream, rng: np.random.Generator, space: Space, y: Any,
    batch: int | None = None,
) -> Stream:  # fmt: skip
    """After one mini-batch, or mini-batches of `batch` rows each."""
    if settings.estimates and stream.precondition is None:
        return _measured(settings, stream, space, y)
    state = stream.state
    if state is None:
        state = dictionary_init(
            y.shape[-1], p=settings.p, schedule=settings.steps, window=settings.window,
            warmup=None if settings.estimates else settings.warmup, init=stream.init,
            precondition=stream.precondition, rng=rng, xp=space.xp, dtype=space.dtype_name,
            device=space.device,
        )  # fmt: skip
    state = updated(state, y, batch=batch, lmo=settings.lmo, check_finite=settings.check_finite)
    return stream._replace(state=state)


def _measured(settings: Settings, stream: Stream, space: Space, y: Any) -> Stream:
    """Second moments of the first rows; the preconditioner when there are enough of them."""
    xp, n = space.xp, y.shape[-1]
    rows = largest_in_rows(space, y)
    finite = xp.isfinite(rows)
    unit = xp.zeros((), dtype=space.real_dtype, device=space.device)
    unit = frozen_scale(space, unit if stream.unit is None else stream.unit, rows)
    one = xp.where(unit > 0, unit, xp.ones_like(unit))
    y = xp.where(finite[..., None], y / wide(one), xp.zeros_like(y))
    moments = adjoint(xp, y) @ y
    moments = moments if stream.moments is None else stream.moments + moments
    measured = stream.measured + int(xp.sum(xp.astype(finite, xp.int32)))
    enough = settings.warmup if settings.warmup is not None else _ROWS_TO_MEASURE * n
    if measured < enough:
        return stream._replace(moments=moments, unit=unit, measured=measured)
    root, _ = inverse_root(space, moments / float(measured))
    return stream._replace(precondition=root, moments=None, unit=None, measured=measured)
