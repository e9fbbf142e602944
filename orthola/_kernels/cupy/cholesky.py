"""Inverse of the Cholesky factor on the device, of matrices and stacks, values unseen."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["inverse_factor"]

_PREFIX = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}


def inverse_factor(z: Any, *, batched_order: int) -> Any:
    """K = L^-1 with Z = L L^H, lower triangular, so that Z^-1 = K^H K.

    Parameters
    ----------
    z : cupy.ndarray (..., n, n)
        Hermitian positive definite. What comes out for another matrix means nothing: cuSOLVER's
        report stays on the device, unread.
    batched_order : int
        Up to this order a stack is factored by one call, above it item by item.
    """
    import cupy
    from cupyx import errstate

    n = z.shape[-1]
    flat = z.reshape(-1, n, n)
    with errstate(linalg="ignore"):  # 'raise' would read the report
        if z.ndim == 2:
            factor = cupy.linalg.cholesky(z)[None]
        elif n <= batched_order:
            factor = cupy.linalg.cholesky(flat)
        else:
            factor = cupy.empty_like(flat)
            for item, given in zip(factor, flat, strict=True):
                item[...] = cupy.linalg.cholesky(given)
    out = cupy.zeros(flat.shape, dtype=z.dtype)
    out.reshape(-1, n * n)[:, :: n + 1] = 1
    if n <= batched_order:
        _solve("trsmBatched", factor, out, (_addresses(factor), _addresses(out)), (len(out),))
    else:
        for a, b in zip(factor, out, strict=True):
            _solve("trsm", a, b, (a, b), ())
    return out.reshape(z.shape)


def _solve(name: str, factor: Any, out: Any, pointers: tuple[Any, Any], count: Any) -> None:
    """K L = I, in place of I.

    cuBLAS reads rows as columns: what it sees and solves is L^T K^T = I, L^T upper triangular.
    """
    from cupy.cuda import cublas, device

    n = out.shape[-1]
    one = np.ones(1, dtype=out.dtype)
    getattr(cublas, _PREFIX[out.dtype.name] + name)(
        device.get_cublas_handle(),
        cublas.CUBLAS_SIDE_LEFT, cublas.CUBLAS_FILL_MODE_UPPER, cublas.CUBLAS_OP_N,
        cublas.CUBLAS_DIAG_NON_UNIT, n, n, one.ctypes.data, pointers[0].data.ptr, n,
        pointers[1].data.ptr, n, *count,
    )  # fmt: skip


def _addresses(stack: Any) -> Any:
    """Where each item of a contiguous stack begins, as an array on the device."""
    import cupy

    step = stack.shape[-1] * stack.shape[-2] * stack.itemsize
    start = stack.data.ptr
    return cupy.arange(start, start + step * len(stack), step, dtype=cupy.uintp)
