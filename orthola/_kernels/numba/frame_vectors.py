"""Reflectors of NumPy matrices with orthonormal columns: the signed elimination, then tau."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .jit import jit
from .signed_lu import signed_lu_stack

__all__ = ["frame_vectors_stack"]


def frame_vectors_stack(
    q: NDArray[Any], *, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """V (..., m, k), unit lower trapezoidal, tau (..., k), real, and signs (..., k) of Q."""
    v, signs, _ = signed_lu_stack(q, threads=threads)
    *batch, m, k = v.shape
    tau = np.empty((math.prod(batch), k), v.real.dtype)
    to_reflectors(v.reshape(len(tau), m, k), tau, np.empty(k))
    return v, tau.reshape(*batch, k), signs


@jit
def to_reflectors(v: Any, tau: Any, sums: Any) -> None:
    """L of packed L U as a matrix of its own, and 2/||v_j||^2; `sums` is work space."""
    items, m, k = v.shape
    for item in range(items):
        x = v[item]
        sums[:] = 1.0
        for i in range(min(m, k)):
            for j in range(i):
                sums[j] += x[i, j].real * x[i, j].real + x[i, j].imag * x[i, j].imag
            x[i, i] = 1.0
            for j in range(i + 1, k):
                x[i, j] = 0.0
        for i in range(k, m):
            for j in range(k):
                sums[j] += x[i, j].real * x[i, j].real + x[i, j].imag * x[i, j].imag
        for j in range(k):
            tau[item, j] = 2.0 / sums[j]
