"""`project`: onto a subspace given by an orthonormal basis, or onto what is orthogonal to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import checks
from .._core.linalg import adjoint
from .._core.space import in_full_precision, resolve

__all__ = ["project"]


@np.errstate(all="ignore")
@in_full_precision
def project(x: Any, basis: Any, /, *, complement: bool = False) -> Any:
    r"""Orthogonal projection of columns onto a subspace, or onto its orthogonal complement.

    Parameters
    ----------
    x : array (..., m, n)
        What to project, column by column; real or complex. Never written to.
    basis : array (..., m, k)
        Orthonormal columns, zero columns among them do no harm: ``basis`` of
        `orthonormal_basis`, ``unitary`` of `polar`, a result of `haar`. Batch axes broadcast.
    complement : bool, optional
        Return x minus its projection, formed in two passes.

    Returns
    -------
    array (..., m, n)
        ``basis @ (basis^H @ x)``, or x minus that, in the library, device and dtype of the input.
        NaN and infinities show through in their own columns only.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on fewer than two axes, and on numbers of
        rows that differ.

    Notes
    -----
    **Accuracy**, for a basis orthonormal to rounding: the projection has an error of
    10 m u ||x|| per column, u the machine epsilon. The complement is orthogonal to the basis to
    10 m u times *its own* norm, however short it is next to x; one pass alone leaves m u ||x||, all
    of the result where x lies in the subspace up to rounding. Two passes are enough. What is left
    then is below m u ||x||, and is rounding, not signal.

    **Cost**: 4 m n k multiplications and additions, twice that for the complement; nothing is
    m x m. Half precision is computed in float32 and rounded once.

    **Derivatives** with respect to both arguments are exact on every library that has them: these
    are products of matrices.

    References
    ----------
    L. Giraud, J. Langou, M. Rozloznik, doi:10.1016/j.camwa.2005.08.009 (twice is enough).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> basis = np.array([[0.6], [0.8]])
    >>> orthola.project(np.array([[1.0], [0.0]]), basis)
    array([[0.36],
           [0.48]])
    >>> orthola.project(np.array([[1.0], [0.0]]), basis, complement=True)
    array([[ 0.64],
           [-0.48]])
    """
    given, (x, basis) = resolve("project", x, basis)
    checks.is_matrix("project", x, name="x")
    checks.is_matrix("project", basis, name="basis")
    if x.shape[-2] != basis.shape[-2]:
        raise ValueError(
            "project: expected x of shape (..., m, n) and a basis of shape (..., m, k) with one m, "
            f"got {checks.describe(x)} and {checks.describe(basis)}; both are columns"
        )
    work = checks.compute_space("project", given, None)
    if work is not given:
        x, basis = work.xp.astype(x, work.dtype), work.xp.astype(basis, work.dtype)
    back = adjoint(work.xp, basis)
    if complement:
        y = x - basis @ (back @ x)
        y = y - basis @ (back @ y)
    else:
        y = basis @ (back @ x)
    return y if work is given else work.xp.astype(y, given.dtype)
