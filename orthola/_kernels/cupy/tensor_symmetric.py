"""Symmetric products of half-precision CuPy arrays on tensor cores; see `tensor_source`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .tensor_source import LANES, SHARED_BYTES, SOURCE, TILE, kernel_options

__all__ = ["symmetric", "tensor_cores", "tiles"]

_MOST_ITEMS = 65535  # blocks along the second axis of a grid


def tiles(n: int) -> int:
    """Tiles on and below the diagonal."""
    side = -(-n // TILE)
    return side * (side + 1) // 2


@lru_cache(maxsize=16)
def tensor_cores(device: int) -> bool:
    """Whether the device multiplies both kinds of half precision in this way."""
    import cupy

    return int(cupy.cuda.Device(device).compute_capability) >= 80


@lru_cache(maxsize=8)
def _kernel(dtype: str, aligned: bool) -> Any:
    import cupy

    return cupy.RawKernel(SOURCE, "symmetric", options=kernel_options(dtype, aligned=aligned))


def symmetric(
    x: Any, y: Any, *, alpha: float = 1.0, c: Any = None, beta: float = 0.0, gamma: float = 0.0
) -> Any:
    """Alpha X^T Y + beta C + gamma I where that is symmetric: summed in float32, rounded once.

    Parameters
    ----------
    x, y : cupy.ndarray (..., k, n)
        Of float16 or bfloat16, of one batch shape, C-contiguous.
    alpha, beta, gamma : float
    c : cupy.ndarray (..., n, n) or None
        Symmetric, C-contiguous, of the same dtype; only its lower triangle is read.

    Returns
    -------
    cupy.ndarray (..., n, n)
        Both triangles, equal to the last bit.
    """
    import cupy

    *batch, k, n = x.shape
    out = cupy.empty((*batch, n, n), dtype=x.dtype)
    if out.size == 0:
        return out
    items = out.size // (n * n)
    aligned = n % 8 == 0 and x.data.ptr % 16 == 0 and y.data.ptr % 16 == 0
    kernel = _kernel(x.dtype.name, aligned)
    kernel(
        (tiles(n), min(items, _MOST_ITEMS)), (LANES,),
        (
            x, y, cupy.uint64(0) if c is None else c, out, cupy.int32(n), cupy.int32(k),
            cupy.int64(n), cupy.int64(k * n), cupy.int64(k * n), cupy.float32(alpha),
            cupy.float32(beta), cupy.float32(gamma), cupy.int64(items),
        ),
        shared_mem=SHARED_BYTES,
    )  # fmt: skip
    return out
