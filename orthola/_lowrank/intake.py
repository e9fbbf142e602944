"""The moving parts of a stream: what is kept, what waits, and when it is taken in."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .._core import checks
from .._core.space import Space, resolve
from .incremental import svd_init, svd_update
from .inner import InnerProduct
from .intervals import Interval, joined
from .missing import completed
from .plan import flush_width
from .rotations import Rotation, logged
from .sparse import sparse_updates, worth_it
from .state import Flag, SVDConfig, SVDState
from .stream_file import Kept
from .stream_input import slices
from .window import Window, asked, pushed

__all__ = ["Intake"]

_NAME = "IncrementalSVD.partial_fit"


class Intake:
    """A state that grows, with a buffer before it."""

    def __init__(
        self, options: dict[str, Any], extras: dict[str, Any], inner: InnerProduct | None = None
    ) -> None:
        self.options = options  # of the config, all but `features`
        self.extras = extras  # of the shell: window, buffer, missing, log_rotations
        self.inner = inner  # what `inner_product` is
        self.shards = frozenset({secrets.token_hex(8)})
        self.rotations: list[Rotation] = []
        self.intervals: list[Interval] = []  # of the samples, where they have numbers
        self._forget()

    def _forget(self) -> None:
        self.pending: list[tuple[Any, Any]] = []
        self.config: SVDConfig | None = None
        self.space: Space | None = None
        self.state: SVDState | None = None
        self.window: Window | None = None

    @classmethod
    def of(cls, kept: Kept) -> Intake:
        """What a file holds."""
        options = {f: getattr(kept.config, f) for f in SVDConfig.__dataclass_fields__}
        del options["features"]
        new = cls(options, kept.extras, kept.inner)
        new.config, new.state, new.window = kept.config, kept.state, kept.window
        new.shards, new.rotations = kept.shards, kept.rotations
        new.intervals = list(kept.intervals)
        new.space, _ = resolve("IncrementalSVD.load", kept.state.sketch)
        return new

    def number(self, samples: int) -> None:
        """Samples that were added go on from the last one."""
        if self.intervals:
            start, stop = self.intervals[-1]
            self.intervals[-1] = (start, stop + samples)

    def together(self, other: Intake, allow_gaps: bool) -> list[Interval]:
        """The numbers of both; none where one of them has none."""
        mine, theirs = self.intervals, other.intervals
        if self.config is None and not mine:
            return list(theirs)
        if not mine or not theirs:
            return []
        return joined("IncrementalSVD.merge", "sample", mine, theirs, allow_gaps) or list(mine)

    def known(self) -> tuple[SVDConfig, Space, SVDState]:
        """What there is after the first block, with nothing waiting."""
        self.flush()
        if self.config is None or self.space is None or self.state is None:
            raise ValueError("IncrementalSVD: expected a stream with samples, got none")
        return self.config, self.space, self.state

    def whole(self) -> SVDState | None:
        """The state of all that counts."""
        self.flush()
        if self.window is not None and self.config is not None:
            found = asked(self.config, self.window)
            return self.state if found is None else found
        return self.state

    def waiting(self) -> int:
        """Samples in the buffer."""
        return sum(int(b.shape[self.options["axis"]]) for b, _ in self.pending)

    def width(self, features: int) -> int:
        """Samples from which on the buffer is taken in."""
        config = self.config or SVDConfig(features=features, **self.options)
        if self._by_units(config):
            return 1
        if self.extras["buffer"] != "auto":
            return int(self.extras["buffer"])
        kept = 0
        if config.tolerance is not None and self.state is not None:
            kept = int(self.state.rank)  # far more than there is room for at first
        return flush_width(config, self.space, kept)

    def _by_units(self, config: SVDConfig) -> bool:
        """Whether it matters what came together."""
        return self.extras["window"] is not None or config.forget != 1.0

    def add(self, block: Any, weights: Any) -> None:
        """Samples, dense."""
        fresh = self.config is None
        try:
            block, weights = self._prepared(block, weights)
        except (TypeError, ValueError):
            if fresh:
                self._forget()
            raise
        self.pending.append((block, weights))
        assert self.config is not None
        if self.waiting() >= self.width(self.config.features):
            self.flush()

    def add_sparse(self, block: Any, weights: Any) -> None:
        """By products with the sparse matrix where that is less work, else by dense slices."""
        fresh = self.config is None
        try:
            self._add_sparse(block, weights)
        except (TypeError, ValueError):
            if fresh:
                self._forget()
            raise

    def _add_sparse(self, block: Any, weights: Any) -> None:
        axis = self.options["axis"]
        block = block.tocsr() if axis == 0 else block.tocsc()
        length, n = int(block.shape[1 - axis]), int(block.shape[axis])
        # An empty block tells whether the others fit, before any of them is taken in.
        self.add(np.zeros((0, length) if axis == 0 else (length, 0), block.dtype), None)
        config, space, _ = self.known()
        if weights is not None:
            weights = self._checked_weights(weights, n)
        if self.extras["missing"] == "raise" and config.check_finite:
            _raise_unless_finite(np, block.data)
        plain = weights is None and self.inner is None and not self.extras["log_rotations"]
        if plain and worth_it(space, config, block):
            self._grow(n, lambda state: _last(sparse_updates(space, config, state, block)))
        elif self._by_units(config):
            self._grow(n, lambda state: self._taken(state, self._parts(block, weights)))
        else:
            for part, w in self._parts(block, weights):
                self.add(part, w)

    def _parts(self, block: Any, weights: Any) -> Iterator[tuple[Any, Any]]:
        """Dense slices of a sparse block, with their weights."""
        assert self.config is not None
        start = 0
        for part in slices(block, self.config.axis, flush_width(self.config, self.space)):
            stop = start + part.shape[self.config.axis]
            yield part, None if weights is None else weights[start:stop]
            start = stop

    def _taken(self, state: SVDState, parts: Iterator[tuple[Any, Any]]) -> SVDState:
        """After parts of one block: all that was there before is forgotten once."""
        assert self.config is not None
        config, position = self.config, state.position
        for part, weights in parts:
            part, weights = self._prepared(part, weights)
            state = self._updated(config, state, part, weights)
            config = replace(config, forget=1.0)
        return state._replace(position=position + 1)

    def flush(self) -> None:
        """Take in what waits."""
        if not self.pending or self.config is None or self.space is None:
            return
        config, xp, pending = self.config, self.space.xp, self.pending
        axis = config.axis
        blocks, weights = [b for b, _ in pending], None
        if any(w is not None for _, w in pending):
            real, device = self.space.real_dtype, self.space.device
            parts = [
                xp.ones(b.shape[axis], dtype=real, device=device) if w is None else w
                for b, w in pending
            ]
            weights = xp.concat(parts)
        block = blocks[0] if len(blocks) == 1 else xp.concat(blocks, axis=axis)
        if block.shape[axis]:
            self._grow(
                block.shape[axis], lambda state: self._updated(config, state, block, weights)
            )
        self.pending = []

    def _grow(self, samples: int, grown: Callable[[SVDState], SVDState]) -> None:
        """The state with one block more; in a window every block has a state of its own."""
        assert self.config is not None
        assert self.state is not None
        if self.window is None:
            self.state = grown(self.state)
            return
        one = grown(self.state._replace(columns=self.state.columns * 0))
        self.window = pushed(self.config, self.window, one, self.extras["window"])
        self.state = self.state._replace(columns=self.state.columns + samples)

    def _updated(self, config: SVDConfig, state: SVDState, block: Any, weights: Any) -> SVDState:
        assert self.space is not None
        if not self.extras["log_rotations"]:
            return svd_update(state, block, config, weights=weights, inner_product=self.inner)
        for new, rotation in logged(self.space, config, state, block, weights):
            state = new
            self.rotations.append(rotation)
        return state

    def _prepared(self, block: Any, weights: Any) -> tuple[Any, Any]:
        """A private copy of a block that fits the stream; the first one says what fits."""
        given, (block,) = resolve(_NAME, block)
        axis = self.options["axis"]
        if block.ndim != 2:
            raise ValueError(
                f"{_NAME}: expected a block of shape {'(b, d)' if axis == 0 else '(d, b)'} for "
                f"axis={axis}, got {checks.describe(block)}"
            )
        if given.traced:
            raise TypeError(f"{_NAME}: expected concrete arrays, got traced ones; use svd_update")
        if given.name == "torch":
            block = block.detach()
        if self.config is None:
            self._begin(given, block)
        assert self.config is not None
        assert self.space is not None
        config, space = self.config, self.space
        _raise_unless_fitting(given, space, config, block)
        xp = space.xp
        # What the caller may write into later is copied.
        block = xp.astype(block, space.dtype, copy=space.name in ("numpy", "torch", "cupy"))
        if self.extras["missing"] != "raise":
            block, gaps = completed(space, config, self.state, block, self.extras["missing"])
            if gaps and self.state is not None:
                flags = self.state.flags | int(Flag.UNCERTIFIED)
                self.state = self.state._replace(flags=flags)
        elif config.check_finite:
            _raise_unless_finite(xp, block)
        if weights is not None:
            weights = self._checked_weights(weights, int(block.shape[axis]))
        return block, weights

    def _checked_weights(self, weights: Any, samples: int) -> Any:
        """A private copy."""
        assert self.space is not None
        xp = self.space.xp
        _, (weights,) = resolve(_NAME, weights)
        weights = xp.astype(weights, self.space.real_dtype, copy=True)
        if tuple(weights.shape) != (samples,) or not bool(xp.all(weights >= 0)):
            raise ValueError(
                f"{_NAME}: expected weights >= 0 of shape ({samples},), got "
                f"{checks.describe(weights)}"
            )
        return weights

    def _begin(self, given: Space, block: Any) -> None:
        features = int(block.shape[1 - self.options["axis"]])
        space = checks.compute_space(_NAME, given, None)
        self.config, self.space = SVDConfig(features=features, **self.options), space
        self.state = svd_init(self.config, xp=space.xp, dtype=space.dtype, device=space.device)
        if self.extras["window"] is not None:
            self.window = Window()


def _raise_unless_fitting(given: Space, space: Space, config: SVDConfig, block: Any) -> None:
    if block.shape[1 - config.axis] != config.features:
        raise ValueError(
            f"{_NAME}: expected blocks with samples of length {config.features} for "
            f"axis={config.axis}, got {checks.describe(block)}"
        )
    if (given.name, given.device) != (space.name, space.device):
        raise ValueError(
            f"{_NAME}: expected arrays of {space.name} on {space.device}, as before, got "
            f"{given.name} on {given.device}"
        )
    if not given.is_half and space.xp.result_type(block.dtype, space.dtype) != space.dtype:
        raise ValueError(f"{_NAME}: expected {space.dtype_name}, as before, got {given.dtype_name}")


def _raise_unless_finite(xp: Any, x: Any) -> None:
    # One sum says it, unless it overflows.
    if not bool(xp.isfinite(xp.sum(x))) and not bool(xp.all(xp.isfinite(x))):
        raise ValueError(f"{_NAME}: expected finite values, got NaN or infinity")


def _last(states: Iterator[SVDState]) -> SVDState:
    for state in states:
        last = state
    return last
