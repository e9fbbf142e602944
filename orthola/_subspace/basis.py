"""`orthonormal_basis`: the space that the columns of a matrix span."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.errors import Status
from .._core.space import Space, resolve
from .span import span

__all__ = ["OrthonormalBasis", "orthonormal_basis", "relative_tolerance", "rounded"]


class OrthonormalBasis(NamedTuple):
    """What `orthonormal_basis` returns."""

    basis: Any  # (..., m, p), p = min(m, n): orthonormal columns, zeros from number `rank` on
    rank: Any  # integer (...)
    singular_values: Any  # (..., p) of `a`, real, descending: also those that were not kept
    status: Any  # integer per item, see orthola.Status


# What goes wrong in an item is told by its status, not by a warning.
@np.errstate(all="ignore")
def orthonormal_basis(a: Any, /, *, tol: float | None = None) -> OrthonormalBasis:
    r"""Orthonormal basis of the space that the columns of a matrix span.

    Parameters
    ----------
    a : array (..., m, n)
        Real or complex; the columns span the space. Pass the adjoint for the row space. Never
        written to.
    tol : float, optional
        Singular values up to ``tol`` times the largest one count as zero; from 0 to 1. Default:
        max(m, n) u with u the machine epsilon of the dtype calculated in, below which no digit
        of a singular value is right.

    Returns
    -------
    OrthonormalBasis
        ``basis`` (..., m, p) with p = min(m, n): the left singular vectors that were kept, in
        descending order, and zero columns in place of the others, so that shapes do not depend on
        values and ``basis @ basis^H`` is the orthogonal projector. ``rank`` (...): how many
        were kept. ``singular_values`` (..., p): all of them, so that a gap can be looked for.
        ``status``: ``OK``; ``RANK_DEFICIENT`` where the rank is below p; ``NONFINITE`` where NaN
        or infinities came in: the item is NaN, of rank 0.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on fewer than two axes, and on a `tol`
        outside of [0, 1).

    Notes
    -----
    **Accuracy**: the columns are orthonormal to 10 m u. The space is that of a matrix within
    ||A||_2 max(m, n) u of `a`; it differs from the exact one by an angle up to max(m, n) u times
    sigma_1/(sigma_rank - sigma_rank+1) (Wedin). Multiplying `a` by a power of two changes nothing
    but the singular values, from 1e-300 to 1e300. Half precision is computed in float32.

    **Cost**: one thin SVD. The choice between SVD and QR is made for the rank: a QR factorisation
    without pivoting returns arbitrary directions for dependent columns.

    **Derivatives** are those of the library's SVD, of no use at repeated singular values. For a
    matrix of full column rank ``orthola.polar(a).unitary`` is a basis of the same space with
    derivatives that are finite there.

    References
    ----------
    P.-A. Wedin, doi:10.1007/BF01932678 (perturbation of singular subspaces).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.array([[3.0, 6.0], [4.0, 8.0], [0.0, 0.0]])
    >>> basis, rank, sigma, status = orthola.orthonormal_basis(a)
    >>> basis.shape, int(rank), orthola.Status(int(status)).name
    ((3, 2), 1, 'RANK_DEFICIENT')
    >>> np.round(basis @ basis.T, 12) + 0.0
    array([[0.36, 0.48, 0.  ],
           [0.48, 0.64, 0.  ],
           [0.  , 0.  , 0.  ]])
    """
    given, (x,) = resolve("orthonormal_basis", a)
    checks.is_matrix("orthonormal_basis", x)
    tol = relative_tolerance("orthonormal_basis", tol)
    work = checks.compute_space("orthonormal_basis", given, None)
    xp = work.xp
    found = span(work, x if work is given else xp.astype(x, work.dtype), tol)
    finite = found.status != int(Status.NONFINITE)
    basis, sigma = (rounded(work, given, y, finite) for y in (found.basis, found.sigma))
    return OrthonormalBasis(
        basis, xp.sum(xp.astype(found.live, xp.int32), axis=-1, dtype=xp.int32), sigma, found.status
    )


def relative_tolerance(function: str, tol: float | None) -> float | None:
    """The option `tol` checked: None or in [0, 1)."""
    if tol is None or tol == 0:
        return tol
    tol = checks.real_in(function, "tol", tol, 0.0, 1.0)
    if tol == 1.0:
        raise ValueError(f"{function}: expected tol < 1, got 1.0; it is relative")
    return tol


def rounded(work: Space, given: Space, y: Any, finite: Any) -> Any:
    """In the precision of the input; NaN in the items that were not finite."""
    xp = work.xp
    usable = xp.reshape(finite, (*finite.shape, *(1,) * (y.ndim - finite.ndim)))
    y = xp.where(usable, y, xp.full_like(y, float("nan")))
    if work is given:
        return y
    return xp.astype(
        y, given.dtype if work.xp.isdtype(y.dtype, "complex floating") else given.real_dtype
    )
