"""`householder_projector`: matrices with k singular values one and the others zero."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.errors import Status
from .._core.linalg import adjoint, wide
from .._core.space import Space, in_full_precision, is_compiling, resolve
from .householder import householder_product
from .vectors import householder_vectors

__all__ = ["ProjectorVectors", "householder_projector", "householder_projector_vectors"]


class ProjectorVectors(NamedTuple):
    """What `householder_projector_vectors` returns: the arguments of `householder_projector`."""

    u: Any  # (..., m, k), unit lower trapezoidal
    v: Any  # (..., n, k), the same
    d: Any  # (..., k): 1 and -1, or phases if complex
    status: Any  # integer per item, see orthola.Status


def householder_projector(u: Any, v: Any, d: Any = None, /, *, packed: bool = False) -> Any:
    r"""Partial isometry of rank k from two sets of k Householder reflectors.

    A = Q_u diag(d) Q_v^H, with Q_u and Q_v the first k columns of the products of the reflectors
    in `u` and in `v`. For \|d_j\| = 1, k singular values are one and the others zero: A A^H and
    A^H A are orthogonal projectors.

    Parameters
    ----------
    u : array (..., m, k)
        Reflectors on the left, one per column, k <= m, as in `householder_product` without `tau`.
    v : array (..., n, k)
        Reflectors on the right, k <= n.
    d : array (..., k), optional
        Signs or phases; default ones. With them every partial isometry of rank k is reached.
    packed : bool, optional
        Read only what is strictly below the diagonals of `u` and `v`, with ones on them.

    Returns
    -------
    array (..., m, n)
        Of the library, device and dtype of the input.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array and on shapes that do not fit.

    Notes
    -----
    **Cost**: O((m + n) k^2 + m n k) operations; nothing is m x m or n x n. To apply A without
    forming it, multiply by Q_v^H, d and Q_u in turn. Half precision is computed in float32 and
    rounded once. **Accuracy** and **derivatives** as for `householder_product`.

    A published form multiplies the square products of reflectors with the second one not
    adjointed: the same map with the columns of `v` in reverse order.

    References
    ----------
    Y. Song, J. Zhang, N. Sebe, W. Wang, arXiv:2307.08012 (Householder Projector).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> u, v = np.array([[1.0], [1.0], [0.0]]), np.array([[1.0], [-1.0]])
    >>> a = orthola.householder_projector(u, v)
    >>> np.allclose(a @ a.T @ a, a), int(np.linalg.matrix_rank(a))
    (True, 1)
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.householder_projector(u, v, d, packed=packed)
    return projector_of(u, v, d, packed=packed)


@np.errstate(all="ignore")
@in_full_precision
def projector_of(u: Any, v: Any, d: Any, *, packed: bool) -> Any:
    """The calculation behind `householder_projector`."""
    name = "householder_projector"
    given, arrays = resolve(name, *((u, v) if d is None else (u, v, d)))
    u, v, *factors = arrays
    for label, x in (("u", u), ("v", v)):
        checks.is_matrix(name, x, name=label)
    k = u.shape[-1]
    if v.shape[-1] != k:
        raise ValueError(
            f"{name}: expected as many reflectors in v as in u, got {checks.describe(v)} and "
            f"{checks.describe(u)}"
        )
    if factors and (factors[0].ndim < 1 or factors[0].shape[-1] != k):
        raise ValueError(
            f"{name}: expected d of shape (..., {k}), one entry per reflector, got "
            f"{checks.describe(factors[0])}"
        )
    batches = {"u": u.shape[:-2], "v": v.shape[:-2]}
    checks.common_batch(name, **batches, **({"d": factors[0].shape[:-1]} if factors else {}))
    work = checks.compute_space(name, given, None)
    if work is not given:
        u, v, *factors = (work.xp.astype(x, work.dtype) for x in (u, v, *factors))
    left, right = (householder_product(x, packed=packed) for x in (u, v))
    if factors:
        left = left * factors[0][..., None, :]
    a = left @ adjoint(work.xp, right)
    return a if work is given else work.xp.astype(a, given.dtype)


@np.errstate(all="ignore")
def householder_projector_vectors(weight: Any, /, *, rank: int) -> ProjectorVectors:
    r"""Reflectors of the partial isometry of rank k nearest to a weight.

    Parameters
    ----------
    weight : array (..., m, n)
        Real or complex. Never written to.
    rank : int
        k, from 1 to min(m, n).

    Returns
    -------
    ProjectorVectors
        ``householder_projector(u, v, d)`` is U_k V_k^H, with the first k left and right singular
        vectors of `weight`. ``status``: ``OK``; ``RANK_DEFICIENT`` where the k-th singular value
        is zero to rounding, so that U_k and V_k are not unique; ``NONFINITE`` where NaN or
        infinities came in: the item is NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array and on ranks out of range.

    Notes
    -----
    The reflectors of U_k and V_k come from `householder_vectors`. Copying the packed result of a
    QR factorisation, diagonal of R included, and normalising columns gives another matrix.
    **Accuracy**: that of the singular vectors. **Cost**: one singular value decomposition. No
    derivatives.

    References
    ----------
    Y. Song, J. Zhang, N. Sebe, W. Wang, arXiv:2307.08012 (Householder Projector).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> u, v, d, _ = orthola.householder_projector_vectors(np.diag([3.0, 2.0, 1.0]), rank=2)
    >>> np.allclose(orthola.householder_projector(u, v, d), np.diag([1.0, 1.0, 0.0]))
    True
    """
    name = "householder_projector_vectors"
    given, (x,) = resolve(name, weight)
    checks.is_matrix(name, x, name="weight")
    rank = checks.count(name, "rank", rank)
    if rank > min(x.shape[-2:]):
        raise ValueError(f"{name}: expected rank <= {min(x.shape[-2:])}, got {rank}")
    work = checks.compute_space(name, given, None)
    xp = work.xp
    x = x if work is given else xp.astype(x, work.dtype)
    finite = xp.all(xp.isfinite(x), axis=(-2, -1))
    x = xp.where(wide(finite), x, xp.zeros_like(x))  # NaN must not reach LAPACK
    left, sigma, right = xp.linalg.svd(x, full_matrices=False)
    of_u = householder_vectors(left[..., :, :rank])
    of_v = householder_vectors(adjoint(xp, right[..., :rank, :]))
    turned = xp.conj(of_v.signs) if work.is_complex else of_v.signs
    small = sigma[..., rank - 1] <= max(x.shape[-2:]) * work.eps * sigma[..., 0]
    code = xp.astype(small, xp.int32) * int(Status.RANK_DEFICIENT)
    status = xp.where(finite, code, xp.full_like(code, int(Status.NONFINITE)))
    found = (of_u.vectors, of_v.vectors, of_u.signs * turned)
    u, v, d = (_rounded(work, given, y, finite) for y in found)
    return ProjectorVectors(u, v, d, status)


def _rounded(work: Space, given: Space, y: Any, finite: Any) -> Any:
    """In the dtype of the input; NaN in the items that were not finite."""
    xp = work.xp
    for _ in range(y.ndim - finite.ndim):
        finite = finite[..., None]
    y = xp.where(finite, y, xp.full_like(y, float("nan")))
    return y if work is given else xp.astype(y, given.dtype)
