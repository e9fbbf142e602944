"""The two triangles of a square NumPy matrix, in place and panel by panel: both stay in cache."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .blas import square_sum
from .linalg import conjugate

__all__ = ["PANEL", "asymmetry", "clear_upper", "fill_upper", "symmetrise"]

PANEL = 64  # columns per panel where a transposed operand is read


def asymmetry(w: Any) -> float:
    """||W - W^H||_F."""
    total = 0.0
    for j in range(0, w.shape[0], PANEL):
        k = min(j + PANEL, w.shape[0])
        gap = w[j:, j:k] - conjugate(np, w[j:k, j:].T)
        total += 2.0 * square_sum(gap) - square_sum(gap[: k - j])
    return math.sqrt(total) if total >= 0 else math.nan


def symmetrise(h: Any) -> Any:
    """(H + H^H)/2."""
    n = h.shape[0]
    for j in range(0, n, PANEL):
        k = min(j + PANEL, n)
        block = h[j:k, j:k]
        h[j:k, j:k] = 0.5 * (block + conjugate(np, block.T))
        below, right = h[k:, j:k], h[j:k, k:].T
        below += conjugate(np, right)
        below *= 0.5
        right[...] = conjugate(np, below)
    return h


def fill_upper(g: Any) -> Any:
    """Make a matrix Hermitian whose upper triangle holds anything."""
    n = g.shape[0]
    for j in range(0, n, PANEL):
        k = min(j + PANEL, n)
        block, mask = g[j:k, j:k], _lower_mask(k - j, g.dtype)
        lower = block * mask
        block[...] = lower + conjugate(np, lower.T) * (1 - mask)
        g[j:k, k:] = conjugate(np, g[k:, j:k].T)
    return g


def clear_upper(g: Any) -> None:
    """Zeros above the diagonal."""
    n = g.shape[0]
    for j in range(0, n, PANEL):
        k = min(j + PANEL, n)
        g[j:k, j:k] *= _lower_mask(k - j, g.dtype)
        g[j:k, k:] = 0


@lru_cache(maxsize=64)
def _lower_mask(n: int, dtype: Any) -> Any:
    """Ones on and below the diagonal: multiplying by it is ten times faster than numpy.tril."""
    return np.asfortranarray(np.tri(n, dtype=dtype))
