"""The summaries of all blocks and of what they were merged to, by number; trials in batches.

Factors stay in the library and on the device of the blocks. The few numbers per summary that
decide about merging are NumPy arrays in main memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core.linalg import sums_of_squares
from .._core.space import Space
from .._core.storage import on_host
from .cluster_stacks import Stacks, chunks
from .summaries import Decomposed, decomposed, overlap, rounding, union_of

__all__ = ["Pool", "Trial"]

_SPENT = 1e-3  # share of the allowed squared error that shortening factors may use


class Trial(NamedTuple):
    """Some pairs of one shape, decomposed together."""

    pairs: NDArray[np.intp]  # which of the pairs asked for
    found: Decomposed
    squares: NDArray[np.float64]  # (pairs, c)


class Pool(Stacks):
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
        self.squares: list[NDArray[np.float64]] = [np.zeros(0)] * n
        self.columns, self.width = np.zeros((2, 2 * n), np.int64)
        self.energy, self.discarded, self.slack, self.loss, self.tail = np.zeros((5, 2 * n))
        # Not those with NaN or infinities, and not those too small beside the others for squares.
        self.usable = np.zeros(n, bool)
        least = 2.0**space.smallest_exponent / space.eps  # below, squares lose digits
        for chosen, x in self.stacks(range(n)):
            mask = space.xp.asarray(self.finite[chosen], device=space.device)[:, None, None]
            self._summarise(chosen, space.xp.where(mask, x, space.xp.zeros_like(x)))
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
        self.factors_from(chosen, found, squares, np.zeros(len(chosen)))

    # Summaries

    def release(self, chosen: NDArray[np.intp]) -> None:
        """Forget factors of few columns, which can be had again from the blocks."""
        for j in chosen[self.columns[chosen] < self.keep].tolist():
            self.factors[j] = None

    def restore(self, j: int, leaves: NDArray[np.intp]) -> None:
        """The factor of a summary of these blocks, if it was forgotten."""
        if self.factors[j] is None:
            self._summarise(np.array([j]), self.together(leaves)[None, ...])

    def factors_from(
        self,
        chosen: NDArray[np.intp],
        found: Decomposed,
        squares: NDArray[np.float64],
        before: NDArray[np.float64],
        rows: NDArray[np.intp] | None = None,
    ) -> None:
        """Keep the leading directions as summaries `chosen`, of the given rows of a stack."""
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
        xp = self.space.xp
        for c in np.unique(capacity).tolist():
            mine = np.flatnonzero(capacity == c)
            take = mine if rows is None else rows[mine]
            whole = len(take) == found.squares.shape[0]
            part = found if whole else _some(self.space, found, take)
            k = part.factor(min(c, squares.shape[1]))
            live = np.arange(k.shape[-1]) < kept[mine][:, None]
            if not live.all():
                mask = xp.asarray(live, device=self.space.device)[:, None, :]
                k = xp.where(mask, k, xp.zeros_like(k))
            for place, j in enumerate(chosen[mine].tolist()):
                factor = k[place, ...]
                # A view would keep the whole stack alive.
                self.factors[j] = factor if len(mine) == 1 else xp.asarray(factor, copy=True)
                self.squares[j] = np.where(live[place], squares[mine[place], : k.shape[-1]], 0.0)
            self.width[chosen[mine]] = k.shape[-1]

    def error(self, chosen: Any) -> Any:
        """Certified error of the best rank `rank`, absolute, of summaries."""
        return np.sqrt(self.tail[chosen] + self.loss[chosen]) + self.slack[chosen]

    # Pairs

    def batches(
        self, i: NDArray[np.intp], j: NDArray[np.intp]
    ) -> Iterator[tuple[NDArray[np.intp], Any, Any, Any]]:
        """Pairs of summaries by shape: (which, K_i stacked, K_j stacked, overlap)."""
        code = self.width[i] * (self.keep + 1) + self.width[j]
        xp = self.space.xp
        for c in np.unique(code).tolist():
            mine = np.flatnonzero(code == c)
            size = self.d * (c // (self.keep + 1) + c % (self.keep + 1))
            for part in chunks(mine.tolist(), size):
                which = np.asarray(part)
                a, b = (xp.stack([self.factors[m] for m in n[which].tolist()]) for n in (i, j))
                yield which, a, b, overlap(self.space, a, b)

    def shares(
        self, i: NDArray[np.intp], j: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of the energy: of j inside of the leading directions of i, and of i inside j."""
        found = np.zeros((2, len(i)))
        for which, _, _, cross in self.batches(i, j):
            c = np.abs(on_host(cross)) ** 2
            for n, (first, second, axis) in enumerate(((i, j, 2), (j, i, 1))):
                s = np.stack([self.squares[m] for m in first[which].tolist()])
                s[:, self.rank :] = 0.0
                inside = c.sum(axis=axis) / np.where(s > 0, s, np.inf)
                found[n, which] = inside.sum(axis=1) / np.maximum(
                    self.energy[second[which]], 1e-300
                )
        first_share, second_share = np.clip(found, 0.0, 1.0)
        return first_share, second_share

    def keys(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.float64]:
        """Share of one that is outside of the leading directions of the other, the smaller one.

        Small where a merge will not raise the error.
        """
        key: NDArray[np.float64] = 1.0 - np.maximum(*self.shares(i, j))
        return key

    def trials(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Iterator[Trial]:
        """The decompositions of pairs merged."""
        xp, device = self.space.xp, self.space.device
        for which, a, b, cross in self.batches(i, j):
            of_a, of_b = (
                xp.asarray(
                    np.stack([self.squares[m] for m in n[which].tolist()]),
                    dtype=self.space.real_dtype,
                    device=device,
                )
                for n in (i, j)
            )
            found = union_of(self.space, a, b, of_a, of_b, cross, exact=self.exact)
            yield Trial(which, found, on_host(found.squares).astype(np.float64))

    def merged(
        self, i: NDArray[np.intp], j: NDArray[np.intp], *, always: bool = False
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Merge the pairs that the limit allows: (which of them, numbers of their summaries)."""
        accepted, numbers = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
        for trial in self.trials(i, j):
            a, b = i[trial.pairs], j[trial.pairs]
            energy = self.energy[a] + self.energy[b]
            before = self.discarded[a] + self.discarded[b]
            columns = self.columns[a] + self.columns[b]
            linear, square = rounding(self.space, self.d, trial.squares.shape[1], self.exact)
            slack = np.hypot(self.slack[a], self.slack[b]) + linear * np.sqrt(energy)
            loss = self.loss[a] + self.loss[b] + square * energy
            tail = trial.squares[:, self.rank :].sum(axis=1) + before
            within = np.sqrt(tail + loss) + slack <= self.limit(energy, slack, loss)
            rows = np.flatnonzero(within | (columns <= self.rank) | always)
            if self.per_block and not always:
                kept = [r for r in rows.tolist() if self._spares_each(trial.found, r, a[r], b[r])]
                rows = np.array(kept, np.intp)
            if len(rows) == 0:
                continue
            new = self._numbers(len(rows))
            for name, value in (
                ("energy", energy), ("columns", columns), ("slack", slack), ("loss", loss)
            ):  # fmt: skip
                getattr(self, name)[new] = value[rows]
            self.factors_from(new, trial.found, trial.squares[rows], before[rows], rows)
            for n, r in zip(new.tolist(), rows.tolist(), strict=True):
                self.children[n] = int(a[r]), int(b[r])
            accepted.append(trial.pairs[rows])
            numbers.append(new)
        return np.concatenate(accepted), np.concatenate(numbers)

    def _numbers(self, more: int) -> NDArray[np.intp]:
        new = np.arange(self.count, self.count + more)
        self.count += more
        self.factors += [None] * more
        self.squares += [np.zeros(0)] * more
        while self.count > len(self.energy):
            for name in ("columns", "width", "energy", "discarded", "slack", "loss", "tail"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        return new

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

    def _spares_each(self, found: Decomposed, row: int, a: int, b: int) -> bool:
        """Whether the limit holds for every single block of a pair."""
        kept = min(self.keep, found.squares.shape[-1])
        k = _some(self.space, found, np.array([row])).factor(kept)[0, ...]
        u, _, _ = self.space.xp.linalg.svd(k, full_matrices=False)
        leaves = np.concatenate([self.leaves(int(a)), self.leaves(int(b))])
        allowed = max(self.max_error, 100 * self.space.eps) ** 2 * self.energy[leaves]
        return bool(np.all(self.residuals(u[:, : self.rank], leaves) <= allowed))

    def limit(self, energy: Any, slack: Any, loss: Any) -> Any:
        """Largest error allowed; what rounding alone may amount to is never refused."""
        return np.maximum(self.max_error * np.sqrt(energy), 2.0 * (slack + np.sqrt(loss)))


def _some(space: Space, found: Decomposed, rows: NDArray[np.intp]) -> Decomposed:
    xp = space.xp
    index = xp.asarray(rows, device=space.device)
    return Decomposed(*(None if x is None else xp.take(x, index, axis=0) for x in found))


def _capacity(kept: int, most: int) -> int:
    """A power of two, or the most: so that summaries have few different shapes."""
    return min(most, 1 << (kept - 1).bit_length())
