"""The summaries of all blocks and of what they were merged to, by number: what is known of each.

Factors stay in the library and on the device of the blocks. The few numbers per summary that
decide about merging are NumPy arrays in main memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core.linalg import sums_of_squares
from .._core.space import Space
from .._core.storage import on_host
from .cluster_stacks import Stacks
from .summaries import Decomposed, decomposed, rounding

__all__ = ["Summaries"]

_FINE = 1e-3  # limits from which on single precision ranks candidates well enough
_SPENT = 1e-3  # share of the allowed squared error that shortening factors may use


class Summaries(Stacks):
    """Summaries 0 ... N-1 of the blocks, then those of merged groups."""

    def __init__(
        self,
        space: Space,
        blocks: Sequence[Any],
        rank: int,
        max_error: float,
        *,
        per_block: bool = False,
    ) -> None:
        super().__init__(space, blocks)
        self.rank, self.max_error, self.per_block = rank, max_error, per_block
        self.keep = min(self.d, rank + 8)
        # Gram matrices while their rounding is far below the limit.
        self.exact = max_error < 100 * math.sqrt(rounding(space, self.d, 2 * self.keep, False)[1])
        self.children: dict[int, tuple[int, int]] = {}
        n = len(blocks)
        self.count = n
        self.factors: list[Any] = [None] * n
        self.units: list[Any] = [None] * n
        single = "complex64" if space.is_complex else "float32"
        self.search = space.with_dtype(single) if max_error >= _FINE else space
        self.squares = np.zeros((2 * n, self.keep))
        self.columns, self.width = np.zeros((2, 2 * n), np.int64)
        self.energy, self.discarded, self.slack, self.loss, self.tail = np.zeros((5, 2 * n))
        # Not those with NaN or infinities, and not those too small beside the others for squares.
        self.usable = np.zeros(n, bool)
        least = 2.0**space.smallest_exponent / space.eps  # below, squares lose digits
        for chosen, x in self.stacks(range(n)):
            if not self.finite[chosen].all():
                mask = space.xp.asarray(self.finite[chosen], device=space.device)[:, None, None]
                x = space.xp.where(mask, x, space.xp.zeros_like(x))
            self._summarise(chosen, x)
            self.usable[chosen] = self.finite[chosen] & (self.energy[chosen] > least)

    def _summarise(self, chosen: NDArray[np.intp], x: Any) -> None:
        xp, width = self.space.xp, int(x.shape[-1])
        self.columns[chosen] = width
        if width == 0:
            for j in chosen:
                self.factors[j] = x[0]
            return
        found = decomposed(self.space, x, exact=self.exact)
        self.energy[chosen] = on_host(sums_of_squares(xp, x))
        squares = on_host(found.squares).astype(np.float64)
        linear, square = rounding(self.space, self.d, width, self.exact)
        if width > 1:
            self.slack[chosen] = linear * np.sqrt(self.energy[chosen])
            self.loss[chosen] = square * self.energy[chosen]
        self.keep_leading(chosen, found, squares, np.zeros(len(chosen)))

    def keep_leading(
        self,
        chosen: NDArray[np.intp],
        found: Decomposed,
        squares: NDArray[np.float64],
        before: NDArray[np.float64],
        rows: NDArray[np.intp] | None = None,
    ) -> None:
        """Keep the leading directions as summaries `chosen`, of the given rows of a stack."""
        rows = np.arange(len(chosen)) if rows is None else rows
        beyond = np.cumsum(squares[:, ::-1], axis=1)[:, ::-1]  # the sum from each one on
        beyond = np.concatenate([beyond, np.zeros((len(squares), 1))], axis=1)
        r = min(self.rank, squares.shape[1])
        self.tail[chosen] = beyond[:, r] + before
        # Directions that are weak in a group may be all that a weak block has.
        spent = 0.0 if self.per_block else _SPENT
        budget = spent * self.max_error**2 * self.energy[chosen] - before
        kept = np.minimum(np.argmax(beyond <= np.maximum(budget, 0.0)[:, None], axis=1), self.keep)
        kept = np.maximum(kept, 1)
        self.discarded[chosen] = before + beyond[np.arange(len(squares)), kept]
        capacity = np.array([_capacity(k, self.keep) for k in kept.tolist()])
        capacity = np.minimum(capacity, squares.shape[1])
        self.width[chosen] = capacity
        index = np.arange(min(self.keep, squares.shape[1]))
        self.squares[chosen] = 0.0
        self.squares[chosen, : len(index)] = np.where(
            index < kept[:, None], squares[:, : len(index)], 0.0
        )
        for c in np.unique(capacity).tolist():
            mine = np.flatnonzero(capacity == c)
            factors = found.factors(self.space, rows[mine].tolist(), c)
            for j, k, factor in zip(
                chosen[mine].tolist(), kept[mine].tolist(), factors, strict=True
            ):
                self.factors[j] = factor if k == c else self._cut(factor, k)
                self.units[j] = None

    def _cut(self, factor: Any, kept: int) -> Any:
        """Zeros beyond the columns that are kept: so that summaries have few different shapes."""
        xp = self.space.xp
        more = xp.zeros_like(factor[:, kept:])
        return xp.concat([factor[:, :kept], more], axis=1)

    def directions(self, j: int) -> Any:
        """The orthonormal columns behind a factor, in the precision of searches."""
        if self.units[j] is None:
            xp, factor = self.space.xp, self.factors[j]
            size = np.sqrt(self.squares[j, : factor.shape[1]])
            scale = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
            scale = xp.asarray(scale, dtype=self.space.dtype, device=self.space.device)
            self.units[j] = xp.astype(factor * scale, self.search.dtype)
        return self.units[j]

    def release(self, chosen: NDArray[np.intp]) -> None:
        """Forget factors of few columns, which can be had again from the blocks."""
        for j in chosen.tolist():
            self.units[j] = None
            if self.columns[j] < self.keep:
                self.factors[j] = None

    def restore(self, j: int, leaves: NDArray[np.intp]) -> None:
        """The factor of a summary of these blocks, if it was forgotten."""
        if self.factors[j] is None:
            self._summarise(np.array([j]), self.together(leaves)[None, ...])

    def more(self, count: int) -> NDArray[np.intp]:
        """Numbers for so many new summaries."""
        new = np.arange(self.count, self.count + count)
        self.count += count
        self.factors += [None] * count
        self.units += [None] * count
        while self.count > len(self.energy):
            for name in (
                "columns", "width", "squares", "energy", "discarded", "slack", "loss", "tail",
            ):  # fmt: skip
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        return new

    def error(self, chosen: Any) -> Any:
        """Certified error of the best rank `rank`, absolute, of summaries."""
        return np.sqrt(self.tail[chosen] + self.loss[chosen]) + self.slack[chosen]

    def limit(self, energy: Any, slack: Any, loss: Any) -> Any:
        """Largest error allowed; what rounding alone may amount to is never refused."""
        return np.maximum(self.max_error * np.sqrt(energy), 2.0 * (slack + np.sqrt(loss)))

    def leaves(self, node: int) -> NDArray[np.intp]:
        """The blocks below a summary."""
        found, pending = [], [node]
        while pending:
            at = pending.pop()
            if at in self.children:
                pending += self.children[at]
            else:
                found.append(at)
        return np.sort(np.array(found, np.intp))

    def basis(self, node: int) -> tuple[Any, NDArray[np.float64]]:
        """Orthonormal leading directions (d, c) of a summary, and the squares of all c."""
        self.restore(node, self.leaves(node))
        u, s, _ = self.space.xp.linalg.svd(self.factors[node], full_matrices=False)
        return u, on_host(s).astype(np.float64) ** 2

    def best_basis(self, leaves: NDArray[np.intp]) -> Any:
        """The leading directions of some blocks themselves, nothing discarded."""
        u, _, _ = self.space.xp.linalg.svd(self.together(leaves), full_matrices=False)
        return u[:, : self.rank]

    def together(self, leaves: NDArray[np.intp]) -> Any:
        """Blocks side by side."""
        parts = [x[n, ...] for _, x in self.stacks(leaves.tolist()) for n in range(x.shape[0])]
        return self.space.xp.concat(parts, axis=-1)


def _capacity(kept: int, most: int) -> int:
    """A power of two, or the most."""
    return min(most, 1 << (kept - 1).bit_length())
