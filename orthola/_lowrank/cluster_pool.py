"""Pairs of summaries: how much one lies inside of the other, and merges that the limit allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core.storage import on_host
from .cluster_stacks import chunks
from .cluster_summaries import Summaries
from .summaries import (
    Decomposed,
    decomposed,
    gram_of_union,
    overlaps,
    rounding,
    union_of,
    union_values,
)

__all__ = ["Pool"]


class Pool(Summaries):
    """Summaries, and what becomes of two of them; many pairs in one call."""

    def _batches(
        self, i: NDArray[np.intp], j: NDArray[np.intp]
    ) -> Iterator[tuple[NDArray[np.intp], int, int]]:
        """Pairs of summaries by shape: (which, columns of the first ones, of the second ones)."""
        code = self.width[i] * (self.keep + 1) + self.width[j]
        for c in np.unique(code).tolist():
            mine, (a, b) = np.flatnonzero(code == c), divmod(c, self.keep + 1)
            for part in chunks(mine.tolist(), self.d * (a + b)):
                yield np.asarray(part), a, b

    def shares(
        self, i: NDArray[np.intp], j: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of the energy: of j inside of the leading directions of i, and of i inside j."""
        found = np.zeros((2, len(i)))
        for which, a, b in self._batches(i, j):
            one, two = i[which], j[which]
            first, second = ([self.directions(m) for m in n.tolist()] for n in (one, two))
            cross = on_host(overlaps(self.search, first, second))
            c = np.real(cross) ** 2
            if self.space.is_complex:
                c += np.imag(cross) ** 2
            r = self.rank
            found[0, which] = np.einsum("nij,nj->n", c[:, :r], self._spectrum(two, b))
            found[1, which] = np.einsum("nij,ni->n", c[:, :, :r], self._spectrum(one, a))
        first_share, second_share = np.clip(found, 0.0, 1.0)
        return first_share, second_share

    def _spectrum(self, chosen: NDArray[np.intp], columns: int) -> NDArray[np.float64]:
        """Shares of the energy along the columns of factors."""
        squares: NDArray[np.float64] = self.squares[chosen, :columns]
        return squares / np.maximum(self.energy[chosen], 1e-300)[:, None]

    def keys(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.float64]:
        """Share of one that is outside of the leading directions of the other, the smaller one.

        Small where a merge will not raise the error.
        """
        key: NDArray[np.float64] = 1.0 - np.maximum(*self.shares(i, j))
        return key

    def merged(
        self,
        i: NDArray[np.intp],
        j: NDArray[np.intp],
        *,
        always: bool = False,
        doubtful: bool = False,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Merge the pairs that the limit allows: (which of them, numbers of their summaries).

        Where most will be refused (`doubtful`), singular values alone decide first.
        """
        accepted, numbers = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
        for which, _, _ in self._batches(i, j):
            a, b = ([self.factors[m] for m in n[which].tolist()] for n in (i, j))
            if self.exact:
                xp = self.space.xp
                both = xp.concat([xp.stack(a), xp.stack(b)], axis=-1)
                found = decomposed(self.space, both, exact=True)
            else:
                gram = self._gram(i[which], j[which], overlaps(self.space, a, b))
                if doubtful and not always:
                    values = on_host(union_values(self.space, gram)).astype(np.float64)
                    rows = np.flatnonzero(self._allowed(i[which], j[which], values))
                    if len(rows) == 0:
                        continue
                    gram = _rows(self.space, gram, rows)
                    a, b = ([n[m] for m in rows.tolist()] for n in (a, b))
                    which = which[rows]
                found = union_of(self.space, gram, a, b)
            new, rows = self._made(i[which], j[which], found, always)
            accepted.append(which[rows])
            numbers.append(new)
        return np.concatenate(accepted), np.concatenate(numbers)

    def _gram(self, i: NDArray[np.intp], j: NDArray[np.intp], cross: Any) -> Any:
        space = self.space
        of_a, of_b = (
            space.xp.asarray(
                self.squares[n, : cross.shape[axis]], dtype=space.real_dtype, device=space.device
            )
            for n, axis in ((i, -2), (j, -1))
        )
        return gram_of_union(space, of_a, of_b, cross)

    def _rounding(
        self, i: NDArray[np.intp], j: NDArray[np.intp], columns: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Errors of unions, in the matrix and in squares."""
        linear, square = rounding(self.space, self.d, columns, self.exact)
        energy = self.energy[i] + self.energy[j]
        slack = np.hypot(self.slack[i], self.slack[j]) + linear * np.sqrt(energy)
        return slack, self.loss[i] + self.loss[j] + square * energy

    def _allowed(
        self, i: NDArray[np.intp], j: NDArray[np.intp], squares: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Whether unions of these squares are within the limit, or lose nothing."""
        slack, loss = self._rounding(i, j, squares.shape[1])
        tail = squares[:, self.rank :].sum(axis=1) + self.discarded[i] + self.discarded[j]
        limit = self.limit(self.energy[i] + self.energy[j], slack, loss)
        found: NDArray[np.bool_] = np.sqrt(tail + loss) + slack <= limit
        return found | (self.columns[i] + self.columns[j] <= self.rank)

    def _made(
        self, i: NDArray[np.intp], j: NDArray[np.intp], found: Decomposed, always: bool
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """New summaries of the pairs that may be one, and which pairs these are."""
        squares = on_host(found.squares).astype(np.float64)
        rows = np.flatnonzero(self._allowed(i, j, squares) | always)
        if self.per_block and not always:
            kept = [n for n in rows.tolist() if self._spares_each(found, n, i[n], j[n])]
            rows = np.array(kept, np.intp)
        new = self.more(len(rows))
        if len(rows):
            a, b = i[rows], j[rows]
            self.energy[new] = self.energy[a] + self.energy[b]
            self.columns[new] = self.columns[a] + self.columns[b]
            self.slack[new], self.loss[new] = self._rounding(a, b, squares.shape[1])
            before = self.discarded[a] + self.discarded[b]
            self.keep_leading(new, found, squares[rows], before, rows)
            self.children.update(
                zip(new.tolist(), zip(a.tolist(), b.tolist(), strict=True), strict=True)
            )
        return new, rows

    def _spares_each(self, found: Decomposed, row: int, a: int, b: int) -> bool:
        """Whether the limit holds for every single block of a pair."""
        kept = min(self.keep, found.squares.shape[-1])
        (k,) = found.factors(self.space, [row], kept)
        u, _, _ = self.space.xp.linalg.svd(k, full_matrices=False)
        leaves = np.concatenate([self.leaves(int(a)), self.leaves(int(b))])
        allowed = max(self.max_error, 100 * self.space.eps) ** 2 * self.energy[leaves]
        return bool(np.all(self.residuals(u[:, : self.rank], leaves) <= allowed))


def _rows(space: Any, x: Any, rows: NDArray[np.intp]) -> Any:
    return space.xp.take(x, space.xp.asarray(rows, device=space.device), axis=0)
