"""Appending columns to an orthonormal basis, in place for NumPy: products of level 3 throughout.

What lies in the basis is split off, the rest is orthonormalised by Cholesky QR, cleaned once more
against the basis after that, and only a small core goes through an SVD. M. Brand,
doi:10.1016/j.laa.2005.07.021. A residual of deficient rank has no orthonormal basis that this could
find; then nothing is returned, and Householder QR of everything has to do it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.blas import Routines, lean_svd, lower_cholesky, solve_lower_adjoint
from .stack import orthonormal

__all__ = ["appended"]

_INDEPENDENT = 1e-4  # pivots of the first Cholesky factor, relative to the columns of A - U U^H A
_OUTSIDE = 1e4  # times the precision: columns of A - U U^H A relative to those of A


def appended(
    fn: Routines, u: Any, sigma: Any, a: Any, wide: np.dtype[Any], eps: float
) -> tuple[Any, Callable[[int, int], Any]] | None:
    """Singular values of [U S, A] and a function for left singular vectors i ... j - 1.

    `u` (d, r) is orthonormal; `a` (d, b) is overwritten, Fortran-ordered. None if the part of A
    outside of U has linearly dependent columns; then A is as it was, to rounding.
    """
    r, b = u.shape[1], a.shape[1]
    if r + b > u.shape[0]:
        return None
    flag = 2 if fn.complex else 1
    norms = np.linalg.norm(a, axis=0)
    y = np.zeros((r, b), a.dtype, order="F")
    if r:
        y = fn.gemm(1.0, u, a, trans_a=flag)
        a = fn.gemm(-1.0, u, y, beta=1.0, c=a, overwrite_c=1)
    gram = fn.rank_k(1.0, a, trans=flag, lower=1)
    outside = np.sqrt(np.abs(np.einsum("ii->i", gram)))
    first = None
    if np.all(outside > _OUTSIDE * eps * norms):
        first = lower_cholesky(gram)
    if first is None or not np.all(np.abs(np.einsum("ii->i", first)) > _limit(eps) * outside):
        if r:
            fn.gemm(1.0, u, y, beta=1.0, c=a, overwrite_c=1)
        return None
    x = solve_lower_adjoint(first, a)
    if r:
        # Again, and after the columns are orthonormal: then what is left in U is of order u.
        w = fn.gemm(1.0, u, x, trans_a=flag)
        x = fn.gemm(-1.0, u, w, beta=1.0, c=x, overwrite_c=1)
        y += fn.trmm(1.0, first, w, side=1, lower=1, trans_a=flag)
    second = lower_cholesky(fn.rank_k(1.0, x, trans=flag, lower=1))
    if second is None:  # pragma: no cover - the pivots above exclude it
        raise FloatingPointError("Cholesky QR broke down on independent columns")
    x = solve_lower_adjoint(second, x)
    lower = fn.trmm(1.0, first, np.tril(second), side=0, lower=1)
    core = np.zeros((r + b, r + b), wide, order="F")
    np.einsum("ii->i", core)[:r] = sigma
    core[:r, r:] = y
    core[r:, r:] = np.triu(lower.conj().T)
    found = lean_svd(core)
    if found is None:  # pragma: no cover - LAPACK failed
        raise FloatingPointError("the SVD of the core did not converge")
    p, s, _ = found

    def rotate(i: int, j: int) -> Any:
        small = np.asfortranarray(orthonormal(np, p[:, i:j]), dtype=a.dtype)
        out = fn.gemm(1.0, x, small[r:])
        return fn.gemm(1.0, u, small[:r], beta=1.0, c=out, overwrite_c=1) if r else out

    return s, rotate


def _limit(eps: float) -> float:
    """Where the first pass is orthonormal enough for the second one to finish."""
    return max(_INDEPENDENT, 10.0 * math.sqrt(eps))
