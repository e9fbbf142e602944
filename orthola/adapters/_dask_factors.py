"""Both factors of a Dask array: one is in memory, and the other is lazy."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask.array as da
import numpy as np

from .. import SVDResult

__all__ = ["SVDFactors", "svd_factors"]


class SVDFactors(NamedTuple):
    """``x`` is about ``u @ diag(s) @ vt``."""

    u: Any  # (m, k)
    s: Any  # (k,)
    vt: Any  # (k, n)


def svd_factors(
    x: Any, result: SVDResult, /, *, axis: int | None = None, center: bool = False
) -> SVDFactors:
    """Left and right singular vectors of a Dask array, as ``dask.array.linalg.svd`` orders them.

    Parameters
    ----------
    x : dask array (m, n)
        What was decomposed, or some of its samples.
    result : SVDResult
        Of `svd`, or of `orthola.svd_result` for a state of `svd_state`.
    axis : {0, 1}, optional
        As it was decomposed; default: which dimension the basis has, 0 for square arrays.
    center : bool, optional
        As it was decomposed: the factors are then those of ``x`` without its mean.

    Returns
    -------
    SVDFactors
        ``u`` (m, k), ``s`` (k,), ``vt`` (k, n). For ``axis=0`` ``u`` is a lazy dask array with the
        chunks of ``x``, for ``axis=1`` ``vt`` is; the other two are in memory. Vectors of singular
        values that rounding alone may have made are zero.

    Raises
    ------
    TypeError, ValueError
        On anything but a Dask array of two axes, and one that does not fit the basis.

    Notes
    -----
    The lazy factor is ``x @ basis / s``, a second reading of the data when it is computed, block by
    block; ``to_zarr`` keeps it out of memory.

    **Accuracy**: ``u * s @ vt`` is the projection of ``x`` on the basis, at most
    ``result.certificate.error[1]`` away. The lazy factor is orthonormal as far as singular values
    are right: to rounding with exact engines.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from orthola.adapters.dask import svd, svd_factors
    >>> rng = np.random.default_rng(0)
    >>> a = rng.standard_normal((300, 3)) @ rng.standard_normal((3, 20))
    >>> x = da.from_array(a, chunks=(50, 10))
    >>> u, s, vt = svd_factors(x, svd(x, rank=3))
    >>> u.shape, vt.shape, np.allclose((u * s @ vt).compute(), a)
    ((300, 3), (3, 20), True)
    """
    if not isinstance(x, da.Array):
        raise TypeError(
            f"svd_factors: expected a dask array, got {type(x).__module__}.{type(x).__qualname__}"
        )
    if not isinstance(result, SVDResult):
        raise TypeError(
            "svd_factors: expected an SVDResult, as svd returns it, got "
            f"{type(result).__module__}.{type(result).__qualname__}"
        )
    basis, d = result.basis, result.basis.shape[0]
    if axis is None:
        axis = 0 if x.ndim == 2 and x.shape[1] == d else 1
    if x.ndim != 2 or axis not in (0, 1) or x.shape[1 - axis] != d:
        raise ValueError(
            f"svd_factors: expected an array of two axes, {d} features along one of them, got "
            f"shape {x.shape} and axis={axis!r}"
        )
    s = result.singular_values
    live = s > result.certificate.allowance
    inverse = np.where(live, 1.0 / np.where(live, s, 1.0), 0.0).astype(s.dtype)
    kept = basis * live
    if axis == 0:
        x = x - result.mean if center else x
        return SVDFactors(x @ _chunked(basis * inverse, x.chunks[1], 0), s, kept.conj().T)
    x = x - result.mean[:, None] if center else x
    return SVDFactors(kept, s, _chunked((basis * inverse).conj().T, x.chunks[0], 1) @ x)


def _chunked(factor: Any, chunks: tuple[int, ...], axis: int) -> Any:
    """Cut like the array that it is multiplied with."""
    return da.from_array(factor, chunks=(chunks, -1) if axis == 0 else (-1, chunks))
