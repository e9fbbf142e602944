"""Inverse of the Cayley frame, matrix by matrix, the signs chosen on the way.

The formulas are those of `orthola._maps.frame_coordinates`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.threads import over_chunks
from .accretive import eliminate_with_signs, invert_in_place
from .blas import PLAIN, addresses, multiply
from .jit import jit

__all__ = ["frame_inverse_stack"]

_WHOLE = 48  # order up to which the compiled loop inverts
_PANEL = 4  # rows of its work space
_WORTH_THREADS = 2**22  # multiply-adds of a stack


def frame_inverse_stack(
    q: NDArray[Any], *, scale: float, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """X (B, n, k) and signs (B, k) of Q (B, n, k), n >= k >= 1, and ||K||_F (B,)."""
    q = np.require(q, q.dtype.newbyteorder("="), ["C", "W", "A"])
    items, _, k = q.shape
    x, signs, sizes = np.empty_like(q), np.empty((items, k), q.dtype), np.empty(items)
    gemm, parts = addresses(q.dtype).gemm, 2 if q.dtype.kind == "c" else 1

    def small(start: int, stop: int) -> None:
        p, line = np.empty((k, k), q.dtype), np.empty(k, q.dtype)
        real = p.view(q.real.dtype)
        rows = np.empty((_PANEL, k * parts), real.dtype)
        go_back(gemm, q, x, signs, sizes, scale, p, real, line, rows, start, stop)

    def large(start: int, stop: int) -> None:
        for item in range(start, stop):
            p = q[item, :k].copy()
            invert_in_place(p, signs[item])
            sizes[item] = fill(gemm, q[item], p, signs[item], scale, x[item])

    task = small if k <= _WHOLE else large
    if items == 1 or q.size * k < _WORTH_THREADS:
        task(0, items)
    else:
        over_chunks(task, items, 1, threads=threads, blas=True)
    return x, signs, np.sqrt(sizes)


@jit
def go_back(
    gemm: int, q: Any, x: Any, signs: Any, sizes: Any, scale: float, p: Any, real: Any, line: Any,
    rows: Any, first: int, last: int,
) -> None:  # fmt: skip
    """Items `first` to `last`; `p`, `line` and `rows` are work space, `real` is p."""
    k = p.shape[0]
    for item in range(first, last):
        p[:] = q[item, :k]
        eliminate_with_signs(p, real, signs[item], line, rows)
        sizes[item] = fill(gemm, q[item], p, signs[item], scale, x[item])


@jit
def fill(gemm: int, q: Any, p: Any, signs: Any, scale: float, x: Any) -> Any:
    """X from (Q_1 + D)^-1, which becomes K = 2 (Q_1 + D)^-1 D; returns ||K||_F^2."""
    n, k = x.shape
    half, size = p.dtype.type(0.5 / scale), 0.0
    for i in range(k):
        for j in range(k):
            p[i, j] = (p[i, j] + p[i, j]) * signs[j]
            size += p[i, j].real * p[i, j].real + p[i, j].imag * p[i, j].imag
    for i in range(k):
        for j in range(i):
            x[i, j] = half * (np.conj(p[j, i]) - p[i, j])
        x[i, i] = 0.5 * half * (np.conj(p[i, i]) - p[i, i])
        for j in range(i + 1, k):
            x[i, j] = 0.0
    if n > k:
        multiply(gemm, q[k:], PLAIN, p, PLAIN, 0.5 / scale, 0.0, x[k:])
    return size
