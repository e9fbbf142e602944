"""LAPACK inside kernels: Hermitian products of half the work, and divisions from the right.

Called as those of `blas`, on C-ordered matrices, which LAPACK reads as their transposes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba.core import types
from numba.extending import get_cython_function_address, intrinsic

from .blas import fortran_call
from .jit import jit_part

__all__ = ["Addresses", "addresses", "divide", "factor", "hermitian_square"]

_LOWER, _PLAIN = ord("L"), ord("N")


class Addresses(NamedTuple):
    """Where the routines of one dtype are."""

    rank_k: int
    getrf: int
    getrs: int


@lru_cache(maxsize=8)
def addresses(dtype: np.dtype[Any]) -> Addresses:
    """Look the routines up (SciPy is imported here, on first use)."""
    kind = {"f": "s", "d": "d", "F": "c", "D": "z"}[dtype.char]
    rank_k = "herk" if dtype.kind == "c" else "syrk"
    return Addresses(
        get_cython_function_address("scipy.linalg.cython_blas", kind + rank_k),
        *(
            get_cython_function_address("scipy.linalg.cython_lapack", kind + name)
            for name in ("getrf", "getrs")
        ),
    )


_FLAG, _INT = types.uint8, types.int32


@intrinsic  # type: ignore[untyped-decorator]
def _rank_k(
    typing: Any, address: Any, uplo: Any, trans: Any, n: Any, k: Any, alpha: Any, a: Any, lda: Any,
    beta: Any, c: Any, ldc: Any,
) -> Any:  # fmt: skip
    real = getattr(c.dtype, "underlying_float", c.dtype)
    return fortran_call(
        types.void(types.intp, _FLAG, _FLAG, _INT, _INT, real, a, _INT, real, c, _INT)
    )


@intrinsic  # type: ignore[untyped-decorator]
def _getrf(
    typing: Any, address: Any, m: Any, n: Any, a: Any, lda: Any, pivots: Any, info: Any
) -> Any:
    return fortran_call(types.void(types.intp, _INT, _INT, a, _INT, pivots, info))


@intrinsic  # type: ignore[untyped-decorator]
def _getrs(
    typing: Any, address: Any, trans: Any, n: Any, count: Any, a: Any, lda: Any, pivots: Any,
    b: Any, ldb: Any, info: Any,
) -> Any:  # fmt: skip
    return fortran_call(types.void(types.intp, _FLAG, _INT, _INT, a, _INT, pivots, b, _INT, info))


@jit_part
def hermitian_square(address: int, x: Any, sign: float, c: Any) -> None:
    """C = sign X^H X for square X, bitwise Hermitian, all of it written."""
    n, real = c.shape[0], x.real.dtype.type
    _rank_k(address, _LOWER, _PLAIN, n, n, real(sign), x, n, real(0.0), c, n)
    for i in range(n):  # LAPACK's lower triangle is above the diagonal here
        for j in range(i):
            c[i, j] = np.conj(c[j, i])


@jit_part
def factor(address: int, m: Any, pivots: Any) -> None:
    """Replace square M by its factors; `pivots` has a spare entry for the report of LAPACK."""
    n = m.shape[0]
    _getrf(address, n, n, m, n, pivots, pivots[n:])


@jit_part
def divide(address: int, x: Any, m: Any, pivots: Any) -> None:
    """Replace X by X M^-1, given the factors of M."""
    n = m.shape[0]
    _getrs(address, _PLAIN, n, x.shape[0], m, n, pivots, x, n, pivots[n:])
