"""Exponentials of skew-Hermitian matrices and their first derivatives, on BLAS, item by item.

The method is that of `orthola._maps.squaring` and `pade`, in place and with Hermitian products.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.threads import over_chunks
from .blas import PLAIN, multiply
from .blas import addresses as blas_addresses
from .jit import jit, jit_part
from .lapack import addresses, divide, factor, hermitian_square

__all__ = ["even_and_odd", "exponential_large"]

_LONGEST = 7  # coefficients of either kind
_WORTH_THREADS = 2**20  # multiply-adds of one product of a stack
# Degree of the approximant and the largest norm for it; 9 would save nothing beside 13.
_CHOICES = {
    "d": ((5, 2.539e-1), (7, 9.504e-1), (13, 5.371)),
    "f": ((3, 4.258e-1), (5, 1.880), (7, 3.925)),
}


def exponential_large(
    a: NDArray[Any],
    e: NDArray[Any] | None,
    *,
    bound: float | None,
    approximants: tuple[tuple[int, tuple[float, ...]], ...],
    limits: tuple[int, int, int],
    threads: int | None = None,
) -> NDArray[Any]:
    """exp(A) for every item, or its derivative along E.

    Parameters
    ----------
    a : (B, n, n) ndarray of float32, float64, complex64 or complex128
        Skew-Hermitian, of any layout; not written to.
    e : (B, n, n) ndarray or None
        Directions.
    bound : float or None
        Upper bound of every ||A||_2; without it one is estimated for each item.
    approximants : tuple of (int, tuple of float)
        Degrees and coefficients of diagonal Pade approximants, 5, 7, 9 and 13 among them.
    limits : tuple of int
        Squarings that need no correction, those between two corrections, the most squarings.
    threads : int, optional
        Threads at most; default: the processors that the process may use.

    Returns
    -------
    (B, n, n) ndarray
        exp(A), or with directions its derivative; NaN throughout for A with NaN or infinity.
    """
    items, n, _ = a.shape
    dtype = a.dtype.newbyteorder("=")
    q = np.empty((1 if e is None else 2, items, n, n), dtype)
    q[0] = a
    if e is not None:
        q[1] = e
    blas, lapack, choices = _prepared(dtype, approximants)
    known = -1.0 if bound is None else bound

    def task(start: int, stop: int) -> None:
        work, pivots = np.empty((6, len(q), n, n), dtype), np.empty(n + 1, np.int32)
        exponentials(blas.gemm, lapack, q, known, choices, limits, work, pivots, start, stop)

    if items == 1 or items * n**3 < _WORTH_THREADS:
        task(0, items)
    else:
        over_chunks(task, items, 1, threads=threads, blas=True)
    out: NDArray[Any] = q[-1]
    return out


@lru_cache(maxsize=16)
def _prepared(dtype: np.dtype[Any], approximants: Any) -> tuple[Any, Any, Any]:
    """Routines, and (norms, degrees, coefficients) of the approximants."""
    choices = _CHOICES["f" if dtype.char in "fF" else "d"]
    degrees, tops = (np.array(column) for column in zip(*choices, strict=True))
    table = np.array([even_and_odd(dict(approximants)[degree]) for degree, _ in choices])
    return blas_addresses(dtype), addresses(dtype), (tops, degrees, table)


def even_and_odd(c: tuple[float, ...]) -> NDArray[np.float64]:
    """Coefficients of the even powers in one row, of the odd ones in the other."""
    rows = np.zeros((2, _LONGEST))
    rows[0, : len(c[::2])], rows[1, : len(c[1::2])] = c[::2], c[1::2]
    return rows


@jit
def exponentials(
    gemm: int, lapack: Any, q: Any, known: float, choices: Any, limits: Any,
    work: Any, pivots: Any, first: int, last: int,
) -> None:  # fmt: skip
    """Items `first` to `last` of the matrices and directions in q, which they replace."""
    n = work.shape[2]
    for item in range(first, last):
        x = q[:, item]
        size = 0.0
        for i in range(n):
            for j in range(n):
                v = x[0, i, j]
                size = max(size, abs(v.real), abs(v.imag)) if size == size else size
                if not (abs(v.real) < np.inf and abs(v.imag) < np.inf):
                    size = np.nan
        if size != size:
            x[...] = np.nan
            continue
        _exponential(gemm, lapack, x, size, known, choices, limits, work, pivots)


@jit_part
def _exponential(
    gemm: int, lapack: Any, x: Any, size: float, known: float, choices: Any, limits: Any,
    work: Any, pivots: Any,
) -> None:  # fmt: skip
    parts, n = work.shape[1], work.shape[2]
    tops, degrees, table = choices
    b, b2, b4, even, odd = work[0], work[1], work[2], work[4], work[5]
    # B = 2^-e A is not above 1 in norm, so that its powers are in range.
    exponent = max(math.frexp(size)[1] + math.frexp(float(max(n - 1, 1)))[1], 0)
    _scaled(x, -exponent, b)
    hermitian_square(lapack.rank_k, b[0], -1.0, b2[0])
    hermitian_square(lapack.rank_k, b2[0], 1.0, b4[0])
    if parts == 2:
        _second(gemm, b, b, b2)
        _second(gemm, b2, b2, b4)
    if known > 0.0:
        norm = math.ldexp(known, -exponent)
    else:
        total = 0.0
        for i in range(n):
            for j in range(n):
                v = b4[0, i, j]
                total += v.real * v.real + v.imag * v.imag
        # The eigenvalues of B^4 are t^4; those of real B come in pairs it, -it.
        norm = (total if np.iscomplexobj(x) else 0.5 * total) ** 0.125
    free, apart, most = limits
    wanted = exponent + math.frexp(norm / tops[-1])[1] if norm > 0.0 else 0
    squarings = min(max(wanted, 0), most)
    f = math.ldexp(1.0, exponent - max(wanted, 0))
    choice = 0
    while choice < len(tops) - 1 and norm * f > tops[choice]:
        choice += 1
    _approximant(gemm, lapack, f, degrees[choice], table[choice], work, pivots, x)
    y = even
    for j in range(squarings):
        _times(gemm, x, x, y)
        x[...] = y
        done = j - free
        if done >= 0 and (done % apart == apart - 1 or j == squarings - 1):
            hermitian_square(lapack.rank_k, x[0], 1.0, odd[0])
            multiply(gemm, y[0], PLAIN, odd[0], PLAIN, -0.5, 1.5, x[0])


@jit_part
def _approximant(
    gemm: int, lapack: Any, f: float, degree: int, c: Any, work: Any, pivots: Any, out: Any
) -> None:
    """r(f B) = p(f B) p(-f B)^-1 for the polynomial with even and odd coefficients c."""
    b, b2, b4, b6, even, odd = work[0], work[1], work[2], work[3], work[4], work[5]
    if degree > 5:
        _times(gemm, b4, b2, b6)
    g = f * f
    c0, c2, c4, c6 = c[0, 0], c[0, 1] * g, c[0, 2] * g**2, c[0, 3] * g**3
    s1, s3, s5, s7 = c[1, 0] * f, c[1, 1] * f * g, c[1, 2] * f * g**2, c[1, 3] * f * g**3
    if degree > 7:
        _combination(c[0, 4] * g**4, b2, c[0, 5] * g**5, b4, c[0, 6] * g**6, b6, out)
        _times(gemm, b6, out, even)
        _combination(c[1, 4] * f * g**4, b2, c[1, 5] * f * g**5, b4, c[1, 6] * f * g**6, b6, out)
        _times(gemm, b6, out, odd)
    else:
        even[...] = 0.0
        odd[...] = 0.0
        if degree <= 5:
            b6[...] = 0.0
    _add(even, c0, c2, b2, c4, b4, c6, b6)
    _add(odd, s1, s3, b2, s5, b4, s7, b6)
    _times(gemm, odd, b, b6)
    _sums(even, b6, out)
    m = even[0]
    factor(lapack.getrf, m, pivots)
    divide(lapack.getrs, out[0], m, pivots)
    if len(out) == 2:  # X_1 M_0 = R_1 - X_0 M_1
        multiply(gemm, out[0], PLAIN, even[1], PLAIN, -1.0, 1.0, out[1])
        divide(lapack.getrs, out[1], m, pivots)


@jit_part
def _scaled(x: Any, exponent: int, out: Any) -> None:
    """2^exponent X; in two steps, as one factor may be out of range."""
    low, high = math.ldexp(1.0, exponent // 2), math.ldexp(1.0, exponent - exponent // 2)
    p, q = x.real.dtype.type(low), x.real.dtype.type(high)
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                out[k, i, j] = (x[k, i, j] * p) * q


@jit_part
def _times(gemm: int, x: Any, y: Any, out: Any) -> None:
    """Product of matrices with derivatives."""
    multiply(gemm, x[0], PLAIN, y[0], PLAIN, 1.0, 0.0, out[0])
    if len(out) == 2:
        _second(gemm, x, y, out)


@jit_part
def _second(gemm: int, x: Any, y: Any, out: Any) -> None:
    multiply(gemm, x[0], PLAIN, y[1], PLAIN, 1.0, 0.0, out[1])
    multiply(gemm, x[1], PLAIN, y[0], PLAIN, 1.0, 1.0, out[1])


@jit_part
def _combination(p: float, x: Any, q: float, y: Any, r: float, z: Any, out: Any) -> None:
    """P X + q Y + r Z."""
    real = x.real.dtype.type
    p_, q_, r_ = real(p), real(q), real(r)
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                out[k, i, j] = p_ * x[k, i, j] + q_ * y[k, i, j] + r_ * z[k, i, j]


@jit_part
def _add(out: Any, o: float, p: float, x: Any, q: float, y: Any, r: float, z: Any) -> None:
    """Add o I + p X + q Y + r Z."""
    real = x.real.dtype.type
    p_, q_, r_ = real(p), real(q), real(r)
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                out[k, i, j] += p_ * x[k, i, j] + q_ * y[k, i, j] + r_ * z[k, i, j]
    for i in range(out.shape[1]):
        out[0, i, i] += real(o)


@jit_part
def _sums(even: Any, odd: Any, out: Any) -> None:
    """Out = even + odd, and even becomes even - odd."""
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                e, o = even[k, i, j], odd[k, i, j]
                out[k, i, j] = e + o
                even[k, i, j] = e - o
