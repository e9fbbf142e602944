"""`principal_angles`: how two subspaces lie to each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.errors import Status
from .._core.space import in_full_precision, resolve
from .basis import relative_tolerance, rounded
from .cosines import angles_between
from .span import span

__all__ = ["PrincipalAngles", "principal_angles"]


class PrincipalAngles(NamedTuple):
    """What `principal_angles` returns."""

    angles: Any  # (..., k) in radians, ascending, from 0 to pi/2; k = min(m, p, q)
    vectors_a: Any  # (..., m, k) orthonormal principal vectors in the first space
    vectors_b: Any  # (..., m, k) in the second; Re<column, column> is the cosine of the angle
    status: Any  # integer per item, see orthola.Status


@np.errstate(all="ignore")
@in_full_precision
def principal_angles(a: Any, b: Any, /, *, tol: float | None = None) -> PrincipalAngles:
    r"""Principal angles and vectors between the spaces that the columns of two matrices span.

    Small angles and angles near pi/2 are both accurate to rounding: sines give the former, cosines
    the latter.

    Parameters
    ----------
    a : array (..., m, p)
        Columns that span the first space; they need not be orthonormal. Never written to.
    b : array (..., m, q)
        Columns that span the second one. Batch axes broadcast.
    tol : float, optional
        As in `orthonormal_basis`: which directions of `a` and `b` count.

    Returns
    -------
    PrincipalAngles
        ``angles`` (..., k), k = min(m, p, q), ascending, in radians. ``vectors_a`` and
        ``vectors_b`` (..., m, k): orthonormal columns in the first and the second space with
        ``vectors_a^H @ vectors_b = diag(cos(angles))``. ``status``: ``OK``; ``RANK_DEFICIENT``
        where the columns of `a` or `b` depend on each other: angles of directions that are not
        there are pi/2, and vectors that belong to pi/2 are shorter than one; ``NONFINITE``: NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on fewer than two axes, on numbers of rows
        that differ, and on a `tol` outside of [0, 1).

    Notes
    -----
    **Accuracy**: for orthonormal columns each angle is right to 20 m u, small or large, u the
    machine epsilon; angles from cosines alone are off by sqrt(u) near 0. For other columns the
    conditions sigma_1/sigma_rank of `a` and `b` come in as factors: the spaces are known no better.
    Multiplying the input by numbers changes nothing, from 1e-300 to 1e300. Half precision is
    computed in float32.

    **Distances** between subspaces of one dimension k, from theta = angles: geodesic
    ``norm(theta)``, chordal ``norm(sin(theta))`` (the Frobenius norm of the difference of the
    projectors, over sqrt(2)), gap ``sin(theta[-1])`` (the spectral norm of that difference),
    Procrustes ``2 norm(sin(theta/2))``, Fubini-Study ``arccos(prod(cos(theta)))``, Asimov
    ``theta[-1]``.

    **Cost**: two SVDs m x p and m x q for the bases, one of order p x q and one m x k, and
    8 m p q multiplications.

    **Derivatives** are those of the library's SVD and defined where angles are simple and not 0,
    and the singular values of `a` and `b` are distinct.

    References
    ----------
    A. V. Knyazev, M. E. Argentati, doi:10.1137/S1064827500377332. A. Bjorck, G. H. Golub,
    doi:10.1090/S0025-5718-1973-0348991-3. A. Edelman, T. A. Arias, S. T. Smith,
    doi:10.1137/S0895479895290954 (distances).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.eye(4)[:, :2]
    >>> b = np.array([[1.0, 0.0], [0.0, 0.0], [1e-10, 0.0], [0.0, 1.0]])
    >>> found = orthola.principal_angles(a, b)
    >>> bool(abs(found.angles[0] - 1e-10) < 1e-24), round(float(found.angles[1]), 12)
    (True, 1.570796326795)

    `scipy.linalg.subspace_angles` returns the same angles, in descending order.
    """
    name = "principal_angles"
    given, (x, y) = resolve(name, a, b)
    checks.is_matrix(name, x)
    checks.is_matrix(name, y, name="b")
    if x.shape[-2] != y.shape[-2]:
        raise ValueError(
            f"{name}: expected columns of one length, a of shape (..., m, p) and b of shape "
            f"(..., m, q), got {checks.describe(x)} and {checks.describe(y)}"
        )
    tol = relative_tolerance(name, tol)
    work = checks.compute_space(name, given, None)
    xp = work.xp
    if work is not given:
        x, y = xp.astype(x, work.dtype), xp.astype(y, work.dtype)
    first, second = span(work, x, tol), span(work, y, tol)
    swapped = first.basis.shape[-1] < second.basis.shape[-1]
    large, few = (second, first) if swapped else (first, second)
    status = xp.maximum(*xp.broadcast_arrays(large.status, few.status))
    if 0 in large.basis.shape or 0 in few.basis.shape:
        batch, m, k = tuple(status.shape), x.shape[-2], few.basis.shape[-1]
        angles = xp.zeros((*batch, k), dtype=work.real_dtype, device=work.device)
        of_large = of_few = xp.zeros((*batch, m, k), dtype=work.dtype, device=work.device)
    else:
        angles, of_large, of_few = angles_between(work, large.basis, few.basis)
    finite = status != int(Status.NONFINITE)
    angles, of_large, of_few = (
        rounded(work, given, found, finite) for found in (angles, of_large, of_few)
    )
    left, right = (of_few, of_large) if swapped else (of_large, of_few)
    return PrincipalAngles(angles, left, right, status)
