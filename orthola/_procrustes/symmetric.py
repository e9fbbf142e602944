"""`symmetric_procrustes`: the best Hermitian matrix between two sets of rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.errors import Status
from .._core.linalg import adjoint
from .._core.scaling import scale_by_power_of_two
from .._core.space import in_full_precision
from .pair import pair_of
from .rows import decomposed_rows

__all__ = ["SymmetricResult", "symmetric_procrustes"]


class SymmetricResult(NamedTuple):
    """What `symmetric_procrustes` returns."""

    factor: Any  # (..., n, n), Hermitian
    residual: Any  # (...) Frobenius norm of a @ factor - b
    unique: Any  # bool (...)
    status: Any  # integer (...), see orthola.Status


@np.errstate(all="ignore")
@in_full_precision
def symmetric_procrustes(a: Any, b: Any, /, *, check_finite: bool = True) -> SymmetricResult:
    r"""Symmetric (Hermitian) matrix that carries one set of rows to another best.

    Minimises ``norm(a @ factor - b)`` over Hermitian matrices.

    Parameters
    ----------
    a, b : array (..., m, n)
        Real or complex, any m. Batch axes broadcast. Never written to.
    check_finite : bool, optional
        Raise on NaN or infinity. Otherwise such an item is NaN with status NONFINITE.

    Returns
    -------
    SymmetricResult
        ``factor`` (..., n, n); where it is not unique, the one of least norm. ``residual`` (...),
        formed from the matrices; ``unique`` (...), whether `a` has rank n; ``status``: ``OK``,
        ``RANK_DEFICIENT``, ``NONFINITE``.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on shapes that do not match, and on NaN or
        infinity under `check_finite`.

    Notes
    -----
    With A = U S V^H and F = U^H B V the factor is V Y V^H,
    Y_ij = (s_i F_ij + s_j conj(F_ji))/(s_i^2 + s_j^2): the normal equations without forming A^H A.
    The error is that of a least-squares problem, condition(A) n u for small residuals. Singular
    values up to max(m, n) u s_1 count as zero. Cost: one SVD of `a` and three products. Float32
    is calculated in float64 where the device has it. Derivatives are those of the formula, which
    has none where singular values of `a` coincide.

    References
    ----------
    N. J. Higham, doi:10.1007/BF01933218.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.random.default_rng(0).standard_normal((20, 2))
    >>> stiffness = np.array([[2.0, 1.0], [1.0, 3.0]])
    >>> np.allclose(orthola.symmetric_procrustes(a, a @ stiffness).factor, stiffness)
    True
    """
    pair = pair_of(
        "symmetric_procrustes", a, b, like="shape", together=False, check_finite=check_finite
    )
    work, a, b = pair.work, pair.a, pair.b
    xp = work.xp
    rows = decomposed_rows(work, a, b)
    s, kept = rows.singular, xp.abs(rows.singular) > rows.tolerance[..., None]
    f, s = rows.images @ rows.v, xp.where(kept, s, xp.zeros_like(s))
    squares = s[..., :, None] ** 2 + s[..., None, :] ** 2
    y = (s[..., :, None] * f + s[..., None, :] * adjoint(xp, f)) / xp.where(
        squares > 0, squares, xp.ones_like(squares)
    )
    factor = rows.v @ y @ adjoint(xp, rows.v)
    factor = 0.5 * (factor + adjoint(xp, factor))
    unique = xp.all(kept, axis=-1) & pair.finite
    return SymmetricResult(
        pair.rounded(scale_by_power_of_two(work, factor, pair.of_b - pair.of_a)),
        pair.residual(a @ factor - b),
        unique,
        pair.status((~unique, Status.RANK_DEFICIENT)),
    )
