"""`two_sided_procrustes`: orthogonal maps on both sides, or one of them and its adjoint."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.errors import Status
from .._core.linalg import adjoint, sums_of_squares
from .._core.space import Space, in_full_precision
from .pair import pair_of

__all__ = ["TwoSidedResult", "two_sided_procrustes"]


class TwoSidedResult(NamedTuple):
    """What `two_sided_procrustes` returns."""

    left: Any  # (..., m, m)
    right: Any  # (..., n, n)
    residual: Any  # (...) Frobenius norm of left @ a @ right - b
    distinct: Any  # bool (...): nothing but signs is free
    status: Any  # integer (...), see orthola.Status


@np.errstate(all="ignore")
@in_full_precision
def two_sided_procrustes(
    a: Any, b: Any, /, *, symmetric: bool = False, check_finite: bool = True
) -> TwoSidedResult:
    r"""Orthogonal or unitary matrices P, Q on both sides that carry one matrix to another best.

    Minimises ``norm(left @ a @ right - b)``.

    Parameters
    ----------
    a, b : array (..., m, n)
        Real or complex. Of unequal shapes, both are filled up with zeros to the larger one. Batch
        axes broadcast. Never written to.
    symmetric : bool, optional
        For Hermitian `a` and `b`: ``left`` is the adjoint of ``right``. Their Hermitian parts
        are compared.
    check_finite : bool, optional
        Raise on NaN or infinity. Otherwise such an item is NaN with status NONFINITE.

    Returns
    -------
    TwoSidedResult
        ``left`` (..., m, m) and ``right`` (..., n, n); ``residual`` (...), formed from the
        matrices: in exact arithmetic the distance of the singular values (eigenvalues) of both;
        ``distinct`` (...), whether these have gaps in both matrices. **The answer is never
        unique**: the sign (phase) of each pair of singular vectors is free, and where values
        coincide more than that. ``status``: ``OK``; ``BOUND_VIOLATED`` (``symmetric=True`` and a
        matrix that is not Hermitian to rounding); ``NONFINITE``.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, matrices that are not square under
        ``symmetric=True``, and on NaN or infinity under `check_finite`.

    Notes
    -----
    P = U_B U_A^H and Q = V_A V_B^H from the singular value decompositions; P^H = Q = V_A V_B^H
    from the eigenvectors in ascending order. Accurate to n u relative to the norms, as P and Q
    are orthogonal. Cost: two SVDs with all vectors. For permutations on both sides see
    `scipy.optimize.quadratic_assignment`. Derivatives exist nowhere, as the signs are free.

    References
    ----------
    P. H. Schoenemann, On two-sided orthogonal Procrustes problems, Psychometrika 33 (1968), 19-33.
    J. C. Gower, G. B. Dijksterhuis, doi:10.1093/acprof:oso/9780198510581.001.0001.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.diag([3.0, 2.0, 1.0])
    >>> p, q = orthola.haar(3, shape=(2,), rng=0)
    >>> left, right, residual, distinct, status = orthola.two_sided_procrustes(a, p @ a @ q)
    >>> np.allclose(left @ a @ right, p @ a @ q), bool(distinct)
    (True, True)
    """
    name = "two_sided_procrustes"
    pair = pair_of(name, a, b, like="any", together=True, check_finite=check_finite)
    work, a, b = pair.work, pair.a, pair.b
    xp = work.xp
    m, n = (max(p, q) for p, q in zip(a.shape[-2:], b.shape[-2:], strict=True))
    a, b = _filled_up(work, a, m, n), _filled_up(work, b, m, n)
    crooked = xp.zeros_like(pair.finite)
    if symmetric:
        if m != n:
            raise ValueError(f"{name}: expected square matrices, got {tuple(a.shape)}")
        crooked = _not_hermitian(work, a) | _not_hermitian(work, b)
        a, b = 0.5 * (a + adjoint(xp, a)), 0.5 * (b + adjoint(xp, b))
        (s, u), (t, v) = xp.linalg.eigh(a), xp.linalg.eigh(b)
        right = u @ adjoint(xp, v)
        left = adjoint(xp, right)
    else:
        u, s, vh = xp.linalg.svd(a, full_matrices=True)
        x, t, yh = xp.linalg.svd(b, full_matrices=True)
        left, right = x @ adjoint(xp, u), adjoint(xp, vh) @ yh
    return TwoSidedResult(
        pair.rounded(left),
        pair.rounded(right),
        pair.residual(left @ a @ right - b),
        _apart(work, s, m, n) & _apart(work, t, m, n) & pair.finite,
        pair.status((crooked, Status.BOUND_VIOLATED)),
    )


def _filled_up(space: Space, x: Any, m: int, n: int) -> Any:
    xp, shape = space.xp, tuple(x.shape)
    below = xp.zeros((*shape[:-2], m - shape[-2], shape[-1]), dtype=x.dtype, device=space.device)
    beside = xp.zeros((*shape[:-2], m, n - shape[-1]), dtype=x.dtype, device=space.device)
    return xp.concat([xp.concat([x, below], axis=-2), beside], axis=-1)


def _not_hermitian(space: Space, x: Any) -> Any:
    xp = space.xp
    skew = sums_of_squares(xp, x - adjoint(xp, x))
    allowed = 4 * space.eps * x.shape[-1]
    return skew > allowed * allowed * sums_of_squares(xp, x)


def _apart(space: Space, values: Any, m: int, n: int) -> Any:
    """Whether neighbours differ by more than rounding, and zero occurs once at most."""
    xp = space.xp
    allowed = 0.5 * space.eps * max(m, n) * xp.max(xp.abs(values), axis=-1)[..., None]
    apart = xp.all(xp.abs(values[..., 1:] - values[..., :-1]) > allowed, axis=-1)
    if m != n:  # the vectors beyond the last value are free
        return apart & (abs(m - n) == 1) & (xp.abs(values[..., -1]) > allowed[..., 0])
    return apart
