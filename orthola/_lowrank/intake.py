"""The moving parts of a stream: what is kept, what waits, and when it is taken in."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from .._core import checks
from .._core.linalg import adjoint
from .._core.space import Space, resolve
from .incremental import svd_init, svd_update
from .missing import completed
from .plan import flush_width, piece_width
from .rotations import rotation
from .sparse import sparse_updates, worth_it
from .state import Flag, SVDConfig, SVDState
from .stream_file import Kept
from .stream_input import slices
from .window import Window, asked, pushed

__all__ = ["Intake"]

_NAME = "IncrementalSVD.partial_fit"


class Intake:
    """A state that grows, with a buffer before it."""

    def __init__(self, options: dict[str, Any], extras: dict[str, Any]) -> None:
        self.options = options  # of the config, all but `features`
        self.extras = extras  # of the shell: window, buffer, missing, log_rotations
        self.shards = frozenset({secrets.token_hex(8)})
        self.rotations: list[tuple[Any, int]] = []
        self.pending: list[tuple[Any, Any]] = []
        self._forget()

    def _forget(self) -> None:
        self.config: SVDConfig | None = None
        self.space: Space | None = None
        self.state: SVDState | None = None
        self.window: Window | None = None

    @classmethod
    def of(cls, kept: Kept) -> Intake:
        """What a file holds."""
        options = {f: getattr(kept.config, f) for f in SVDConfig.__dataclass_fields__}
        del options["features"]
        new = cls(options, kept.extras)
        new.config, new.state, new.window = kept.config, kept.state, kept.window
        new.shards, new.rotations = kept.shards, kept.rotations
        new.space, _ = resolve("IncrementalSVD.load", kept.state.sketch)
        return new

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
        if self.extras["window"] is not None or config.forget != 1.0:
            return 1  # blocks are units there
        if self.extras["buffer"] != "auto":
            return int(self.extras["buffer"])
        return flush_width(config, self.space)

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
        if self.extras["window"] is not None or self.options.get("forget", 1.0) != 1.0:
            self.add(block.toarray(), weights)  # a block is a unit there
            return
        axis, kind = self.options["axis"], np.dtype(block.dtype)
        plain = weights is None and not (self.extras["window"] or self.extras["log_rotations"])
        if plain and self.config is None and kind.kind in "fc":
            shape = (0, block.shape[1]) if axis == 0 else (block.shape[0], 0)
            self.add(np.zeros(shape, kind), None)
        if plain and self.config is not None and block.shape[1 - axis] == self.config.features:
            config, space, state = self.known()
            if worth_it(space, config, block):
                for new in sparse_updates(space, config, state, block):
                    self.state = new
                return
        start = 0
        for part in slices(block, axis, self.width(block.shape[1 - axis])):
            n = part.shape[axis]
            self.add(part, None if weights is None else weights[start : start + n])
            start += n

    def flush(self) -> None:
        """Take in what waits."""
        if not self.pending or self.config is None or self.state is None or self.space is None:
            return
        xp, pending, axis = self.space.xp, self.pending, self.config.axis
        blocks, weights = [b for b, _ in pending], None
        if any(w is not None for _, w in pending):
            real, device = self.space.real_dtype, self.space.device
            parts = [
                xp.ones(b.shape[axis], dtype=real, device=device) if w is None else w
                for b, w in pending
            ]
            weights = xp.concat(parts)
        block = blocks[0] if len(blocks) == 1 else xp.concat(blocks, axis=axis)
        if self.extras["log_rotations"]:
            self._log(self.config, self.space, self.state, block, weights)
        elif self.window is None:
            self.state = svd_update(self.state, block, self.config, weights=weights)
        else:
            empty = self.state._replace(columns=self.state.columns * 0)
            one = svd_update(empty, block, self.config, weights=weights)
            self.window = pushed(self.config, self.window, one, self.extras["window"])
            self.state = self.state._replace(columns=self.state.columns + block.shape[axis])
        self.pending = []

    def _log(
        self, config: SVDConfig, space: Space, state: SVDState, block: Any, weights: Any
    ) -> None:
        """One truncation after the other, each with its rotation."""
        if config.layout(space) != "basis":
            raise ValueError("IncrementalSVD: expected a low-rank engine with log_rotations=True")
        n = int(block.shape[config.axis])
        step = piece_width(config, state.factor.shape)
        for start in range(0, n, step):
            stop = min(start + step, n)
            piece = block[start:stop, :] if config.axis == 0 else block[:, start:stop]
            w = None if weights is None else weights[start:stop]
            new = svd_update(state, piece, config, weights=w)
            columns = adjoint(space.xp, piece) if config.axis == 0 else piece
            columns = columns if w is None else columns * space.xp.sqrt(w)
            self.rotations.append((rotation(space, state, columns, new), stop - start))
            self.state = state = new

    def _prepared(self, block: Any, weights: Any) -> tuple[Any, Any]:
        """A private copy of a block that fits the stream; the first one says what fits."""
        given, (block,) = resolve(_NAME, block)
        checks.is_matrix(_NAME, block, name="block")
        if given.traced:
            raise TypeError(f"{_NAME}: expected concrete arrays, got traced ones; use svd_update")
        if given.name == "torch":
            block = block.detach()
        if self.config is None:
            self._begin(given, block)
        assert self.config is not None
        assert self.space is not None
        config, space, axis = self.config, self.space, self.options["axis"]
        _raise_unless_fitting(given, space, config, block)
        xp = space.xp
        # What the caller may write into later is copied.
        block = xp.astype(block, space.dtype, copy=space.name in ("numpy", "torch", "cupy"))
        if self.extras["missing"] != "raise":
            block, gaps = completed(space, config, self.state, block, self.extras["missing"])
            if gaps and self.state is not None:
                flags = self.state.flags | int(Flag.UNCERTIFIED)
                self.state = self.state._replace(flags=flags)
        elif config.check_finite and not _is_finite(xp, block):
            raise ValueError(f"{_NAME}: expected finite values, got NaN or infinity")
        if weights is not None:
            _, (weights,) = resolve(_NAME, weights)
            weights = xp.astype(weights, space.real_dtype, copy=True)
            if tuple(weights.shape) != (block.shape[axis],) or bool(xp.any(weights < 0)):
                raise ValueError(
                    f"{_NAME}: expected weights >= 0 of shape ({block.shape[axis]},), got "
                    f"{checks.describe(weights)}"
                )
        return block, weights

    def _begin(self, given: Space, block: Any) -> None:
        features = block.shape[1 - self.options["axis"]] if block.ndim == 2 else 0
        space = checks.compute_space(_NAME, given, None)
        self.config, self.space = SVDConfig(features=features, **self.options), space
        self.state = svd_init(self.config, xp=space.xp, dtype=space.dtype, device=space.device)
        if self.extras["window"] is not None:
            self.window = Window()


def _raise_unless_fitting(given: Space, space: Space, config: SVDConfig, block: Any) -> None:
    if block.ndim != 2 or block.shape[1 - config.axis] != config.features:
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


def _is_finite(xp: Any, x: Any) -> bool:
    # One sum says it, unless it overflows.
    return bool(xp.isfinite(xp.sum(x))) or bool(xp.all(xp.isfinite(x)))
