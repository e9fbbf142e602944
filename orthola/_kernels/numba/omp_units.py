"""Powers of two that keep the squares of signals in range."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import jit
from .omp_sweeps import energy
from .pointers import address, after, pointer_at

__all__ = ["exponents", "scaled"]


@jit
def _ordinary(rows: int, like: Any, count: int, size: int, low: float, high: float) -> bool:
    """Whether the squared norms of all rows are between two numbers."""
    start = pointer_at(rows, like)
    for s in range(count):
        square = float(energy(after(start, s * size), size))
        if not (square > low and square < high):
            return False
    return True


def exponents(rows: Any) -> Any:
    """An exponent for each row of a C-ordered matrix, by which to divide; None: nothing to do."""
    real = rows.dtype.type(0).real.dtype
    far = int(np.finfo(real).maxexp) // 2
    like = np.empty(0, rows.dtype)
    if rows.size == 0 or _ordinary(address(rows), like, *rows.shape, 2.0**-far, 2.0**far):
        return None
    # Without NaN, which belongs to its own entry alone
    parts = rows.view(real)
    largest = np.maximum(np.fmax.reduce(parts, 1, initial=0), -np.fmin.reduce(parts, 1, initial=0))
    exponent = np.frexp(largest)[1]
    return np.where((largest == 0) | np.isinf(largest), 0, exponent)


def scaled(x: Any, exponent: Any) -> Any:
    """X times powers of two."""
    with np.errstate(all="ignore"):
        if x.dtype.kind != "c":
            return np.ldexp(x, exponent)
        return np.ldexp(x.real, exponent) + 1j * np.ldexp(x.imag, exponent)
