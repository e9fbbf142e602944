"""The tree of merged states: leaves, nodes, and what is finished of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import dask
import numpy as np
from dask import delayed
from numpy.typing import NDArray

from .. import SVDConfig, SVDState, options, svd_init, svd_merge, svd_result, svd_update
from . import _dask_checkpoint as checkpoint

__all__ = ["Panel", "Part", "Run", "along", "leaf", "tree"]

_PIECE = 1 << 19  # numbers that are converted at a time


class Part(NamedTuple):
    """The state of strips that are neighbours, which has their numbers."""

    state: SVDState
    rest: NDArray[Any]  # (P,) norms of what bases of panels left over, if there are panels


class Panel(NamedTuple):
    """What is known of a panel after the first pass."""

    basis: NDArray[Any]  # (d_p, q_p)
    mean: NDArray[Any]  # (d_p,)
    beyond: float  # at least the spectral norm of what the basis leaves over
    error: float  # at least its Frobenius norm
    norm: float  # of the panel


@dataclass
class Run:
    """A decomposition under way: finished panels, and finished subtrees of the present pass.

    Of each height there are fewer subtrees than `arity`; the tree is that of one graph.
    """

    arity: int
    portion: int  # strips of a graph, a power of `arity`
    passes: int
    progress: Callable[[int, int, Any], object] | None = None
    path: str | os.PathLike[str] | None = None
    signature: str = ""
    panels: list[Panel] = field(default_factory=list)
    heights: list[list[Part]] = field(default_factory=list)

    def resumed(self) -> Run:
        """From the file, if there is one."""
        if self.path is not None and os.path.exists(self.path):
            panels, heights = checkpoint.read(self.path, self.signature)
            self.panels = [Panel(*x) for x in panels]
            self.heights = [[Part(SVDState(**s), r) for s, r in group] for group in heights]
        return self

    def reduced(
        self, config: SVDConfig, leaves: Callable[[int, int], list[Any]], count: int
    ) -> Part:
        """The state of all `count` strips of one pass; ``leaves(start, stop)`` are delayed."""
        first = max((int(p.state.position) for g in self.heights for p in g), default=0)
        for start in range(first, count, self.portion):
            stop = min(start + self.portion, count)
            (part,) = dask.compute(tree(config, leaves(start, stop), self.arity))
            self._add(config, part)
            self.save()
            if self.progress is not None:
                now = None
                if len(self.panels) == self.passes - 1:
                    now = svd_result(self._root(config).state, config).certificate
                self.progress(len(self.panels) * count + stop, self.passes * count, now)
        root = self._root(config)
        if len(self.panels) < self.passes - 1:
            self.heights = []
        return root

    def save(self) -> None:
        """Replace the file, if one was asked for."""
        if self.path is not None:
            checkpoint.write(self.path, self.signature, self.panels, self.heights)

    def _add(self, config: SVDConfig, part: Part) -> None:
        """The next subtree of the lowest height; only the last may be incomplete."""
        for group in self.heights:
            group.append(part)
            if len(group) < self.arity:
                return
            part = _merged(config, *group)
            group.clear()
        self.heights.append([part])

    def _root(self, config: SVDConfig) -> Part:
        last: list[Part] = []
        for group in self.heights:
            if group or last:
                last = [_merged(config, *group, *last)]
        return last[0]


def tree(config: SVDConfig, level: list[Any], arity: int) -> Any:
    """Delayed root; the shape follows from the number of leaves."""
    node = delayed(_merged, pure=True)
    while len(level) > 1:
        groups = (level[i : i + arity] for i in range(0, len(level), arity))
        level = [node(config, *group) if len(group) > 1 else group[0] for group in groups]
    return level[0]


def leaf(config: SVDConfig, i: int, block: Any) -> Part:
    """The state of strip number i."""
    with options(threads=1):
        dtype = np.result_type(block.dtype, np.float16)
        state = svd_init(config, dtype=dtype, start=i)
        samples = step = max(1, block.shape[config.axis])
        if state.factor.dtype != state.sketch.dtype:
            # A Gram matrix in double precision: piece by piece, the wider copy is not of it all.
            step = max(2 * config.features, _PIECE // config.features)
        for first in range(0, samples, step):
            piece = block[along(config.axis, slice(first, first + step))]
            state = svd_update(state, piece, config)
        return Part(state._replace(position=np.int64(i + 1)), np.zeros(0))


def along(axis: int, cut: slice, across: slice = slice(None)) -> tuple[slice, slice]:
    """Index of samples, and of features."""
    return (cut, across) if axis == 0 else (across, cut)


def _merged(config: SVDConfig, first: Part, *others: Part) -> Part:
    """Neighbours as one; a strip that came twice, or not at all, is refused by its number."""
    state, rest = first
    with options(threads=1):
        for part in others:
            state, rest = svd_merge(state, part.state, config), np.hypot(rest, part.rest)
    return Part(state, rest)
