"""BLAS inside kernels: products and triangular solves on parts of C-ordered matrices, in place.

The routines are those of SciPy, called by their address without Python. Through SciPy's own
Python functions a part of a matrix would be copied, there and back. The address travels as a
number, so compiled kernels can be kept between runs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import get_cython_function_address, intrinsic

from .jit import jit_part

__all__ = [
    "ADJOINT",
    "PLAIN",
    "TRANSPOSED",
    "Addresses",
    "addresses",
    "fortran_call",
    "multiply",
    "solve_upper",
]

PLAIN, TRANSPOSED, ADJOINT = ord("N"), ord("T"), ord("C")
_LEFT, _RIGHT, _LOWER, _UNIT = ord("L"), ord("R"), ord("L"), ord("U")


class Addresses(NamedTuple):
    """Where the routines of one dtype are."""

    gemm: int
    trsm: int


@lru_cache(maxsize=8)
def addresses(dtype: np.dtype[Any]) -> Addresses:
    """Look the routines up (SciPy is imported here, on first use)."""
    kind = {"f": "s", "d": "d", "F": "c", "D": "z"}[dtype.char]
    return Addresses(
        *(
            get_cython_function_address("scipy.linalg.cython_blas", kind + name)
            for name in ("gemm", "trsm")
        )
    )


def fortran_call(signature: Any) -> Any:
    """Code for a call in which everything is passed by reference, arrays by their first entry."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        places = []
        for kind, value in zip(signature.args[1:], values[1:], strict=True):
            if isinstance(kind, types.Array):
                place = context.make_array(kind)(context, builder, value).data
            else:
                place = cgutils.alloca_once_value(builder, value)
            places.append(builder.bitcast(place, byte))
        kind = ir.FunctionType(ir.VoidType(), [byte] * len(places))
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), places)
        return context.get_dummy_value()

    return signature, generate


_FLAG, _INT = types.uint8, types.int32


@intrinsic  # type: ignore[untyped-decorator]
def _gemm(
    typing: Any, address: Any, fa: Any, fb: Any, m: Any, n: Any, k: Any, alpha: Any, a: Any,
    lda: Any, b: Any, ldb: Any, beta: Any, c: Any, ldc: Any,
) -> Any:  # fmt: skip
    number = c.dtype
    return fortran_call(
        types.void(
            types.intp, _FLAG, _FLAG, _INT, _INT, _INT, number, a, _INT, b, _INT, number, c, _INT
        )
    )


@intrinsic  # type: ignore[untyped-decorator]
def _trsm(
    typing: Any, address: Any, side: Any, uplo: Any, trans: Any, diag: Any, m: Any, n: Any,
    alpha: Any, a: Any, lda: Any, b: Any, ldb: Any,
) -> Any:  # fmt: skip
    return fortran_call(
        types.void(types.intp, _FLAG, _FLAG, _FLAG, _FLAG, _INT, _INT, b.dtype, a, _INT, b, _INT)
    )


@jit_part
def _step(a: Any) -> Any:
    """Leading dimension: rows of contiguous numbers, this far apart."""
    return max(a.strides[0] // a.itemsize, a.shape[1], 1)


@jit_part
def multiply(
    address: int, a: Any, a_flag: int, b: Any, b_flag: int, alpha: float, beta: float, c: Any
) -> None:
    """C = alpha op(A) op(B) + beta C, the flags being PLAIN, TRANSPOSED or ADJOINT.

    BLAS reads C-ordered matrices as their transposes: C^T = alpha op(B)^T op(A)^T + beta C^T.
    """
    m, n = c.shape
    if m == 0 or n == 0:
        return
    k = a.shape[1] if a_flag == PLAIN else a.shape[0]
    number = c.dtype.type
    _gemm(
        address, b_flag, a_flag, n, m, k, number(alpha), b, _step(b), a, _step(a), number(beta), c,
        _step(c),
    )  # fmt: skip


@jit_part
def solve_upper(address: int, t: Any, adjoint: bool, x: Any, right: bool) -> None:
    """Overwrite X by T^-1 X, T^-H X, X T^-1 or X T^-H; T unit upper, only what is above is read."""
    m, n = x.shape
    if m == 0 or n == 0:
        return
    flag = ADJOINT if adjoint else PLAIN
    side = _LEFT if right else _RIGHT  # of the transposes
    one = x.dtype.type(1)
    _trsm(address, side, _LOWER, flag, _UNIT, n, m, one, t, _step(t), x, _step(x))
