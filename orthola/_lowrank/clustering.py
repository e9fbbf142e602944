"""`cluster_blocks`: which blocks can share a basis of a given rank under a limit on the error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.errors import Status
from .._core.random import generator
from .._core.shared_memory import as_tensor
from .._core.space import Space, in_full_precision
from .blocks import columns_of
from .certificate import SVDCertificate
from .cluster_candidates import Sketches
from .cluster_greedy import greedy
from .cluster_merge import Merger
from .cluster_outcome import Cluster, cluster_of, joined, parameters, smallest_rank
from .cluster_pool import Pool
from .cluster_repair import Repair

__all__ = ["ClusterResult", "cluster_blocks"]

_FEW = 1024  # blocks, for a second opinion whose time grows with the square of their number
_METHODS = ("merge", "norm", "residual", "incremental")


class ClusterResult(NamedTuple):
    """What `cluster_blocks` returns; J clusters of several blocks come first."""

    labels: Any  # integer (N,): cluster of each block; from J on a block has its cluster alone
    bases: tuple[Any, ...]  # J arrays (d, k), k <= rank, orthonormal columns
    errors: Any  # (J,) float64: relative error of each cluster in its basis, rounding included
    block_errors: Any  # (N,) float64: the same for each block by itself; 0 for those alone
    certificates: tuple[SVDCertificate, ...]  # J, absolute
    ranks: Any  # integer (J,): smallest rank within the limit by the certificate
    compression_ratio: float  # numbers in all blocks over numbers to store, at the rank given
    compression_ratio_adaptive: float  # the same with `ranks`, blocks alone included
    trials: int  # merges, or additions to a group, that were tried
    status: Any  # integer (N,), see orthola.Status


@in_full_precision
def cluster_blocks(
    blocks: Iterable[Any],
    /,
    *,
    rank: int,
    max_error: float,
    method: str = "merge",
    order: str = "residual",
    patience: int = 10,
    per_block: bool = False,
    axis: int = 0,
    rng: Any = 0,
) -> ClusterResult:
    r"""Group blocks so that each group has one low-rank basis within a limit on the error.

    The blocks of a group, side by side, form a matrix M, and its best approximation of rank `rank`
    has a relative error of `max_error` at most, which is proven for every group. Large groups
    that share a basis need few numbers: the basis once, and `rank` coefficients per column.

    Parameters
    ----------
    blocks : sequence of arrays (b, d), or array (..., b, d) with one leading axis
        Of any widths b, of one library and dtype; (d, b) for ``axis=1``. Never written to.
    rank : int
        r, directions per group.
    max_error : float
        Limit for ||M - U U^H M||_F / ||M||_F, U the basis of the group; >= 0. Limits below the
        rounding of the blocks count as rounding, so that 0 finds groups that are exactly of low
        rank.
    method : {"merge", "norm", "residual", "incremental"}, optional
        ``"merge"``: any groups of groups, likeliest first, with repairs. The others are greedy:
        the strongest block left collects others until one bound on the error exceeds the limit;
        for comparison with the literature.
    order : {"norm", "residual"}, optional
        Greedy methods: candidates from the smallest norm upwards, or from the smallest residual.
    patience : int, optional
        Greedy methods: stop after so many blocks in a row that could collect nothing.
    per_block : bool, optional
        ``"merge"``: the limit holds for every block by itself, relative to its own norm. Otherwise
        a weak block may hide beside strong ones.
    axis : {0, 1}, optional
        0: blocks (b, d) of rows, and groups are stacked along rows; 1: blocks (d, b) of columns.
    rng : None, int or numpy.random.Generator, optional
        For the sketches by which candidates are found; 0 by default: the same groups every time.
        Whether a group is valid does not depend on it.

    Returns
    -------
    ClusterResult
        ``labels`` (N,): clusters 0 ... J-1 have several blocks, largest first; every other block
        is alone and to be stored as it is. ``bases``: J arrays (d, k) with orthonormal columns,
        for both axes: a block of rows is kept as ``block @ U`` and is ``block @ U @ U^H`` again, a
        block of columns as ``U^H @ block``. ``errors`` (J,) and ``block_errors`` (N,), measured
        on the blocks with these bases; bases rounded to half precision may miss the limit by their
        rounding, and the errors say so.
        ``certificates`` of the summaries, absolute, without looking at the blocks again.
        ``ranks``, ``compression_ratio``, ``compression_ratio_adaptive``, ``trials``. ``status``
        (N,): ``OK``, or ``NONFINITE``; such blocks are left alone.

    Raises
    ------
    TypeError, ValueError
        On blocks that are not arrays of two axes of one length d and one library, on traced
        arrays, and on unknown options.

    Notes
    -----
    **Certificates.** Every block is summarised by its q = r + 8 leading directions, and merges
    discard further ones; M M^H = K K^H + E E^H holds with the squared norm of E known, so that
    the squares beyond number r, kept or discarded, bound the error from above. Half precision and
    single precision are calculated in double where the device has it.

    **Candidates** for a merge are the 12 nearest by sketches of the scatter, K K^H in 24 random
    directions; up to 4096 groups all are compared, beyond that those in one bucket of random
    hyperplanes. Pairs are tried in rounds, keyed by the share of one that is outside of the
    leading directions of the other. Afterwards cheap groups are taken apart along their merges
    where their parts fit elsewhere, and groups that save nothing are dissolved. Up to 1024 blocks
    are grouped by the greedy method as well (``"incremental"``, by residuals), and the groups that
    save more are taken.

    **Parameters** are counted as d n for a block alone and min(r (d + n), d n) for a cluster of n
    columns, so that one pays for n > r d/(d - r). Labels and lengths are not counted; complex
    numbers count like real ones on both sides.

    **Cost**: some 12 N trial merges at most, of 4 d q^2 + O(q^3) operations each at full size;
    small ones while groups are small. Memory: a few times that of the blocks in double precision.
    Decisions are made by numbers in main memory: arrays on other devices send a few
    numbers per trial. No derivatives.

    References
    ----------
    M. Shamrai, arXiv:2601.11626 (the problem and the greedy methods). J. Wang et al.,
    arXiv:2410.03765 (shared bases of model weights).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> spaces = rng.standard_normal((2, 3, 50))  # two spaces of three dimensions
    >>> blocks = [rng.standard_normal((8, 3)) @ spaces[i % 2] for i in range(10)]
    >>> found = orthola.cluster_blocks(blocks, rank=3, max_error=0.01)
    >>> found.labels.tolist()
    [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    >>> bool(found.errors.max() < 1e-12), round(found.compression_ratio, 2)
    (True, 7.41)
    """
    rank = checks.count("cluster_blocks", "rank", rank)
    checks.one_of("cluster_blocks", "method", method, _METHODS)
    checks.one_of("cluster_blocks", "order", order, ("norm", "residual"))
    patience = checks.count("cluster_blocks", "patience", patience)
    max_error = checks.real_in(
        "cluster_blocks", "max_error", max_error, 0.0, sys.float_info.max, closed=True
    )
    if per_block and method != "merge":
        raise ValueError(f"cluster_blocks: per_block=True needs method='merge', got {method!r}")
    generated = generator("cluster_blocks", rng)
    given, space, columns = columns_of("cluster_blocks", blocks, axis)
    if space.has_double:
        space = space.with_dtype("complex128" if space.is_complex else "float64")
    if not columns[0].shape[0]:
        raise ValueError("cluster_blocks: expected blocks of at least one feature, got d = 0")
    with np.errstate(all="ignore"):
        pool = Pool(space, columns, rank, max_error, per_block=per_block)
        nodes, trials = _groups(pool, method, order, patience, generated)
        nodes = _with_zeros(pool, nodes)
        clusters = [cluster_of(given, pool, node) for node in nodes]
    return _result(given, pool, clusters, trials)


def _groups(
    pool: Pool, method: str, order: str, patience: int, rng: np.random.Generator
) -> tuple[list[int], int]:
    """(Summaries of groups of several blocks that save numbers, trials)."""
    trials, found = 0, list[list[int]]()
    if method == "merge" and len(pool.blocks) <= _FEW:
        # Blocks without any structure are packed as well by filling one group after the other.
        nodes, trials = greedy(pool, "incremental", "residual", patience)
        found.append(nodes)
    if method == "merge":
        merger = Merger(pool, Sketches(pool, rng))
        merger.run()
        Repair(merger).run()
        found.insert(0, [node for node in merger.live.tolist() if node in pool.children])
        trials += merger.trials
    else:
        nodes, trials = greedy(pool, method, order, patience)
        found.append(nodes)
    nodes = max(found, key=lambda nodes: (sum(_saved(pool, node) for node in nodes), -len(nodes)))
    nodes = [node for node in nodes if _saved(pool, node) > 0]
    return sorted(nodes, key=lambda k: (-int(pool.columns[k]), int(pool.leaves(k).min()))), trials


def _saved(pool: Pool, node: int) -> int:
    """Numbers that a group saves."""
    n = int(pool.columns[node])
    return pool.d * n - parameters(pool.d, n, pool.rank)


def _with_zeros(pool: Pool, nodes: list[int]) -> list[int]:
    """Blocks of zeros fit into every group: they go to the first, or make one."""
    zeros = np.flatnonzero(pool.zero & pool.finite & (pool.columns[: len(pool.zero)] > 0)).tolist()
    if not zeros or (not nodes and len(zeros) < 2):
        return nodes
    return [joined(pool, [*nodes[:1], *zeros]), *nodes[1:]]


def _result(given: Space, pool: Pool, clusters: list[Cluster], trials: int) -> ClusterResult:
    n = len(pool.blocks)
    labels, errors = np.full(n, -1), np.zeros(n)
    for number, cluster in enumerate(clusters):
        labels[cluster.leaves] = number
        errors[cluster.leaves] = cluster.errors
    alone = np.flatnonzero(labels < 0)
    labels[alone] = np.arange(len(clusters), len(clusters) + len(alone))
    d, width = pool.d, pool.columns[:n]
    fixed = adaptive = d * int(width[alone].sum())
    for cluster in clusters:
        columns = int(width[cluster.leaves].sum())
        fixed += parameters(d, columns, pool.rank)
        adaptive += parameters(d, columns, cluster.rank)
    for j in alone[pool.usable[alone]].tolist():
        own = smallest_rank(pool, j, pool.squares[j])
        if own is not None:
            adaptive -= d * int(width[j]) - parameters(d, int(width[j]), own)
    whole = d * int(width.sum())
    status = np.where(pool.finite, int(Status.OK), int(Status.NONFINITE)).astype(np.int32)

    def delivered(x: Any) -> Any:
        if given.name == "numpy":
            return x
        kind = None if given.has_double or x.dtype.kind != "f" else given.real_dtype
        return given.xp.asarray(x, dtype=kind, device=given.device)

    return ClusterResult(
        delivered(labels),
        tuple(_basis(given, cluster.basis) for cluster in clusters),
        delivered(np.array([cluster.error for cluster in clusters])),
        delivered(errors),
        tuple(
            SVDCertificate(*(delivered(np.asarray(x)) for x in cluster.certificate))
            for cluster in clusters
        ),
        delivered(np.array([cluster.rank for cluster in clusters], dtype=np.int64)),
        whole / fixed if fixed else 1.0,
        whole / adaptive if adaptive else 1.0,
        trials,
        delivered(status),
    )


def _basis(given: Space, basis: Any) -> Any:
    if given.name == "torch" and isinstance(basis, np.ndarray):
        basis = as_tensor(basis)
    return given.xp.astype(basis, given.dtype, copy=False)
