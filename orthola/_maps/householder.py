"""`householder_product` and `householder_apply`: products of Householder reflectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import autodiff, checks
from .._core.dispatch import Explanation, explained_by
from .._core.space import Space, is_compiling, resolve
from .fast_path import facts_of, find
from .reflector_arguments import check_reflectors, widened, with_one_batch
from .reflector_rules import APPLY, PRODUCT, ApplyOptions, ProductOptions

__all__ = ["householder_apply", "householder_product"]

_SIDES = ("left", "right")


def _explain_product(v: Any, tau: Any = None, /, **options: Any) -> Explanation:
    given, work, arrays, static = _prepare_product(v, tau, **options)
    return _explanation("householder_product", given, work, arrays[0], static.columns)


def _explain_apply(v: Any, tau: Any, x: Any, /, **options: Any) -> Explanation:
    given, work, arrays, static, _ = _prepare_apply(v, tau, x, **options)
    columns = arrays[-1].shape[-2 if static.right else -1]
    return _explanation("householder_apply", given, work, arrays[0], columns)


def _explanation(function: str, given: Space, work: Space, v: Any, columns: int) -> Explanation:
    kernel = find(function, work, facts_of(work, v, columns))
    shape, k = tuple(v.shape), v.shape[-1]
    facts = [
        ("input", f"{k} reflectors, {given.name} {given.dtype_name} of shape {shape}"),
        ("computed in", work.dtype_name),
        ("method", "UT form" if kernel is None else kernel.reason),
        ("kernel", kernel.target if kernel else "none: Array-API text"),
    ]
    return Explanation(function, tuple(facts))


@explained_by(_explain_product)
def householder_product(
    v: Any, tau: Any = None, /, *, columns: int | None = None, packed: bool = False
) -> Any:
    r"""Product of Householder reflectors, for one matrix or a stack, of any array library.

    The first columns of Q = H_1 H_2 ... H_k, with H_j = I - tau_j v_j v_j^H.

    Parameters
    ----------
    v : array (..., m, k)
        Reflector j in column j, k <= m, real or complex. Never written to.
    tau : array (..., k), optional
        Factors, used as they are, unconjugated: with the `tau` of LAPACK's ``geqrf``, real or
        complex, the result is the Q of its QR factorisation. Q is unitary only if
        2 Re(tau_j) = \|tau_j\|^2 \|\|v_j\|\|^2. Default: tau_j = 2/\|\|v_j\|\|^2, so every H_j is
        Hermitian and unitary; where v_j = 0, tau_j = 0 and H_j = I.
    columns : int, optional
        How many columns of Q, 0 to m; default k. ``columns=m`` gives all of it.
    packed : bool, optional
        Read only what is strictly below the diagonal of `v` and take ones on the diagonal, zeros
        above: the storage of LAPACK, of `torch.geqrf` and `jax.lax.linalg.geqrf`. Otherwise `v`
        is used as it is.

    Returns
    -------
    array (..., m, columns)
        Of the library, device and dtype of the input.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, more reflectors than rows, a `tau` of
        another shape, or `columns` out of range.

    See Also
    --------
    householder_apply : multiply by Q without forming it.
    householder_vectors : the inverse map.

    Notes
    -----
    **Method**: Q = I - V M^-1 D V^H with M = I + D striu(V^H V) and D = diag(tau), in panels:
    matrix products and triangular solves. NumPy arrays and CPU tensors go to BLAS in place, stacks
    of small matrices to a Numba kernel that works in double precision; `orthola.explain` tells.

    **Accuracy**: \|\|Q^H Q - I\|\|_F <= 8 (m + 1) u, u the unit roundoff, observed up to order
    1024 with the default tau; half precision is computed in float32 and rounded once.

    **Scale**: with the default tau, multiplying columns of `v` by powers of two changes nothing, to
    the last bit while no entry leaves the normal range; columns of 1e-300 or 1e300 work. NaN and
    infinities stay in their item.

    **Cost**: about 2 k (2 m - k) columns operations for packed `v`, 4 m k columns otherwise.

    **Derivatives** are exact, of any order, in PyTorch (reverse mode, `torch.func.vmap`,
    `torch.compile`) and JAX (both modes, vmap, Hessians), with respect to `v` and `tau`. With the
    default tau there is none at a zero column; its gradient is given as zero.

    det(Q) = (-1)^r with r the number of non-zero columns, for the default tau.

    References
    ----------
    T. Joffrain, T. M. Low, E. S. Quintana-Orti, R. van de Geijn, F. G. Van Zee,
    doi:10.1145/1141885.1141886 (the UT form).
    R. Schreiber, C. Van Loan, doi:10.1137/0910005 (products of panels).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> v = np.array([[1.0, 0.0], [2.0, 1.0], [2.0, 1.0]])
    >>> q = orthola.householder_product(v)
    >>> np.allclose(q.T @ q, np.eye(2))
    True

    The result of LAPACK's QR factorisation:

    >>> from scipy.linalg import qr
    >>> a = np.array([[3.0, 1.0], [4.0, 2.0], [0.0, 5.0]])
    >>> (v, tau), r = qr(a, mode="raw")
    >>> np.allclose(orthola.householder_product(v, tau, packed=True) @ r, a)
    True
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.householder_product(v, tau, columns=columns, packed=packed)
    return product_of(v, tau, columns=columns, packed=packed)


