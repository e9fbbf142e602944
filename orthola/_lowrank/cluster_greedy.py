"""Greedy clustering: the strongest block left collects others while a bound on the error allows it.

A bound knows energy that the leading directions of a group have at least: from norms of blocks and
columns alone (``norm``), from what each block adds to the space of those before it (``residual``),
or from the merged summary (``incremental``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._core.linalg import adjoint
from .._core.storage import on_host
from .cluster_outcome import joined
from .cluster_pool import Pool

__all__ = ["greedy"]


class _Bound(Protocol):
    def allows(self, j: int) -> bool:
        """Add the block if the limit holds."""


def greedy(pool: Pool, method: str, order: str, patience: int) -> tuple[list[int], int]:
    """(Summaries of groups of more than one block, trials)."""
    kinds: dict[str, Callable[[Pool, int], _Bound]]
    kinds = {"norm": _Norms, "residual": _Residuals, "incremental": _Merged}
    free = pool.usable.copy()
    nodes: list[int] = []
    fruitless = trials = 0
    for head in np.argsort(-pool.energy[: len(free)], kind="stable").tolist():
        if not free[head]:
            continue
        free[head] = False
        others = np.flatnonzero(free)
        if fruitless >= patience or not len(others):
            break
        by = pool.energy[others]
        if order == "residual":
            by = by * (1.0 - pool.shares(np.full(len(others), head), others)[0])
        bound = kinds[method](pool, head)
        group = [head]
        for j in others[np.argsort(by, kind="stable")].tolist():
            trials += 1
            if not bound.allows(j):
                break
            group.append(j)
        free[group] = False
        fruitless = 0 if len(group) > 1 else fruitless + 1
        if len(group) > 1:
            nodes.append(bound.node if isinstance(bound, _Merged) else joined(pool, group))
    return nodes, trials


def _within(pool: Pool, energy: float, least: float) -> bool:
    """Whether the energy that is not accounted for is small enough, rounding included."""
    unused = max(energy - least, 0.0) + 100 * pool.space.eps * energy
    return bool(unused <= pool.max_error**2 * energy)


class _Norms:
    """Each singular value of a group is at least that of any block, and of any r columns."""

    def __init__(self, pool: Pool, head: int) -> None:
        self.pool, self.energy = pool, float(pool.energy[head])
        self.values, self.columns = self._of(head)

    def _of(self, j: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        r, pool = self.pool.rank, self.pool
        values, columns = np.zeros((2, r))
        own = pool.squares[j][:r]
        values[: len(own)] = own
        x = next(pool.stacks([j]))[1][0, ...]
        sizes = np.sort(np.sum(np.abs(on_host(x)) ** 2, axis=0))[::-1][:r]
        columns[: len(sizes)] = sizes
        return values, columns

    def allows(self, j: int) -> bool:
        values, columns = self._of(j)
        values = np.maximum(self.values, values)
        columns = np.sort(np.concatenate([self.columns, columns]))[::-1][: self.pool.rank]
        energy = self.energy + float(self.pool.energy[j])
        if not _within(self.pool, energy, max(values.sum(), columns.sum())):
            return False
        self.values, self.columns, self.energy = values, columns, energy
        return True


class _Residuals:
    """The diagonal blocks of a triangular factor have no more energy than the whole."""

    def __init__(self, pool: Pool, head: int) -> None:
        self.pool, self.energy = pool, float(pool.energy[head])
        self.basis: Any = None
        self.values, self.basis = self._of(head)

    def _of(self, j: int) -> tuple[NDArray[np.float64], Any]:
        """Squares of what a block adds, and its directions."""
        pool, xp = self.pool, self.pool.space.xp
        x = pool.factors[j]
        if self.basis is not None:
            for _ in range(2):
                x = x - self.basis @ (adjoint(xp, self.basis) @ x)
        u, s, _ = xp.linalg.svd(x, full_matrices=False)
        s = on_host(s).astype(np.float64)
        new = s > 100 * pool.space.eps * np.sqrt(pool.energy[j])
        count = min(int(new.sum()), pool.d - (0 if self.basis is None else self.basis.shape[1]))
        return s[:count] ** 2, u[:, :count]

    def allows(self, j: int) -> bool:
        values, directions = self._of(j)
        together = np.sort(np.concatenate([self.values, values]))[::-1]
        energy = self.energy + float(self.pool.energy[j])
        if not _within(self.pool, energy, together[: self.pool.rank].sum()):
            return False
        self.values, self.energy = together, energy
        self.basis = self.pool.space.xp.concat([self.basis, directions], axis=1)
        return True


class _Merged:
    """The certificate of the merged summary."""

    def __init__(self, pool: Pool, head: int) -> None:
        self.pool, self.node = pool, head

    def allows(self, j: int) -> bool:
        good, new = self.pool.merged(np.array([self.node]), np.array([j]))
        if not len(good):
            return False
        self.node = int(new[0])
        return True
