"""BLAS and LAPACK of one dtype through SciPy, and the calls of it that several rooms make."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Routines", "lean_svd", "lower_cholesky", "routines", "solve_lower_adjoint"]


class Routines(NamedTuple):
    """BLAS and LAPACK functions of one dtype; rank-k and symmetric ones in Hermitian form."""

    rank_k: Any
    symmetric: Any
    symmetric_vector: Any
    gemm: Any
    gemv: Any
    trsm: Any
    trmm: Any
    trmv: Any
    axpy: Any
    dot: Any
    potrf: Any
    potri: Any
    potrs: Any
    getrf: Any
    getri: Any
    getrs: Any
    trtri: Any
    gesdd: Any
    gesdd_lwork: Any
    complex: bool


@lru_cache(maxsize=8)
def routines(dtype: np.dtype[Any]) -> Routines:
    """Look the functions up once per dtype (SciPy is imported here, on first use)."""
    from scipy.linalg import get_blas_funcs, get_lapack_funcs

    is_complex = dtype.kind == "c"
    names = ("herk", "hemm", "hemv") if is_complex else ("syrk", "symm", "symv")
    blas = get_blas_funcs(
        (*names, "gemm", "gemv", "trsm", "trmm", "trmv", "axpy", "dotc" if is_complex else "dot"),
        dtype=dtype,
    )
    lapack = get_lapack_funcs(
        ("potrf", "potri", "potrs", "getrf", "getri", "getrs", "trtri", "gesdd", "gesdd_lwork"),
        dtype=dtype,
    )
    return Routines._make((*blas, *lapack, is_complex))


def lean_svd(a: Any) -> tuple[Any, Any, Any] | None:
    """Thin SVD by divide and conquer on a Fortran-ordered array that may be destroyed.

    Returns None where LAPACK reports that it did not converge.
    """
    fn = routines(a.dtype)
    m, n = a.shape
    work, _ = fn.gesdd_lwork(m, n, compute_uv=1, full_matrices=0)
    lwork = int(np.real(work))
    if a.dtype.char in "fF":  # a size above 2**24 comes back rounded down in single precision
        lwork = int(np.nextafter(np.float32(lwork), np.float32(np.inf)))
    u, s, vh, info = fn.gesdd(a, compute_uv=1, full_matrices=0, lwork=lwork, overwrite_a=1)
    return None if info else (u, s, vh)


def lower_cholesky(g: Any) -> Any | None:
    """Lower Cholesky factor in place, or None if `g` is not positive definite."""
    factor, info = routines(g.dtype).potrf(g, lower=1, clean=0, overwrite_a=1)
    return None if info else factor


def solve_lower_adjoint(factor: Any, x: Any) -> Any:
    """X L^-H in place, L lower triangular: the orthonormalisation of CholeskyQR."""
    fn = routines(x.dtype)
    trans = 2 if fn.complex else 1
    return fn.trsm(1.0, factor, x, side=1, lower=1, trans_a=trans, overwrite_b=1)
