"""`concat_svd`: the singular value decomposition of blocks put together, taken one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .._core.linalg import adjoint
from .._core.space import in_full_precision, resolve
from .blocks import one_by_one
from .certificate import SVDCertificate
from .incremental import svd_init, svd_update
from .results import svd_result
from .state import SVDConfig

__all__ = ["ConcatSVDResult", "concat_svd"]

_LEAST = 32  # samples collected before they are taken in


class ConcatSVDResult(NamedTuple):
    """What `concat_svd` returns; columns beyond ``rank`` are zero."""

    basis: Any  # (d, k) singular vectors of the fixed dimension
    singular_values: Any  # (k,) descending
    rank: Any  # () integer
    norm: Any  # () Frobenius norm of all blocks, float64
    certificate: SVDCertificate  # error, sigma_interval, optimum_interval, allowance: absolute
    status: Any  # () integer, see orthola.Status
    axis: int  # along which the blocks are joined

    @property
    def components(self) -> Any:
        """(k, d) basis^H: the right singular vectors of blocks of rows."""
        space, (basis,) = resolve("ConcatSVDResult", self.basis)
        return adjoint(space.xp, basis)

    @in_full_precision
    def factor(self, block: Any, /) -> Any:
        """Singular vectors of the other side, the part that belongs to a block.

        Parameters
        ----------
        block : array (b, d), or (d, b) for ``axis=1``
            One of the blocks.

        Returns
        -------
        array (b, k), or (k, b) for ``axis=1``
            F with ``block ~ F * singular_values @ components`` for ``axis=0``, and
            ``block ~ basis * singular_values @ F`` for ``axis=1``. Zero for singular values that
            are below the rounding of all data.
        """
        space, (basis, block) = resolve("ConcatSVDResult.factor", self.basis, block)
        xp, s = space.xp, self.singular_values
        # Values that rounding alone may have made have no direction.
        floor = xp.astype(self.certificate.allowance, s.dtype)
        live = s > floor
        inverse = xp.where(live, 1.0 / xp.where(live, s, xp.ones_like(s)), xp.zeros_like(s))
        if self.axis == 0:
            return block @ basis * inverse
        return adjoint(xp, basis) @ block * inverse[:, None]

    def factors(self, blocks: Iterable[Any], /) -> Iterator[Any]:
        """`factor` of one block after the other; nothing is kept."""
        return (self.factor(block) for block in blocks)


@in_full_precision
def concat_svd(
    blocks: Iterable[Any],
    /,
    *,
    rank: int | None = None,
    tol: float | None = None,
    axis: int = 0,
    max_rank: int | None = None,
    engine: str = "auto",
    oversample: int | str = "auto",
    method: str = "svd",
    check_finite: bool = True,
) -> ConcatSVDResult:
    r"""Leading singular values and vectors of blocks put together, with bounds that always hold.

    The blocks are taken one by one, in a single pass, and only a basis of the fixed dimension is
    kept: the data may be larger than memory.

    Parameters
    ----------
    blocks : iterable of arrays (b, d), or array (..., b, d) with one leading axis
        Of one library and dtype, any widths, also 0; (d, b) for ``axis=1``. A generator is read
        once. Never written to.
    rank : int, optional
        Number of singular triplets. Without `rank` and `tol`: all that there are.
    tol : float, optional
        Largest error relative to the Frobenius norm of all; the rank is then found.
    axis : {0, 1}, optional
        0: blocks of rows, joined along rows; 1: blocks of columns.
    max_rank, engine, oversample, method : optional
        As in `SVDConfig`.
    check_finite : bool, optional
        Raise on NaN or infinity; otherwise the status tells.

    Returns
    -------
    ConcatSVDResult
        ``basis`` (d, k), ``singular_values`` (k,), ``rank``, ``norm``, ``certificate`` and
        ``status`` as in `svd_result`; ``components`` is basis^H. The other factor is as long as
        the data: ``factor(block)`` gives its part for a block, ``factors(blocks)`` all of them.

    Raises
    ------
    TypeError, ValueError
        On blocks that are not arrays of two axes of one length d, of another library or a wider
        dtype than the first, on no blocks, and on NaN or infinity under `check_finite`.

    Notes
    -----
    **Accuracy**: ``certificate.error`` encloses the error of the decomposition,
    ``certificate.optimum_interval`` the least error that any matrix of this rank has. The
    factors of all blocks together are orthonormal to the extent that the singular values are
    right: exactly so for directions that nothing was discarded from.

    **Cost**: about 8 d q per column with q = k + oversample, and 2 d^2 per column by the exact
    engines (small d); blocks are collected up to q columns. No derivatives.

    References
    ----------
    M. Brand, doi:10.1016/j.laa.2005.07.021. M. Shamrai, arXiv:2601.11626.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> blocks = [rng.standard_normal((10, 2)) @ np.eye(2, 6) for _ in range(5)]
    >>> found = orthola.concat_svd(blocks, rank=2)
    >>> found.basis.shape, int(found.rank), bool(found.certificate.error[1] < 1e-12)
    ((6, 2), 2, True)
    >>> again = found.factor(blocks[3]) * found.singular_values @ found.components
    >>> np.allclose(again, blocks[3])
    True
    """
    iterator = one_by_one("concat_svd", blocks)
    try:
        first = next(iterator)
    except StopIteration:
        raise ValueError("concat_svd: expected at least one block, got none") from None
    space, (first,) = resolve("concat_svd", first)
    if axis not in (0, 1):
        raise ValueError(f"concat_svd: expected axis 0 (rows) or 1 (columns), got {axis!r}")
    if first.ndim != 2 or not first.shape[1 - axis]:
        raise ValueError(
            "concat_svd: expected blocks with two axes and at least one feature, got one of shape "
            f"{tuple(first.shape)}; put a single array into a list"
        )
    config = SVDConfig(
        features=int(first.shape[1 - axis]), rank=rank, tol=tol, axis=axis, max_rank=max_rank,
        engine=engine, oversample=oversample, method=method, check_finite=check_finite,
    )  # fmt: skip
    state = svd_init(config, xp=space.xp, dtype=space.dtype_name, device=space.device)
    for gathered in _collected(first, iterator, axis, max(_LEAST, config.capacity // 2)):
        state = svd_update(state, gathered, config)
    found = svd_result(state, config)
    return ConcatSVDResult(
        found.basis, found.singular_values, found.rank, found.norm, found.certificate, found.status,
        axis,
    )  # fmt: skip


def _collected(first: Any, rest: Iterator[Any], axis: int, least: int) -> Iterator[Any]:
    """Small blocks joined: fewer, larger steps cost less and round less."""
    pending, size = [first], first.shape[axis]
    for block in rest:
        if pending and size >= least:
            yield _joined(pending, axis)
            pending, size = [], 0
        pending.append(block)
        size += getattr(block, "shape", (0, 0))[axis]
    yield _joined(pending, axis)


def _joined(blocks: list[Any], axis: int) -> Any:
    if len(blocks) == 1:
        return blocks[0]
    space, arrays = resolve("concat_svd", *blocks)
    if any(x.ndim != 2 or x.shape[1 - axis] != arrays[0].shape[1 - axis] for x in arrays):
        shapes = ", ".join(str(tuple(x.shape)) for x in arrays)
        raise ValueError(f"concat_svd: expected blocks of one number of features, got {shapes}")
    return space.xp.concat(arrays, axis=axis)
