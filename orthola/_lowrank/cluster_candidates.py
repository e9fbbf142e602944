"""Which summaries may belong together: neighbours by small sketches of their scatter.

The sketch of a summary is Omega K K^H Omega^H for 24 random directions: sketches of merged groups
add up. Only the choice of candidates depends on it, never whether a merge is valid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core.random import normals
from .._core.storage import on_host
from .cluster_pool import Pool

__all__ = ["NEIGHBOURS", "Sketches"]

NEIGHBOURS = 12
_ORDER = 24
_EXACT = 4096  # summaries up to which all pairs are compared
_TREES = 6
_LEAF = 96  # members of a bucket
_ROWS = 512  # compared at once


class Sketches:
    """Sketches of the summaries of a pool, by the same numbers."""

    def __init__(self, pool: Pool, rng: np.random.Generator) -> None:
        space = pool.space
        order = min(_ORDER, pool.d)
        host = normals(rng, (order, pool.d), is_complex=space.is_complex)
        omega = space.xp.asarray(host, dtype=space.dtype, device=space.device)
        self.rng, self.order = rng, order
        self.is_complex = space.is_complex
        size = order * (order + 1) // 2 + (order * (order - 1) // 2 if self.is_complex else 0)
        self.values = np.zeros((2 * pool.count, size), np.float32)
        whole = np.flatnonzero(pool.usable)
        width = pool.width
        # Relative to the strongest block, so that squares of single precision suffice.
        top = float(pool.energy.max(initial=0.0)) or 1.0
        for c in np.unique(width[whole]).tolist():
            mine = whole[width[whole] == c]
            step = max(1, 2**21 // (pool.d * c))
            for start in range(0, len(mine), step):
                part = mine[start : start + step]
                k = space.xp.stack([pool.factors[j] for j in part.tolist()])
                y = on_host(omega @ k) / np.sqrt(top)
                self.values[part] = self._packed(y @ np.swapaxes(y.conj(), -1, -2))

    def _packed(self, scatter: NDArray[Any]) -> NDArray[Any]:
        """The trace-free part of Hermitian matrices as vectors of the same length."""
        n = self.order
        trace = np.trace(scatter, axis1=-2, axis2=-1).real / n
        rows, cols = np.triu_indices(n, 1)
        upper = np.sqrt(2.0) * scatter[..., rows, cols]
        parts = [scatter[..., range(n), range(n)].real - trace[..., None], upper.real]
        if self.is_complex:
            parts.append(upper.imag)
        return np.concatenate(parts, axis=-1)

    def add(self, new: NDArray[np.intp], i: NDArray[np.intp], j: NDArray[np.intp]) -> None:
        """Sketches of merged summaries."""
        if len(new) and new[-1] >= len(self.values):
            more = np.zeros((int(new[-1]) + 1, self.values.shape[1]), np.float32)
            self.values = np.concatenate([self.values, more])
        self.values[new] = self.values[i] + self.values[j]

    def directions(self, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        """Sketches of length one."""
        s = self.values[chosen]
        length = np.linalg.norm(s, axis=1, keepdims=True)
        unit: NDArray[np.float32] = np.divide(s, length, out=np.zeros_like(s), where=length > 0)
        return unit

    def similarity(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.float32]:
        """Cosines between sketches."""
        step, parts = 2**14, [np.zeros(0, np.float32)]
        for start in range(0, len(i), step):
            a, b = (self.directions(n[start : start + step]) for n in (i, j))
            parts.append(np.einsum("ij,ij->i", a, b))
        return np.concatenate(parts)

    def neighbours(self, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
        """Pairs (2, edges), first < second, of summaries near to each other."""
        s = self.directions(chosen)
        pairs, weights = [], []
        for bucket in self._buckets(s):
            near, cosine = _nearest(s[bucket])
            pairs.append(np.sort(bucket[near], axis=0))
            weights.append(cosine)
        edges, weight = np.concatenate(pairs, axis=1), np.concatenate(weights)
        _, first = np.unique(edges[0] * np.int64(len(s)) + edges[1], return_index=True)
        edges, weight = edges[:, first], weight[first]
        return chosen[edges[:, strongest(edges, weight)]]

    def _buckets(self, s: NDArray[np.float32]) -> list[NDArray[np.intp]]:
        """All together if they are few; else halves of halves by random hyperplanes, repeatedly."""
        n = len(s)
        if n <= _EXACT:
            return [np.arange(n)]
        buckets = []
        depth = int(np.ceil(np.log2(n / _LEAF)))
        for _ in range(_TREES):
            normal = self.rng.standard_normal((s.shape[1], depth)).astype(np.float32)
            height = s @ normal
            parts = [np.arange(n)]
            for level in range(depth):
                parts = [half for part in parts for half in _halves(part, height[part, level])]
            buckets += parts
        return buckets


def _halves(part: NDArray[np.intp], height: NDArray[np.float32]) -> list[NDArray[np.intp]]:
    order = np.argpartition(height, len(part) // 2)
    return [part[order[: len(part) // 2]], part[order[len(part) // 2 :]]]


def _nearest(s: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Each vector with those of the largest cosines, and these."""
    n = len(s)
    k = min(NEIGHBOURS, n - 1)
    pairs, weights = [np.zeros((2, 0), np.intp)], [np.zeros(0, np.float32)]
    for start in range(0, n, _ROWS) if k > 0 else ():
        cosine = s[start : start + _ROWS] @ s.T
        rows = np.arange(len(cosine))
        cosine[rows, start + rows] = -np.inf
        near = np.argpartition(cosine, n - k, axis=1)[:, n - k :]
        pairs.append(np.stack([np.repeat(start + rows, k), near.ravel()]))
        weights.append(np.take_along_axis(cosine, near, axis=1).ravel())
    return np.concatenate(pairs, axis=1), np.concatenate(weights)


def strongest(edges: NDArray[np.intp], weight: NDArray[Any]) -> NDArray[np.bool_]:
    """Which edges are among the `NEIGHBOURS` of largest weight of one of their ends."""
    m = edges.shape[1]
    node = np.concatenate([edges[0], edges[1]])
    order = np.lexsort((-np.concatenate([weight, weight]), node))
    ranked = node[order]
    first = np.concatenate([[True], ranked[1:] != ranked[:-1]]) if m else np.zeros(0, bool)
    start = np.maximum.accumulate(np.where(first, np.arange(2 * m), 0)) if m else first
    near = np.zeros(2 * m, bool)
    near[order] = np.arange(2 * m) - start < NEIGHBOURS
    return near[:m] | near[m:]
