"""alpha X Y + beta C by cuBLAS with the precision of the sums named in every call.

CuPy's own ``matmul`` widens stacks of float16, refuses stacks of bfloat16, and takes TensorFloat-32
from a switch for the whole process. Here half operands are summed in float32 and TensorFloat-32 is
an argument.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .captured import product_function

__all__ = ["Call", "call_for", "gemm"]

_HALVES = ("float16", "bfloat16")
_CUDA_TYPES = {
    "float16": "CUDA_R_16F",
    "bfloat16": "CUDA_R_16BF",
    "float32": "CUDA_R_32F",
    "float64": "CUDA_R_64F",
    "complex64": "CUDA_C_32F",
    "complex128": "CUDA_C_64F",
}


class Operand(NamedTuple):
    """A matrix, or stack, as cuBLAS reads it: by columns, from a start, by steps."""

    array: Any
    flag: str  # "N" as read, "T" transposed, "C" adjoint
    leading: int  # entries from one column to the next
    stride: int  # entries from one item to the next


class Call(NamedTuple):
    """Arguments of one product. cuBLAS reads by columns, so it is asked for C^T = Y^T X^T."""

    left: Operand  # Y
    right: Operand  # X
    out: Operand
    rows: int  # of C^T
    columns: int
    inner: int
    items: int  # 0: a single matrix


def gemm(
    x: Any,
    y: Any,
    out: Any = None,
    *,
    adjoint: bool = False,
    alpha: float = 1.0,
    beta: float = 0.0,
    dtype: str | None = None,
    tf32: bool = False,
) -> Any:
    """Alpha X Y + beta C for stacks (..., m, k) and (..., k, n), on CuPy's current stream.

    Parameters
    ----------
    x, y : cupy.ndarray
        Of one dtype and one batch shape, in any memory order; what cuBLAS cannot read is copied.
    out : cupy.ndarray or None
        C, overwritten and returned: rows contiguous, and all of it with more than three axes.
        None makes a new array, of `dtype` if that is given.
    adjoint : bool
        X^H Y instead of X Y.
    alpha, beta : float
    dtype : str or None
        Of a new result: that of `x`, or float32 where `x` is of half precision.
    tf32 : bool
        Round the factors of float32 products to 11 bits, for speed.
    """
    import cupy
    from cupy.cuda import cublas, device, runtime

    batch = x.shape[:-2]
    if x.ndim > 3:
        x, y = (a.reshape(-1, *a.shape[-2:]) for a in (x, y))
    m, k = x.shape[-2:][:: -1 if adjoint else 1]
    if out is None:
        out = cupy.empty((*x.shape[:-2], m, y.shape[-1]), dtype=dtype or x.dtype)
        beta = 0.0
    elif out.ndim > 3:
        out = out.reshape(-1, *out.shape[-2:])
    if 0 in out.shape:
        return out.reshape(*batch, *out.shape[-2:])
    if k == 0:
        out *= beta
        return out.reshape(*batch, *out.shape[-2:])
    call = call_for(cupy, x, y, out, adjoint)
    name = x.dtype.name
    flags = {"N": cublas.CUBLAS_OP_N, "T": cublas.CUBLAS_OP_T, "C": cublas.CUBLAS_OP_C}
    double = name in ("float64", "complex128")
    compute = cublas.CUBLAS_COMPUTE_64F if double else cublas.CUBLAS_COMPUTE_32F
    if tf32 and name == "float32":
        compute = cublas.CUBLAS_COMPUTE_32F_FAST_TF32
    # Host scalars, read while the call is made.
    scalars = np.array([alpha, beta], dtype="float32" if name in _HALVES else name)

    def described(operand: Operand) -> tuple[int, ...]:
        kind = getattr(runtime, _CUDA_TYPES[operand.array.dtype.name])
        stride = (operand.stride,) if call.items else ()
        return (operand.array.data.ptr, kind, operand.leading, *stride)

    function = product_function("gemmStridedBatchedEx" if call.items else "gemmEx")
    function(
        device.get_cublas_handle(),
        flags[call.left.flag], flags[call.right.flag], call.rows, call.columns, call.inner,
        scalars[:1].ctypes.data, *described(call.left), *described(call.right),
        scalars[1:].ctypes.data, *described(call.out), *((call.items,) if call.items else ()),
        compute, cublas.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip
    return out.reshape(*batch, *out.shape[-2:])


def call_for(xp: Any, x: Any, y: Any, out: Any, adjoint: bool) -> Call:
    """Describe C = X Y (or X^H Y) to cuBLAS; no array library is asked but for copies."""
    by_rows = _by_rows(out)
    if by_rows is None:
        raise ValueError(f"gemm: expected contiguous rows in out, got strides {out.strides}")
    n, m = out.shape[-1], out.shape[-2]
    k = y.shape[-2]
    items = x.shape[0] if x.ndim == 3 else 0
    return Call(
        _operand(xp, y, adjoint=False), _operand(xp, x, adjoint=adjoint),
        Operand(out, "N", by_rows, _item_stride(out)), n, m, k, items,
    )  # fmt: skip


def _operand(xp: Any, x: Any, *, adjoint: bool) -> Operand:
    """The factor X^T of C^T, or (X^H)^T."""
    is_complex = x.dtype.kind == "c"
    by_columns = None if adjoint and is_complex else _by_rows(x.swapaxes(-1, -2))
    leading = _by_rows(x)
    if leading is None and by_columns is None:
        x = xp.ascontiguousarray(x)
        leading = x.shape[-1]
    if leading is None:
        assert by_columns is not None
        return Operand(x, "N" if adjoint else "T", by_columns, _item_stride(x))
    # Rows are read as columns: the buffer is X^T already, and (X^H)^T is its adjoint.
    flag = ("C" if is_complex else "T") if adjoint else "N"
    return Operand(x, flag, leading, _item_stride(x))


def _by_rows(x: Any) -> int | None:
    """Entries between the starts of rows, where each row is contiguous; else None."""
    rows, columns = x.shape[-2:]
    down, right = (s // x.itemsize for s in x.strides[-2:])
    if right != 1 and columns > 1:
        return None
    if rows == 1:
        return int(max(columns, 1))
    return int(down) if down >= max(columns, 1) else None


def _item_stride(x: Any) -> int:
    return int(x.strides[0] // x.itemsize) if x.ndim == 3 else 0
