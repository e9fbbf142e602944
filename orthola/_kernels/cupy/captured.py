"""The cuBLAS functions behind `gemm`, also while a CUDA graph is recorded.

CuPy refuses every cuBLAS call on a stream that is being captured; cuBLAS itself does not. There its
library, which CuPy has loaded, is called directly.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

__all__ = ["product_function"]

_INT, _POINTER, _STRIDE = ctypes.c_int, ctypes.c_void_p, ctypes.c_longlong
_HEAD = [_POINTER, *[_INT] * 5, _POINTER]  # handle, flags and sizes, alpha
_MATRIX = [_POINTER, _INT, _INT]  # data, type, leading dimension
_STACK = [*_MATRIX, _STRIDE]
_TAIL = [_INT, _INT]  # type of the sums, algorithm
_FUNCTIONS = {
    "gemmEx": ("cublasGemmEx", [*_HEAD, *_MATRIX, *_MATRIX, _POINTER, *_MATRIX, *_TAIL]),
    "gemmStridedBatchedEx": (
        "cublasGemmStridedBatchedEx",
        [*_HEAD, *_STACK, *_STACK, _POINTER, *_STACK, _INT, *_TAIL],
    ),
}


def product_function(name: str) -> Callable[..., Any]:
    """`gemmEx` or `gemmStridedBatchedEx` with the arguments of CuPy's, for its current stream."""
    import cupy
    from cupy.cuda import cublas

    stream = cupy.cuda.get_current_stream()
    if stream.is_capturing():
        return partial(_direct, name, stream.ptr)
    function: Callable[..., Any] = getattr(cublas, name)
    return function


def _direct(name: str, stream: int, handle: int, *arguments: int) -> None:
    library = _library()
    symbol, types = _FUNCTIONS[name]
    choose, function = library.cublasSetStream_v2, getattr(library, symbol)
    choose.argtypes, function.argtypes = [_POINTER, _POINTER], types
    status = choose(handle, stream) or function(handle, *arguments)
    if status:
        raise RuntimeError(f"{symbol}: cuBLAS gives status {status}")


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    from cupy.cuda import runtime

    major = runtime.runtimeGetVersion() // 1000
    windows = sys.platform == "win32"
    return ctypes.CDLL(f"cublas64_{major}.dll" if windows else f"libcublas.so.{major}")