@explained_by(_explain_apply)
def householder_apply(
    v: Any,
    tau: Any,
    x: Any,
    /,
    *,
    side: str = "left",
    adjoint: bool = False,
    packed: bool = False,
) -> Any:
    r"""Multiply by a product of Householder reflectors without forming it.

    Q X or X Q, or with the adjoint of Q, for Q = H_1 H_2 ... H_k of order m and
    H_j = I - tau_j v_j v_j^H.

    Parameters
    ----------
    v : array (..., m, k)
        Reflector j in column j, k <= m, real or complex. Never written to.
    tau : array (..., k) or None
        Factors, or None for 2/\|\|v_j\|\|^2, as in `householder_product`.
    x : array (..., m, p) or (..., p, m)
        What Q is multiplied with, on its left or its right. The batch shapes of `v` and `x`
        broadcast; one set of reflectors for a whole stack `x` is prepared once.
    side : {"left", "right"}, optional
        ``"left"``: Q X; ``"right"``: X Q.
    adjoint : bool, optional
        Use Q^H, which for unitary Q is its inverse.
    packed : bool, optional
        As in `householder_product`.

    Returns
    -------
    array of the shape of `x`
        Of the library, device and dtype of the input.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, more reflectors than rows, and shapes that
        do not fit.

    See Also
    --------
    householder_product : Q itself.

    Notes
    -----
    As for `householder_product`, derivatives too; the error is at most 8 (m + 1) u \|\|X\|\|_F as
    observed with the default tau. **Cost**: 4 m k p operations, half of it saved by packing if
    k = m, and memory for k p numbers besides the result; nothing is ever m x m.

    References
    ----------
    T. Joffrain, T. M. Low, E. S. Quintana-Orti, R. van de Geijn, F. G. Van Zee,
    doi:10.1145/1141885.1141886 (the UT form).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> v, x = np.array([[1.0], [1.0]]), np.array([[3.0], [4.0]])
    >>> orthola.householder_apply(v, None, x)
    array([[-4.],
           [-3.]])
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.householder_apply(v, tau, x, side=side, adjoint=adjoint, packed=packed)
    return applied(v, tau, x, side=side, adjoint=adjoint, packed=packed)


# NaN is an answer here, not a reason for warnings.
@np.errstate(all="ignore")
def product_of(v: Any, tau: Any, *, columns: int | None, packed: bool) -> Any:
    """The calculation behind `householder_product`, with every option given."""
    given, work, arrays, static = _prepare_product(v, tau, columns=columns, packed=packed)
    (q,) = autodiff.apply(PRODUCT, work, static, *arrays)
    return q if work is given else work.xp.astype(q, given.dtype)


def _prepare_product(
    v: Any, tau: Any = None, *, columns: int | None = None, packed: bool = False
) -> tuple[Space, Space, tuple[Any, ...], ProductOptions]:
    """Check everything static: (space of the input, space of the work, arrays, options)."""
    given, arrays = resolve("householder_product", *((v,) if tau is None else (v, tau)))
    m, k = check_reflectors("householder_product", *arrays)
    columns = (
        k if columns is None else checks.count("householder_product", "columns", columns, least=0)
    )
    if columns > m:
        raise ValueError(
            f"householder_product: expected columns <= {m}, the rows of v, got {columns}"
        )
    work, arrays = widened("householder_product", given, arrays)
    return given, work, arrays, ProductOptions(columns, bool(packed), tau is None)


@np.errstate(all="ignore")
def applied(v: Any, tau: Any, x: Any, *, side: str, adjoint: bool, packed: bool) -> Any:
    """The calculation behind `householder_apply`, with every option given."""
    given, work, arrays, static, restore = _prepare_apply(
        v, tau, x, side=side, adjoint=adjoint, packed=packed
    )
    (y,) = autodiff.apply(APPLY, work, static, *arrays)
    y = restore(y)
    return y if work is given else work.xp.astype(y, given.dtype)


def _prepare_apply(
    v: Any, tau: Any, x: Any, *, side: str = "left", adjoint: bool = False, packed: bool = False
) -> tuple[Space, Space, tuple[Any, ...], ApplyOptions, Any]:
    """As for the product; X comes with the batch of V, and there is a way back to its own."""
    name = "householder_apply"
    checks.one_of(name, "side", side, _SIDES)
    given, arrays = resolve(name, *((v, x) if tau is None else (v, tau, x)))
    m, _ = check_reflectors(name, *arrays[:-1])
    x = arrays[-1]
    checks.is_matrix(name, x, name="x")
    right = side == "right"
    if x.shape[-1 if right else -2] != m:
        wanted = f"(..., p, {m})" if right else f"(..., {m}, p)"
        raise ValueError(
            f"{name}: expected x of shape {wanted} for side={side!r} and v with {m} rows, got "
            f"{checks.describe(x)}"
        )
    work, arrays = widened(name, given, arrays)
    arrays, restore = with_one_batch(work.xp, arrays, right)
    # X Q = (Q^H X^H)^H
    return (
        given,
        work,
        arrays,
        ApplyOptions(adjoint != right, bool(packed), tau is None, right),
        restore,
    )
