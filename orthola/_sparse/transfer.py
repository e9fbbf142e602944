"""Codes found with one dictionary, used with another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core.checks import describe
from .._core.space import Space, resolve

if TYPE_CHECKING:
    from .result import OMPResult

__all__ = ["combine", "transfer_codes"]


def transfer_codes(codes: OMPResult, target_dictionary: Any, /) -> Any:
    """Combine the atoms of another dictionary with codes that were found with the first one.

    ``out[b] = sum_t coefficients[b, t] * target_dictionary[indices[b, t]]``. With rows of two
    embedding tables as dictionaries, which name the same tokens, this gives embeddings for tokens
    that only the first table has.

    Parameters
    ----------
    codes : OMPResult
        What `orthola.omp` returned: ``indices`` and ``coefficients`` (..., B, K) are read.
    target_dictionary : array (N, D)
        One row for each atom of the dictionary of the codes, of any length D. Same library and
        device as the codes.

    Returns
    -------
    array (..., B, D)
        In the promoted dtype of coefficients and target; half precision is summed in float32.

    Raises
    ------
    TypeError, ValueError
        If the target is no (N, D) array of the library of the codes, or (NumPy only) has fewer
        rows than the codes use.

    Notes
    -----
    **Cost** K multiply-adds per entry of the result, summed one atom after the other: (B, K, D)
    is never an intermediate. Padded entries contribute nothing, even if row 0 of the target is
    NaN; rows that no code uses are never read into a sum. Summation errs by ``K u sum |x_t T_t|``
    at most, u the unit roundoff.

    **How good is a transfer?** Let e = x E + r be the code in the first table E, and suppose the
    second table is F = E T + N for some linear map T, with n_e the deviation of the row that is
    looked for. Then exactly ``out - (e T + n_e) = -r T + x N_S - n_e``, so its norm is at most
    ``||T||_2 ||r|| + ||x||_1 max ||N_i|| + ||n_e||``: a small residual bought with large
    coefficients is worse than it looks, so look at ``||x||_1`` beside ``residual_norm``.

    **Derivatives** with respect to coefficients and target are those of the sum, in PyTorch and
    JAX.

    References
    ----------
    C. Goddard, F. Fernandes Neto, arXiv:2506.06607.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> donor, base = np.eye(3), np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 3.0]])
    >>> codes = orthola.omp(np.array([[0.0, 0.5, 2.0]]), donor, n_nonzero=2)
    >>> orthola.transfer_codes(codes, base)
    array([[1., 6.]])
    """
    try:
        indices, coefficients = codes.indices, codes.coefficients
    except AttributeError:
        raise TypeError(
            "transfer_codes: expected codes as orthola.omp returns them, with indices and "
            f"coefficients, got {type(codes).__module__}.{type(codes).__qualname__}"
        ) from None
    return combine("transfer_codes", indices, coefficients, target_dictionary)


def combine(function: str, indices: Any, coefficients: Any, target: Any) -> Any:
    """Rows of `target` summed with the codes as weights."""
    space, (x, rows) = resolve(function, coefficients, target)
    if tuple(indices.shape) != tuple(x.shape):
        raise ValueError(
            f"{function}: expected codes with a coefficient for each index, got shapes "
            f"{tuple(x.shape)} and {tuple(indices.shape)}; of a path take one number of atoms, "
            "such as coefficients[..., -1, :]"
        )
    if rows.ndim != 2:
        raise ValueError(
            f"{function}: expected a dictionary of shape (N, D), got {describe(rows)}; rows are "
            "atoms"
        )
    if space.name == "numpy" and indices.size and int(indices.max()) >= rows.shape[0]:
        raise ValueError(
            f"{function}: expected a dictionary with a row for each atom of the codes, got "
            f"{rows.shape[0]} rows although atom {int(indices.max())} is in use"
        )
    work = space.with_dtype("float32") if space.is_half else space
    return _summed(space, work, indices, x, rows)


def _summed(space: Space, work: Space, indices: Any, x: Any, rows: Any) -> Any:
    xp = work.xp
    *shape, k = x.shape
    indices, x = xp.reshape(indices, (-1, k)), xp.reshape(x, (-1, k))
    size = (x.shape[0], rows.shape[1])
    out = xp.zeros(size, dtype=work.dtype, device=work.device)
    for t in range(k if rows.shape[0] else 0):
        used = indices[:, t] >= 0
        taken = xp.take(rows, xp.where(used, indices[:, t], xp.zeros_like(indices[:, t])), axis=0)
        # where, not a product with 0: the row that padding points to may be NaN
        taken = xp.where(used[:, None], taken, xp.zeros_like(taken))
        out = out + xp.astype(x[:, t, None], work.dtype, copy=False) * taken
    out = xp.astype(out, space.dtype, copy=False)
    return xp.reshape(out, (*shape, rows.shape[1]))
