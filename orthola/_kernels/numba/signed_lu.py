"""Signed LU of NumPy matrices: panels by a compiled loop, the rest by matrix products.

The elimination of `orthola._maps.signed_lu` in place: small matrices wholly inside one call of
the kernel, chunks of a stack in threads; larger ones by halves of their columns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.blas import routines
from ..._core.threads import over_chunks
from .jit import jit, jit_part

__all__ = ["signed_lu_stack"]

_BLOCK = 32  # columns eliminated by the compiled loop
_LONG = 32  # from so many rows below the diagonal block on, BLAS multiplies them by U^-1
_CHUNK_PRODUCTS = 2**17  # multiplications per chunk: about 0.1 ms


def signed_lu_stack(
    w: NDArray[Any], *, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Signed LU of every matrix of a stack.

    Parameters
    ----------
    w : (..., m, k) ndarray of float32, float64, complex64 or complex128
        With m >= k, of any layout. It is not written to.
    threads : int, optional
        Threads at most; default: the processors that the process may use.

    Returns
    -------
    lu : (..., m, k) ndarray
        L below the diagonal, U on and above it.
    signs : (..., k) ndarray
        -p_j/|p_j| for the pivots, -1 where they are zero.
    excess : (...) ndarray
        The largest |p_j| - 1 of each item.
    """
    # One kind of array only: every other one would be compiled anew.
    lu = np.array(w, w.dtype.newbyteorder("="), order="C")
    *batch, m, k = w.shape
    count = math.prod(batch)
    items = lu.reshape(count, m, k)
    signs = np.empty((count, k), lu.dtype)
    excess = np.full(count, -1.0, lu.real.dtype)

    def small(start: int, stop: int) -> None:
        eliminate_columns(items, signs, excess, start, stop, 0, k, m)

    def large(start: int, stop: int) -> None:
        for item in range(start, stop):
            _eliminate(items, signs, excess, item, 0, k)

    if count == 1:
        large(0, 1)
    elif k <= _BLOCK:
        chunk = max(1, _CHUNK_PRODUCTS // (m * k * k + 1))
        over_chunks(small, count, chunk, threads=threads)
    else:
        over_chunks(large, count, 1, threads=threads, blas=True)
    return lu, signs.reshape(*batch, k), excess.reshape(tuple(batch))


def _eliminate(a: Any, signs: Any, excess: Any, item: int, start: int, stop: int) -> None:
    """Columns `start` to `stop` by halves, so that nearly all work is in matrix products."""
    x = a[item]
    if stop - start <= _BLOCK:
        bottom = stop if len(x) - stop >= _LONG else len(x)
        eliminate_columns(a, signs, excess, item, item + 1, start, stop, bottom)
        if bottom < len(x):
            _divide(x[bottom:, start:stop], x[start:stop, start:stop])
        return
    half = start + _half(stop - start)
    _eliminate(a, signs, excess, item, start, half)
    _substitute(a, item, start, half, half, stop)
    x[half:, half:stop] -= x[half:, start:half] @ x[start:half, half:stop]
    _eliminate(a, signs, excess, item, half, stop)


def _divide(x: Any, u: Any) -> None:
    """X becomes X U^-1, through the inverse: the triangular solve takes five times as long.

    U is well conditioned, with 1 <= |u_jj| <= 2 for orthonormal columns. The rows of a C-ordered
    array are the columns of BLAS.
    """
    fn, rows = routines(x.dtype), np.ascontiguousarray(x)
    fn.trmm(1.0, fn.trtri(u.T, lower=1)[0], rows.T, lower=1, overwrite_b=1)
    if rows is not x:
        x[...] = rows


def _substitute(a: Any, item: int, start: int, stop: int, left: int, right: int) -> None:
    """Rows `start` to `stop` of columns `left` to `right` become L^-1 times what they are."""
    if stop - start <= _BLOCK:
        substitute_rows(a, item, start, stop, left, right)
        return
    half = start + _half(stop - start)
    x = a[item]
    _substitute(a, item, start, half, left, right)
    x[half:stop, left:right] -= x[half:stop, start:half] @ x[start:half, left:right]
    _substitute(a, item, half, stop, left, right)


def _half(n: int) -> int:
    """About half of n, a multiple of the block."""
    return _BLOCK * -(-n // (2 * _BLOCK))


@jit
def eliminate_columns(
    a: Any, signs: Any, excess: Any, first: int, last: int, start: int, stop: int, bottom: int
) -> None:
    """Columns `start` to `stop`, rows `start` to `bottom`, of items `first` to `last`."""
    reciprocals = np.empty(stop - start, a.dtype)
    for item in range(first, last):
        x = a[item]
        for j in range(start, stop):
            choose_sign(x[j, j], signs, item, j)
            size = abs(x[j, j]) - 1.0
            # NaN is kept once it is there
            if excess[item] == excess[item] and not (size <= excess[item]):
                excess[item] = size
            x[j, j] -= signs[item, j]
            reciprocals[j - start] = 1.0 / x[j, j]
            for i in range(j + 1, stop):
                eliminate_row(x, i, j, stop, reciprocals[j - start])
        # Row by row, with the finished block in the cache.
        for i in range(stop, bottom):
            for j in range(start, stop):
                eliminate_row(x, i, j, stop, reciprocals[j - start])


@jit_part
def choose_sign(p: Any, signs: Any, item: int, j: int) -> None:
    """-p/|p|, or -1 for zero."""
    size = abs(p)
    if size == 0.0:
        signs[item, j] = -1.0
    else:
        signs[item, j] = -(p / size)
        # Again, because the modulus of a subnormal number has few digits.
        signs[item, j] /= abs(signs[item, j])


@jit_part
def eliminate_row(x: Any, i: int, j: int, stop: int, reciprocal: Any) -> None:
    factor = x[i, j] * reciprocal
    x[i, j] = factor
    for c in range(j + 1, stop):
        x[i, c] -= factor * x[j, c]


@jit
def substitute_rows(a: Any, item: int, start: int, stop: int, left: int, right: int) -> None:
    x = a[item]
    for i in range(start + 1, stop):
        for j in range(start, i):
            factor = x[i, j]
            for c in range(left, right):
                x[i, c] -= factor * x[j, c]
