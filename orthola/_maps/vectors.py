"""`householder_vectors`: the reflectors of a matrix with orthonormal columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import autodiff, checks
from .._core.autodiff import Rule
from .._core.dispatch import find_kernel, load
from .._core.options import current
from .._core.shared_memory import as_numpy, as_tensor
from .._core.space import Space, is_compiling, resolve
from .orthonormality import nan_where_nonfinite, status_of_frame, tolerance
from .signed_lu import signed_lu
from .vector_derivatives import vectors_pullback, vectors_tangent

__all__ = ["HouseholderVectors", "householder_vectors"]


class HouseholderVectors(NamedTuple):
    """What `householder_vectors` returns."""

    vectors: Any  # v_1 ... v_k, (..., m, k), unit lower trapezoidal
    tau: Any  # 2/||v_j||^2, (..., k), real
    signs: Any  # (..., k): 1 and -1, or phases if complex, of the dtype of the vectors
    status: Any  # integer per item, see orthola.Status


def householder_vectors(q: Any, /) -> HouseholderVectors:
    r"""Reflectors of a matrix with orthonormal columns: the inverse of `householder_product`.

    Q D^H = H_1 H_2 ... H_k E, with H_j = I - tau_j v_j v_j^H and D = diag(signs), so that
    ``householder_product(vectors, tau) * signs[..., None, :]`` is Q again. Every Q is reached,
    whatever its determinant.

    Parameters
    ----------
    q : array (..., m, n)
        Orthonormal columns, real or complex, m >= n; the output of `orthola.polar`, of
        CholeskyQR or of `orthola.haar`, for example. Integers are computed in the library's
        default float. Never written to.

    Returns
    -------
    HouseholderVectors
        ``vectors`` (..., m, n): unit lower trapezoidal, no entry larger than 1. ``tau`` (..., n):
        2/||v_j||^2, between 1 and 2, real also for complex `q`. ``signs`` (..., n): the phases
        that real tau leave. ``status``: an integer per item: ``OK``; ``BOUND_VIOLATED`` where
        ||Q^H Q - I||_F > 50 m u: the columns are not orthonormal and the product does not give
        them back (take `orthola.polar` of them first); ``NONFINITE`` where NaN or infinities
        came in: the item is NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on fewer than two axes, and on more columns
        than rows.

    Notes
    -----
    The elimination Q - [D; 0] = V U without pivoting, in which every sign moves its pivot away
    from zero, to modulus ``1 + |p_j| = tau_j``. Nothing grows, since ``|V_ij| <= 1``.

    **Accuracy**: the round trip returns Q to 50 m u, u the unit roundoff (observed: below 5 m u);
    I, -I, and the reversed identity come back exactly. The product is orthonormal to rounding
    even where `q` was not, because tau is computed from the vectors. Half precision is computed
    in float32 and rounded once.

    **Cost**: m n^2 - n^3/3 multiply-adds, and m n^2 for the status, most of it in matrix products;
    a QR factorisation of the same matrix has no more information and takes longer.

    **Derivatives** are exact, first and second order, in PyTorch (reverse mode, `vmap`,
    `torch.compile`) and JAX (both modes): of all three results, for perturbations of `q` in any
    direction. There is none where the sign of a pivot jumps, p_j = 0: real input has a derivative
    at fixed signs there, complex input NaN or infinities.

    References
    ----------
    G. Ballard, J. Demmel, L. Grigori, M. Jacquelin, H. D. Nguyen, E. Solomonik,
    doi:10.1109/IPDPS.2014.120 (reflectors from an orthonormal matrix).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> q = np.array([[0.6, 0.8], [0.8, -0.6], [0.0, 0.0]])
    >>> vectors, tau, signs, status = orthola.householder_vectors(q)
    >>> vectors
    array([[ 1. ,  0. ],
           [ 0.5,  1. ],
           [ 0. , -0. ]])
    >>> product = orthola.householder_product(vectors, tau)
    >>> np.allclose(product * signs, q), orthola.Status(int(status)).name
    (True, 'OK')
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return HouseholderVectors(*_torch_graph.householder_vectors(q))
    return HouseholderVectors(*reflectors_of(q))


class Options(NamedTuple):
    """What the derivative rule is told besides the array."""

    tolerance: float  # of ||Q^H Q - I||_F


# What goes wrong in an item is told by its status, not by a warning.
@np.errstate(all="ignore")
def reflectors_of(q: Any) -> tuple[Any, Any, Any, Any]:
    """The calculation behind `householder_vectors`."""
    given, (x,) = resolve("householder_vectors", q)
    checks.is_matrix("householder_vectors", x, name="q")
    if x.shape[-2] < x.shape[-1]:
        raise ValueError(
            "householder_vectors: expected orthonormal columns, q of shape (..., m, n) with "
            f"m >= n, got {checks.describe(x)}; pass the adjoint"
        )
    work = checks.compute_space("householder_vectors", given, None)
    static = Options(tolerance(given, x))
    if work is given:
        v, tau, signs, status = autodiff.apply(VECTORS, work, static, x)
        return v, tau, signs, status
    xp = work.xp
    v, tau, signs, status = autodiff.apply(VECTORS, work, static, xp.astype(x, work.dtype))
    v, tau, signs = (xp.astype(out, given.dtype) for out in (v, tau, signs))
    return v, tau, signs, status


def _primal(space: Space, static: Options, arrays: Any) -> tuple[Any, ...]:
    (q,) = arrays
    if space.name == "torch" and not space.on_gpu:
        host, (x,) = resolve("householder_vectors", as_numpy(q))
        return tuple(as_tensor(out) for out in _primal(host, static, (x,)))
    v, tau, signs = _reflectors(space, q)
    status = status_of_frame(space, q, static.tolerance)
    return *nan_where_nonfinite(space, status, v, tau, signs), status


def _reflectors(space: Space, q: Any) -> tuple[Any, Any, Any]:
    kernel = find_kernel("frame_vectors", space.name, space) if current().kernels else None
    if kernel is not None:
        return load(kernel.target)(q, threads=current().threads)  # type: ignore[no-any-return]
    xp, k = space.xp, q.shape[-1]
    lu, signs, _ = signed_lu(space, q)
    eye = xp.eye(k, dtype=q.dtype, device=space.device)
    v = xp.concat([xp.tril(lu[..., :k, :], k=-1) + eye, lu[..., k:, :]], axis=-2)
    size = xp.real(v) ** 2 + xp.imag(v) ** 2 if space.is_complex else v * v
    return v, 2.0 / xp.sum(size, axis=-2), signs


def _outline(space: Space, arrays: Any) -> tuple[Any, ...]:
    (q,), xp = arrays, space.xp
    shape, device = (*q.shape[:-2], q.shape[-1]), space.device
    tau = xp.empty(shape, dtype=space.real_dtype, device=device)
    signs = xp.empty(shape, dtype=q.dtype, device=device)
    return xp.empty_like(q), tau, signs, xp.empty(shape[:-1], dtype=xp.int32, device=device)


def _tangent(space: Space, static: Any, inputs: Any, outputs: Any, t: Any) -> tuple[Any, ...]:
    v, tau, signs, _ = outputs
    return vectors_tangent(space, inputs[0], v, tau, signs, t[0])


def _pullback(space: Space, static: Any, inputs: Any, outputs: Any, bars: Any) -> tuple[Any]:
    v, tau, signs, _ = outputs
    return (vectors_pullback(space, inputs[0], v, tau, signs, bars),)


VECTORS = Rule("householder_vectors", Options, _primal, _outline, _pullback, _tangent, smooth=3)
