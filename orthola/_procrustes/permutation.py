"""`permutation_procrustes`: the best order of the columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.linalg import adjoint
from .._core.space import resolve
from .pair import pair_of

__all__ = ["PermutationResult", "permutation_procrustes"]


class PermutationResult(NamedTuple):
    """What `permutation_procrustes` returns."""

    permutation: Any  # integer (..., n): b[:, j] ~ a[:, permutation[j]]
    residual: Any  # (...) Frobenius norm of a[:, permutation] - b
    status: Any  # integer (...), see orthola.Status


@np.errstate(all="ignore")
def permutation_procrustes(a: Any, b: Any, /, *, check_finite: bool = True) -> PermutationResult:
    r"""Order of the columns of one matrix that brings it nearest to another.

    Minimises ``norm(a[:, permutation] - b)`` over all permutations, exactly.

    Parameters
    ----------
    a, b : ndarray (..., m, n)
        Real or complex NumPy arrays: the solver runs on the host, and nothing is moved there
        unasked. Batch axes broadcast. Never written to.
    check_finite : bool, optional
        Raise on NaN or infinity. Otherwise such an item has the identity, residual NaN and status
        NONFINITE.

    Returns
    -------
    PermutationResult
        ``permutation``, integer (..., n); as a matrix ``np.eye(n)[:, permutation]``, which is to
        be multiplied from the right. ``residual`` (...), formed from the matrices. ``status``:
        ``OK``, ``NONFINITE``. Where several orders are equally good, one of them is returned.

    Raises
    ------
    TypeError, ValueError
        On arrays of other libraries, on shapes that do not match, and on NaN or infinity under
        `check_finite`.

    Notes
    -----
    ||A P - B||^2 = ||A||^2 + ||B||^2 - 2 Re tr(P^T A^H B) is an assignment problem, solved by
    `scipy.optimize.linear_sum_assignment`, item by item, exactly for the product as it was rounded.
    Cost: one product and n^3 at worst. No derivatives: an order is a constant. For rows,
    transpose both; for rows and columns at once see `scipy.optimize.quadratic_assignment`.

    References
    ----------
    D. F. Crouse, doi:10.1109/TAES.2016.140952 (the solver).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.random.default_rng(0).standard_normal((5, 4))
    >>> found = orthola.permutation_procrustes(a, a[:, [2, 0, 3, 1]])
    >>> found.permutation.tolist(), float(found.residual)
    ([2, 0, 3, 1], 0.0)
    """
    from scipy.optimize import linear_sum_assignment

    name = "permutation_procrustes"
    given, _ = resolve(name, a, b)
    if given.name != "numpy":
        raise TypeError(
            f"{name}: expected NumPy arrays, as the solver runs on the host, got arrays of "
            f"{given.name}; convert them"
        )
    pair = pair_of(name, a, b, like="shape", together=True, check_finite=check_finite)
    gain = (adjoint(pair.work.xp, pair.a) @ pair.b).real
    order = np.empty(gain.shape[:-1], np.int64)
    for item in np.ndindex(gain.shape[:-2]):
        # Columns of the cost are columns of B: row i goes to column j where P_ij = 1.
        order[item] = linear_sum_assignment(gain[item].T, maximize=True)[1]
    moved = np.take_along_axis(pair.a, order[..., None, :], axis=-1)
    return PermutationResult(order, pair.residual(moved - pair.b), pair.status())
