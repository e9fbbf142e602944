"""From groups to what is returned: bases, certificates, measured errors, numbers of parameters."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core.space import Space
from .certificate import SVDCertificate
from .cluster_pool import Pool

__all__ = ["Cluster", "cluster_of", "joined", "parameters", "smallest_rank"]


class Cluster(NamedTuple):
    """One group of several blocks."""

    leaves: NDArray[np.intp]
    basis: Any  # (d, k)
    errors: NDArray[np.float64]  # of each block, relative to its own norm
    error: float  # of all, relative
    rank: int  # the smallest that the limit allows
    certificate: SVDCertificate


def joined(pool: Pool, group: list[int]) -> int:
    """The summary of these summaries, merged in pairs whatever the limit says."""
    nodes = np.array(group)
    while len(nodes) > 1:
        half = len(nodes) // 2
        _, new = pool.merged(nodes[:half], nodes[half : 2 * half], always=True)
        nodes = np.concatenate([new, nodes[2 * half :]])
    return int(nodes[0])


def parameters(d: int, columns: int, rank: int, *, single: bool = False) -> int:
    """Numbers to store: a basis and coefficients, or the columns as they are."""
    return d * columns if single else min(rank * (d + columns), d * columns)


def smallest_rank(pool: Pool, node: int, squares: NDArray[np.float64]) -> int | None:
    """The least rank whose certified error is within the limit; None if it is not known."""
    beyond = np.cumsum(np.append(squares, 0.0)[::-1])[::-1] + pool.discarded[node]
    error = np.sqrt(beyond + pool.loss[node]) + pool.slack[node]
    good = error <= pool.limit(pool.energy[node], pool.slack[node], pool.loss[node])
    return int(np.argmax(good)) if good.any() else None


def cluster_of(given: Space, pool: Pool, node: int) -> Cluster:
    """What is known about the group of a summary; errors come from the blocks themselves."""
    leaves = pool.leaves(node)
    u, squares = pool.basis(node)
    basis, measured = _measured(given, pool, u[:, : pool.rank], leaves)
    if measured.sum() > pool.max_error**2 * pool.energy[node] and not pool.per_block:
        # The directions that a summary discarded are not missing in a dense decomposition.
        basis, measured = _measured(given, pool, pool.best_basis(leaves), leaves)
    k = int(basis.shape[1])
    noise = 4.0 * pool.space.eps * math.sqrt(k)
    own = pool.energy[leaves]
    share = np.divide(measured, own, out=np.zeros_like(own), where=own > 0)
    errors = np.where(own > 0, np.sqrt(share) + noise, 0.0)
    whole = math.sqrt(float(pool.energy[node]))
    error = math.sqrt(float(measured.sum())) / whole + noise if whole > 0 else 0.0
    rank = smallest_rank(pool, node, squares)
    certificate = _certificate(pool, node, squares)
    return Cluster(leaves, basis, errors, error, k if rank is None else rank, certificate)


def _measured(
    given: Space, pool: Pool, basis: Any, leaves: NDArray[np.intp]
) -> tuple[Any, NDArray[np.float64]]:
    """A basis as it is delivered, and what it leaves out: its rounding is part of the error."""
    xp = pool.space.xp
    basis = xp.astype(basis, pool.space.with_dtype(given.dtype_name).dtype)
    return basis, pool.residuals(xp.astype(basis, pool.space.dtype), leaves)


def _certificate(pool: Pool, node: int, squares: NDArray[np.float64]) -> SVDCertificate:
    """The bounds that follow from M M^H = K K^H + E E^H with the trace of E E^H known."""
    r, lost, loss = pool.rank, float(pool.discarded[node]), float(pool.loss[node])
    slack = float(pool.slack[node])
    beyond = float(squares[r:].sum())

    def interval(low: Any, high: Any) -> Any:
        down = np.maximum(np.sqrt(np.maximum(low - loss, 0.0)) - slack, 0.0)
        ends = np.stack([down, np.sqrt(high + loss) + slack], axis=-1)
        return np.ldexp(ends, pool.exponent)

    return SVDCertificate(
        interval(np.float64(beyond + lost), np.float64(beyond + lost)),
        interval(squares, squares + lost),
        interval(np.float64(beyond + max(0.0, lost - r * lost)), np.float64(beyond + lost)),
        np.ldexp(np.float64(slack + math.sqrt(loss)), pool.exponent),
    )
