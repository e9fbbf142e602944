"""Pair flips of a Cayley inverse for stacks of real matrices, compiled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.threads import over_chunks
from .jit import jit

__all__ = ["flip_pairs_stack"]

_CHUNK_NUMBERS = 2**16  # entries per chunk: about 0.1 ms


def flip_pairs_stack(
    t: NDArray[Any], signs: NDArray[Any], *, limit: float, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """`orthola._maps.pair_flips.flip_pairs` for real NumPy arrays."""
    *batch, n, _ = t.shape
    count = math.prod(batch)
    t = np.array(t, t.dtype.newbyteorder("="), order="C")
    signs = np.array(np.broadcast_to(signs, t.shape[:-1]), t.dtype, order="C")
    flips = np.zeros(tuple(batch), np.int32)
    arrays = t.reshape(count, n, n), signs.reshape(count, n), flips.reshape(count)

    def task(start: int, stop: int) -> None:
        flip_chunk(*arrays, limit, start, stop)

    over_chunks(task, count, max(1, _CHUNK_NUMBERS // (n * n)), threads=threads)
    return t, signs, flips


@jit
def flip_chunk(t: Any, signs: Any, flips: Any, limit: float, start: int, stop: int) -> None:
    """Items `start` to `stop`; the loop ends because every flip raises a determinant."""
    n = t.shape[1]
    p, q = np.empty(n, t.dtype), np.empty(n, t.dtype)
    for item in range(start, stop):
        x = t[item]
        for _ in range(n):
            i, j, largest = 0, 0, limit
            for a in range(n):
                for b in range(a + 1, n):
                    if abs(x[a, b]) > largest:
                        i, j, largest = a, b, abs(x[a, b])
            if i == j:
                break
            pivot = x[i, j]
            for a in range(n):
                p[a], q[a] = x[i, a], x[j, a] / pivot
            for a in range(n):
                for b in range(n):
                    x[a, b] += q[a] * p[b] - p[a] * q[b]
            for a in range(n):
                x[i, a], x[j, a] = -q[a], p[a] / pivot
                x[a, i], x[a, j] = q[a], -p[a] / pivot
            x[i, i] = x[j, j] = 0.0
            x[i, j], x[j, i] = -1.0 / pivot, 1.0 / pivot
            signs[item, i], signs[item, j] = -signs[item, i], -signs[item, j]
            flips[item] += 1
