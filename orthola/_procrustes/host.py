"""One pair of NumPy matrices: sums and decomposition by BLAS and LAPACK, without full copies."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .._core.blas import Routines, matrix_product, routines, square_sum
from .moments import Moments, Points

__all__ = ["decomposed", "plain_sums", "sums_by_pieces"]

_NUMBERS = 2**16  # numbers per piece of rows: two pieces stay in a cache of the second level


def plain_sums(a: Any, b: Any) -> tuple[float, float, Any]:
    """||A||_F^2, ||B||_F^2 and A^H B."""
    return square_sum(a), square_sum(b), matrix_product(a, b, adjoint=True)


def sums_by_pieces(points: Points, dtype: Any, translation: bool) -> tuple[Moments, Points]:
    """As `moments`, for matrices; the norms and the weight are Python floats."""
    a, b, w, *_ = points
    m, n = a.shape
    mean_a = mean_b = zero = np.zeros(n, dtype)
    weight = float(m) if w is None else float(np.add.reduce(w, dtype=np.float64))
    rows, dot = max(1, _NUMBERS // n), routines(dtype).dot
    if translation:
        mean_a, mean_b = (_mean(x, w, weight, dtype, rows) for x in (a, b))
        points = Points(a, b, w, mean_a, mean_b)
    squares_a = squares_b = 0.0
    cross, rest_a, rest_b = np.zeros((n, n), dtype), zero, zero
    for start in range(0, m, rows):
        x, y = (_centred(points, k, start, start + rows, dtype) for k in (0, 1))
        wx, wy = x, y
        if w is not None:
            column = w[start : start + rows, None].astype(dtype, copy=False)
            wx, wy = column * x, column * y
            squares_a += float(dot(x.ravel(), wx.ravel()).real)
            squares_b += float(dot(y.ravel(), wy.ravel()).real)
        else:
            squares_a, squares_b = squares_a + square_sum(x), squares_b + square_sum(y)
        cross += matrix_product(x, wy, adjoint=True)
        if translation:
            rest_a = rest_a + np.add.reduce(wx, 0)
            rest_b = rest_b + np.add.reduce(wy, 0)
    if not translation or not weight > 0:
        return Moments(weight, zero, zero, squares_a, squares_b, cross), points
    off_a, off_b = rest_a / weight, rest_b / weight
    cross -= np.outer(rest_a.conj(), off_b)
    squares_a -= weight * square_sum(off_a)
    squares_b -= weight * square_sum(off_b)
    mean_a, mean_b = mean_a + off_a, mean_b + off_b
    points = Points(a, b, w, mean_a, mean_b)
    return Moments(weight, mean_a, mean_b, squares_a, squares_b, cross), points


def _mean(x: Any, w: Any, weight: float, dtype: Any, rows: int) -> Any:
    if w is None:
        return np.add.reduce(x, 0, dtype=dtype) / weight
    total, gemv = np.zeros(x.shape[1], dtype), routines(dtype).gemv
    for start in range(0, len(x), rows):
        stop = start + rows
        piece = x[start:stop].astype(dtype, copy=False)
        total += gemv(1.0, piece.T, w[start:stop].astype(dtype, copy=False))
    return total / weight if weight > 0 else total


def _centred(points: Points, which: int, start: int, stop: int, dtype: Any) -> Any:
    given: Any = points[which]
    x, mean = given[start:stop], points[which + 3]
    return x.astype(dtype, copy=False) if mean is None else np.subtract(x, mean, dtype=dtype)


def decomposed(cross: Any, fn: Routines) -> tuple[Any, Any, Any] | None:
    """U, s, V^H of a square matrix in double precision; None where LAPACK did not converge."""
    # A C-ordered M is M^T = V* S U^T for LAPACK.
    given = cross.T if cross.flags.c_contiguous else cross
    u, s, vh, info = fn.gesdd(given, 1, 1, _work_size(fn.complex, len(cross)))
    if info:
        return None
    return (vh.T, s, u.T) if given is not cross else (u, s, vh)


@lru_cache(maxsize=256)
def _work_size(is_complex: bool, n: int) -> int:
    fn = routines(np.dtype(np.complex128 if is_complex else np.float64))
    work, _ = fn.gesdd_lwork(n, n, compute_uv=1, full_matrices=1)
    return int(np.real(work)) + 1
