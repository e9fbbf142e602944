"""Merging by rounds: pairs that are each other's best candidate, the best half of them first.

A merge is made if its certificate allows it. What the sketches did not bring together is looked
for again among the groups that have formed, until nothing more can be merged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .cluster_candidates import Sketches, strongest
from .cluster_pool import Pool

__all__ = ["Merger"]

# Highest key in each search: while columns are few every merge is exact, so that groups of the like
# have to form before the unlike are packed together. A search that merged more than a share of the
# groups is repeated: their sketches know more then.
_HIGHEST = (0.5, 0.75, 0.9, 1.0)
_YIELD = 0.05
_SEARCHES = 24
_PASSES = 4
_SHARE = 2  # of the pairs, the best first, are merged in a round
_SHIFT = np.int64(2**31)


class Merger:
    """The groups that there are, and the pairs that were refused."""

    def __init__(self, pool: Pool, sketches: Sketches) -> None:
        self.pool, self.sketches = pool, sketches
        self.parent = np.arange(pool.count)
        self.parent[len(pool.usable) :] = -1  # summaries that served another purpose
        self.refused = np.zeros(0, np.int64)
        self.trials = 0

    @property
    def live(self) -> NDArray[np.intp]:
        """Numbers of the summaries that stand for groups now."""
        roots = np.flatnonzero(self.parent == np.arange(len(self.parent)))
        n = len(self.pool.usable)
        return roots[(roots >= n) | self.pool.usable[np.minimum(roots, n - 1)]]

    def run(self) -> None:
        """Merge what can be merged."""
        pending = list(_HIGHEST)
        for _ in range(_SEARCHES):
            live = self.live
            if len(live) < 2 or not pending:
                return
            before = self.pool.count
            self._rounds(self.sketches.neighbours(live), pending[0])
            merged = self.pool.count - before
            if merged <= _YIELD * len(live) * (pending[0] < 1.0):
                del pending[0]

    def _rounds(self, edges: NDArray[np.intp], highest: float) -> None:
        edges = edges[:, ~np.isin(self._codes(edges), self.refused)]
        key = np.full(edges.shape[1], np.nan)
        while edges.shape[1]:
            unknown = np.flatnonzero(np.isnan(key))
            key[unknown] = self.pool.keys(*edges[:, unknown])
            near = key <= highest
            edges, key = edges[:, near], key[near]
            chosen = self._chosen(edges, key)
            i, j = edges[:, chosen]
            # Superadditive tails: a union has at least the error of its parts.
            tried = np.flatnonzero(~self._hopeless(i, j))
            good, new = self.pool.merged(i[tried], j[tried], doubtful=True)
            self.trials += len(tried)
            good = tried[good]
            bad = np.ones(len(chosen), bool)
            bad[good] = False
            self.refused = np.append(self.refused, self._codes(edges[:, chosen[bad]]))
            rest = np.ones(edges.shape[1], bool)
            rest[chosen] = False
            edges, key = edges[:, rest], key[rest]
            if len(good):
                self.join(i[good], j[good], new)
                edges, key = self._renamed(edges, key)

    def _hopeless(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
        pool = self.pool
        least = sum(
            np.maximum(pool.tail[n] - pool.discarded[n] - pool.loss[n], 0.0) for n in (i, j)
        )
        slack = pool.slack[i] + pool.slack[j]
        energy = pool.energy[i] + pool.energy[j]
        limit = pool.limit(energy, slack, pool.loss[i] + pool.loss[j])
        found: NDArray[np.bool_] = np.sqrt(least) > limit + slack
        return found

    def _chosen(self, edges: NDArray[np.intp], key: NDArray[np.float64]) -> NDArray[np.intp]:
        """Pairs without a common group, best first, among the better half; numbers break ties."""
        order = np.lexsort((edges[1], edges[0], key))
        sure = int(np.searchsorted(key[order], self.pool.max_error**2 / 2, side="right"))
        order = order[: max(-(-len(order) // _SHARE), sure)]
        free = np.ones(len(self.parent), bool)
        found = []
        for _ in range(_PASSES):
            # The last assignment stays: for each group the edge that comes first in order.
            backwards = order[::-1]
            best = np.full(len(self.parent), -1)
            ends = np.stack([edges[0][backwards], edges[1][backwards]], axis=1).ravel()
            best[ends] = np.repeat(backwards, 2)
            mutual = order[(best[edges[0][order]] == order) & (best[edges[1][order]] == order)]
            found.append(mutual)
            free[edges[:, mutual]] = False
            order = order[free[edges[0][order]] & free[edges[1][order]]]
            if not len(order):
                break
        return np.concatenate(found)

    def join(self, i: NDArray[np.intp], j: NDArray[np.intp], new: NDArray[np.intp]) -> None:
        """Groups i and j become the groups `new`."""
        more = np.arange(len(self.parent), self.pool.count)
        self.parent = np.append(self.parent, more)
        self.parent[i] = self.parent[j] = new
        self.sketches.add(new, i, j)
        self.pool.release(i)
        self.pool.release(j)

    def _renamed(
        self, edges: NDArray[np.intp], key: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Neighbourhoods of merged groups joined, the nearest kept."""
        moved = self.parent[edges]
        changed = np.any(moved != edges, axis=0)
        edges = np.sort(moved, axis=0)
        key = np.where(changed, np.nan, key)
        different = edges[0] != edges[1]
        edges, key = edges[:, different], key[different]
        _, first = np.unique(self._codes(edges), return_index=True)
        edges, key = edges[:, first], key[first]
        fresh = np.flatnonzero(np.isnan(key))
        keep = np.ones(len(key), bool)
        near = edges[:, fresh]
        keep[fresh] = strongest(near, self.sketches.similarity(*near))
        return edges[:, keep], key[keep]

    @staticmethod
    def _codes(edges: NDArray[np.intp]) -> NDArray[np.int64]:
        codes: NDArray[np.int64] = edges[0].astype(np.int64) * _SHIFT + edges[1]
        return codes

    def members(self) -> NDArray[np.intp]:
        """For each block the number of the summary of its group."""
        found = self.parent[: len(self.pool.usable)]
        while True:
            above = self.parent[found]
            if np.array_equal(above, found):
                return found
            found = above
