"""`concat_svd_bounds`: how large the error of a shared basis can be, from the blocks one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.linalg import adjoint
from .._core.space import in_full_precision
from .._core.storage import on_host
from .blocks import columns_of
from .cluster_outcome import joined
from .cluster_pool import Pool

__all__ = ["ConcatSVDBounds", "concat_svd_bounds"]


class ConcatSVDBounds(NamedTuple):
    """What `concat_svd_bounds` returns: bounds on one number, relative, float64."""

    weyl: Any  # () from the largest of each singular value over the blocks
    residual: Any  # () from what each block adds to the space of those before it
    incremental: Any  # () from a summary of all blocks
    best: Any  # () the least of the upper bounds
    union: Any  # () from the largest of all singular values of the blocks
    lower: Any  # () the error is at least this


@in_full_precision
def concat_svd_bounds(blocks: Iterable[Any], rank: int, /, *, axis: int = 0) -> ConcatSVDBounds:
    r"""Bounds on the relative error of the best approximation of given rank of joined blocks.

    With M the blocks put together and M_r its best approximation of rank r, every field but
    `lower` is at least ||M - M_r||_F / ||M||_F, for blocks of any width, scale and dtype.

    Parameters
    ----------
    blocks : sequence of arrays (b, d), or array (..., b, d) with one leading axis
        Of one library, (d, b) for ``axis=1``. Never written to.
    rank : int
        r.
    axis : {0, 1}, optional
        0: blocks of rows, joined along rows; 1: blocks of columns.

    Returns
    -------
    ConcatSVDBounds
        Six arrays of no axes of the library of the blocks (NumPy: its scalars), float64 (float32
        where the device has no other), relative to the Frobenius norm of all; 0 if all blocks
        are 0, NaN if there are NaN or infinities. ``incremental`` <= ``union`` <= ``weyl`` and
        ``residual``, up to rounding.

    Raises
    ------
    TypeError, ValueError
        On blocks that are not arrays of two axes of one length d and one library, on traced
        arrays, and on a rank below 1.

    Notes
    -----
    The sum of the r largest squared singular values of M is at least: the sum over i <= r of the
    largest i-th value of any block, squared (``weyl``: further columns never lower a singular
    value); the r largest squares among all values of all blocks (``union``: the Gram matrix
    majorises its diagonal blocks); those among the values of what every block adds to the space
    of those before it (``residual``: partial sums only, one by one they bound nothing). Each
    bound is evaluated from what is *not* counted, so that errors near rounding keep their digits.
    ``incremental`` merges summaries of r + 8 directions and alone sees energy that blocks share.

    **Accuracy**: rounding is allowed for, by some 10 sqrt(n) roundings of the norm in double
    precision (single where the device has no double).

    **Cost**: one SVD of every block and of every merge, d x 2 (r + 8); `residual` builds a basis of
    all columns, up to d x d. No derivatives.

    References
    ----------
    R. Bhatia, doi:10.1007/978-1-4612-0653-8 (pinching, Ky Fan, Weyl). M. Shamrai,
    arXiv:2601.11626 (weyl, residual, incremental).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.array([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> found = orthola.concat_svd_bounds([a, a, a], 1)
    >>> [round(float(x), 4) for x in (found.weyl, found.residual, found.incremental, found.lower)]
    [0.8367, 0.8367, 0.3162, 0.3162]
    """
    name = "concat_svd_bounds"
    rank = checks.count(name, "rank", rank)
    given, space, columns = columns_of(name, blocks, axis)
    if space.has_double:
        space = space.with_dtype("complex128" if space.is_complex else "float64")
    if 0 in columns[0].shape[:1]:
        found = [0.0] * len(ConcatSVDBounds._fields)
    else:
        with np.errstate(all="ignore"):
            found = _bounds(Pool(space, columns, rank, 0.0))
    if given.name == "numpy":
        return ConcatSVDBounds(*map(np.float64, found))
    kind = given.xp.float64 if given.has_double else given.real_dtype
    return ConcatSVDBounds(*(given.xp.asarray(x, dtype=kind, device=given.device) for x in found))


def _bounds(pool: Pool) -> list[float]:
    if not pool.finite.all():
        return [math.nan] * len(ConcatSVDBounds._fields)
    n, r = len(pool.blocks), pool.rank
    blocks = [j for j in range(n) if pool.columns[j]]
    energy = float(pool.energy[blocks].sum())
    if not energy:
        return [0.0] * len(ConcatSVDBounds._fields)
    lost = float(pool.discarded[blocks].sum())
    values = pool.squares[blocks]
    # What is left when each position has given its largest value, and the first r positions count.
    columns = np.sort(values, axis=0)
    weyl = lost + columns[:-1].sum() + columns[-1:, r:].sum()
    union = lost + np.sort(values, axis=None)[::-1][r:].sum()
    noise = _noise(pool, blocks) * math.sqrt(energy)
    least = float(pool.tail[blocks].sum())
    residual = _residual(pool, blocks)
    node = joined(pool, blocks)
    incremental = float(pool.error(node))
    least = max(least, float(pool.tail[node] - pool.discarded[node]))
    lower = max(0.0, math.sqrt(least) - noise - float(pool.slack[node]))
    upper = [math.sqrt(x) + noise for x in (weyl, residual)] + [incremental + noise]
    upper += [min(*upper, math.sqrt(union) + noise), math.sqrt(union) + noise]
    norm = math.sqrt(energy)
    return [min(1.0, x / norm) for x in upper] + [lower / norm]


def _noise(pool: Pool, blocks: list[int]) -> float:
    """Relative rounding of singular values and sums."""
    widest = int(pool.columns[blocks].max())
    return 4.0 * pool.space.eps * math.sqrt(max(widest, pool.d) + len(blocks))


def _residual(pool: Pool, blocks: list[int]) -> float:
    """Energy that is not in the r largest values of what every block adds to those before it."""
    xp, basis = pool.space.xp, None
    unused, values = 0.0, np.zeros(0)
    for j in blocks:
        x = next(pool.stacks([j]))[1][0, ...]
        if basis is not None:
            inside = adjoint(xp, basis) @ x
            unused += float(on_host(xp.sum(xp.abs(inside) ** 2)))
            x = x - basis @ inside
            x = x - basis @ (adjoint(xp, basis) @ x)
        u, s, _ = xp.linalg.svd(x, full_matrices=False)
        s = on_host(s).astype(np.float64)
        room = pool.d if basis is None else pool.d - int(basis.shape[1])
        floor = pool.d * pool.space.eps * math.sqrt(float(pool.energy[j]))
        # Directions that are rounding are not new.
        count = min(int(np.sum(s > floor)), room)
        unused += float(np.sum(s[count:] ** 2))
        values = np.sort(np.concatenate([values, s[:count] ** 2]))[::-1]
        unused += float(values[pool.rank :].sum())
        values = values[: pool.rank]
        basis = u[:, :count] if basis is None else xp.concat([basis, u[:, :count]], axis=1)
    return unused
