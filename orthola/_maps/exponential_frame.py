"""`skew_exp_frame`: k columns of the exponential of a skew-Hermitian matrix of rank 2k."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import checks
from .._core.linalg import adjoint
from .._core.space import Space, is_compiling, resolve
from .exponential import checked_bound
from .exponential_columns import first_columns

__all__ = ["skew_exp_frame"]


def skew_exp_frame(x: Any, /, *, norm_bound: float | None = None) -> Any:
    r"""Orthonormal exp(X E^H - E X^H) E, E the first k columns of I, without an n x n matrix.

    Parameters
    ----------
    x : array (..., n, k), k <= n
        The free parameters of a frame, in the arrangement of `cayley_frame`: of the first k rows
        only the lower triangle is used, of its diagonal only the imaginary part. Never written
        to.
    norm_bound : float, optional
        A promise that ||A||_2 is at most this, A = X E^H - E X^H; at most
        sqrt(2) ||X||_F always. See `skew_exp`.

    Returns
    -------
    array (..., n, k)
        Frame with orthonormal columns, of the library, dtype and device of `x`; E for X = 0. An
        item with NaN or infinity is NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on k > n, on a bound that is not a
        positive number.

    Notes
    -----
    **Method**: A has rank 2k. With the thin QR factorisation of the rows below the first k, the
    exponential of a skew-Hermitian matrix of order 2k remains.

    **Accuracy** and treatment of half precision as for `skew_exp`, at any norm.

    **Cost**: a thin QR factorisation, 2 n k^2 multiply-adds, and `skew_exp` of order 2k.

    **Derivatives** are exact to every order, also at X = 0 and where columns of X depend on
    each other, in PyTorch and JAX as for `skew_exp`.

    References
    ----------
    A. Edelman, T. A. Arias, S. T. Smith, doi:10.1137/S0895479895290954 (geodesics, section 2.4).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> x = np.random.default_rng(0).standard_normal((1000, 3))
    >>> q = orthola.skew_exp_frame(x)
    >>> q.shape, np.allclose(q.T @ q, np.eye(3))
    ((1000, 3), True)
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.skew_exp_frame(x, norm_bound=norm_bound)
    return exponential_frame(x, norm_bound=norm_bound)


# An item with NaN or infinity gives NaN, not a warning.
@np.errstate(all="ignore")
def exponential_frame(x: Any, *, norm_bound: float | None) -> Any:
    """The calculation behind `skew_exp_frame`."""
    norm_bound = checked_bound("skew_exp_frame", norm_bound)
    given, (x,) = resolve("skew_exp_frame", x)
    checks.is_matrix("skew_exp_frame", x, name="x")
    n, k = x.shape[-2:]
    if k > n:
        raise ValueError(
            f"skew_exp_frame: expected x of shape (..., n, k) with k <= n, got "
            f"{checks.describe(x)}; a wide matrix is the transpose of a frame"
        )
    work = checks.compute_space("skew_exp_frame", given, None)
    x = parameters(work, x)
    top = x[..., :k, :]
    q = work.xp.concat(
        first_columns(work, top - adjoint(work.xp, top), x[..., k:, :], norm_bound), axis=-2
    )
    return q if work is given else given.xp.astype(q, given.dtype)


def parameters(work: Space, x: Any) -> Any:
    """The entries of X that count, zero elsewhere."""
    xp = work.xp
    x = xp.astype(x, work.dtype, copy=False)
    strict = xp.tril(x, k=-1)
    if not work.is_complex:
        return strict
    eye = xp.eye(*x.shape[-2:], dtype=x.dtype, device=work.device)
    return strict + eye * (0.5 * (x - xp.conj(x)))
