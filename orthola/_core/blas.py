"""BLAS and LAPACK of one dtype through SciPy, and the calls of it that several rooms make.

NumPy brings BLAS threads of its own, which wait by spinning: beside those of SciPy they cost far
more than a small product. So a calculation that calls SciPy's LAPACK takes its products from here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Routines",
    "determinant",
    "lean_svd",
    "lower_cholesky",
    "matrix_product",
    "routines",
    "solve_lower_adjoint",
    "solve_regular",
    "square_sum",
]


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


def matrix_product(x: Any, y: Any, *, adjoint: bool = False) -> Any:
    """X Y or X^H Y of one dtype, none of them empty, without copies of contiguous matrices."""
    fn = routines(x.dtype)
    if adjoint and x is y:
        return _gram(x, fn)
    # For BLAS a C-ordered matrix is its transpose: (X Y)^T = Y^T X^T, (X^H Y)^T = Y^T (X^T)^H.
    if x.flags.c_contiguous and y.flags.c_contiguous:
        return fn.gemm(1.0, y.T, x.T, 0.0, None, 0, 2 if adjoint else 0).T
    x_columns, y_columns = x.flags.f_contiguous, y.flags.f_contiguous
    if adjoint and fn.complex and x_columns:
        b, trans = (y, 0) if y_columns else (y.T, 1)
        return fn.gemm(1.0, x, b, trans_a=2, trans_b=trans)
    a, trans_a = (y, 1) if y_columns else (y.T, 0)
    b, trans_b = (x, 0 if adjoint else 1) if x_columns else (x.T, 2 if adjoint else 0)
    return fn.gemm(1.0, a, b, trans_a=trans_a, trans_b=trans_b).T


def square_sum(x: Any) -> float:
    """||X||_F^2."""
    flat = x.ravel(order="K")
    return float(routines(x.dtype).dot(flat, flat).real)


def solve_regular(x: Any, y: Any) -> Any:
    """X^-1 Y for regular X; infinities or NaN, not an error, if X is singular."""
    fn = routines(x.dtype)
    factor, pivots, _ = fn.getrf(x)
    return fn.getrs(factor, pivots, y)[0]


def determinant(x: Any) -> Any:
    """Of a square matrix; not scaled against overflow."""
    factor, pivots, _ = routines(x.dtype).getrf(x)
    swaps = sum(row != pivot for row, pivot in enumerate(pivots.tolist()))
    product = np.multiply.reduce(factor.diagonal())
    return -product if swaps % 2 else product


def _gram(x: Any, fn: Routines) -> Any:
    """X^H X for half the work of a product."""
    if x.flags.f_contiguous:
        upper = fn.rank_k(1.0, x, trans=2 if fn.complex else 1)
    else:
        upper = fn.rank_k(1.0, x.T)  # its conjugate
        upper = upper.conj() if fn.complex else upper
    g = upper + upper.conj().T  # zeros below: only the diagonal is wrong
    np.fill_diagonal(g, upper.diagonal())
    return g


def lower_cholesky(g: Any) -> Any | None:
    """Lower Cholesky factor in place, or None if `g` is not positive definite."""
    factor, info = routines(g.dtype).potrf(g, lower=1, clean=0, overwrite_a=1)
    return None if info else factor


def solve_lower_adjoint(factor: Any, x: Any) -> Any:
    """X L^-H in place, L lower triangular: the orthonormalisation of CholeskyQR."""
    fn = routines(x.dtype)
    trans = 2 if fn.complex else 1
    return fn.trsm(1.0, factor, x, side=1, lower=1, trans_a=trans, overwrite_b=1)
