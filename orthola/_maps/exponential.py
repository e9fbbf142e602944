"""`skew_exp`: the exponential of skew-Hermitian matrices, unitary to rounding at any norm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core import checks
from .._core.linalg import adjoint
from .._core.space import Space, in_full_precision, is_compiling, resolve
from .exponential_derivatives import differentiable_exponential
from .skewness import raise_if_not_skew
from .squaring import plan_for

__all__ = ["checked_bound", "skew_exp"]


def skew_exp(a: Any, /, *, norm_bound: float | None = None, check_skew: bool = False) -> Any:
    r"""Orthogonal or unitary Q = exp(A), A the skew-Hermitian part of the input.

    Parameters
    ----------
    a : array (..., n, n)
        Square matrices, real or complex. The skew-Hermitian part (a - a^H)/2 is taken of whatever
        is given: a strictly lower triangle L stands for (L - L^H)/2. Integers are computed in the
        library's default float. Never written to.
    norm_bound : float, optional
        A promise that ||A||_2 is at most this. The amount of work is then fixed in advance: no
        value is looked at, which saves time for small matrices, the synchronisation on a GPU,
        and time and memory under ``jax.jit``. A broken promise costs accuracy: of the
        angles first, far beyond it of the orthogonality too.
    check_skew : bool, optional
        Raise where `a` is not skew-Hermitian up to rounding, and say how far it is from that.
        Abstract values (``jax.jit``, ``torch.compile``) are not looked at.

    Returns
    -------
    array (..., n, n)
        Of the library, dtype and device of `a`; real for real `a`, with determinant 1. An item
        with NaN or infinity is NaN and leaves the others alone.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on items that are not square, on a bound
        that is not a positive number, and with `check_skew` where `a` is not skew-Hermitian.

    See Also
    --------
    skew_exp_frame : k columns of Q at O(n k^2), for tall frames.
    cayley : a cheaper map from skew-Hermitian to unitary matrices.

    Notes
    -----
    **Method**: scaling and squaring of a diagonal Pade approximant, which is unitary at every
    degree and every stage. Squarings double what rounding leaves of a defect, so after the first
    few the iterate is brought back to the unitary matrices.

    **Accuracy**, u the unit roundoff (1.1e-16 or 6e-8): ||Q^H Q - I||_2 <= 10 (n + 1) u at any
    norm, observed up to ||A|| = 1e9; the error of Q is about n u max(1, ||A||_2), the conditioning
    of the problem. Angles beyond 1/u are noise; the result is unitary all the same.

    **Cost**: 3 to 6 products of n x n matrices, one solve, and one product per squaring, about
    log2 ||A||_2 - 2 of them (none up to norm 5.3, 3.9 in single precision). Without `norm_bound`
    the values decide, item by item for a stack. JAX then compiles a loop of 53 squarings
    (24 in single precision) that skips what is not needed; under ``jax.vmap`` it cannot skip, so
    pass stacks whole, or a bound.

    **Derivatives** are exact to every order, also at A = 0 and at repeated angles, in PyTorch
    (reverse mode, `torch.func.vmap`, `torch.compile`) and JAX (both modes). A gradient costs about
    three evaluations.

    Half precision is computed in float32 and rounded once.

    References
    ----------
    N. J. Higham, doi:10.1137/04061101X (scaling and squaring).
    I. Najfeld, T. F. Havel, doi:10.1006/aama.1995.1017 (derivatives).
    N. J. Higham, S. D. Relton, doi:10.1137/130945259 (derivatives of higher order).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> q = orthola.skew_exp(np.array([[0.0, -np.pi / 2], [np.pi / 2, 0.0]]))
    >>> np.allclose(q, [[0.0, -1.0], [1.0, 0.0]])
    True
    """
    if check_skew:
        raise_if_not_skew("skew_exp", a)
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.skew_exp(a, norm_bound=norm_bound)
    return exponential_of_skew_part(a, norm_bound=norm_bound)


# An item with NaN or infinity gives NaN, not a warning.
@np.errstate(all="ignore")
@in_full_precision
def exponential_of_skew_part(a: Any, *, norm_bound: float | None) -> Any:
    """The calculation behind `skew_exp`."""
    norm_bound = checked_bound("skew_exp", norm_bound)
    given, (x,) = resolve("skew_exp", a)
    checks.is_matrix("skew_exp", x)
    if x.shape[-2] != x.shape[-1]:
        raise ValueError(
            f"skew_exp: expected square matrices (..., n, n), got {checks.describe(x)}; for the "
            "columns of a tall frame use skew_exp_frame"
        )
    work = checks.compute_space("skew_exp", given, None)
    plan = plan_for(work, norm_bound, unitary=True)
    q = differentiable_exponential(work, plan, skew_part(work, x))
    return q if work is given else given.xp.astype(q, given.dtype)


def skew_part(work: Space, x: Any) -> Any:
    """(X - X^H)/2 in the space of the work, exactly skew-Hermitian."""
    xp = work.xp
    half = 0.5 * xp.astype(x, work.dtype, copy=False)
    return half - adjoint(xp, half)


def checked_bound(function: str, norm_bound: float | None) -> float | None:
    """`norm_bound` as a finite positive float, or None."""
    if norm_bound is None:
        return None
    return checks.real_in(function, "norm_bound", norm_bound, 0.0, math.ldexp(1.0, 1000))
