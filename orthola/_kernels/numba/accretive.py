"""Inverses without row exchanges, by halves, so that nearly all work is in matrix products.

Safe where no pivot can be small. For M = I - T, T skew-Hermitian, every Schur complement has a
Hermitian part of at least I, so its inverse is at most 1 in norm. The errors grow with ||T||^2:
large T are for pivoted elimination. And for orthonormal Q every pivot can be moved away from zero
by its own phase: that gives (Q + D)^-1 with D found on the way (Ballard et al. 2014,
doi:10.1109/IPDPS.2014.120).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .jit import jit, jit_part

__all__ = ["invert_in_place"]

# Order up to which the compiled loop takes a matrix as it is, and the order to which larger ones
# are halved, for real and for complex numbers.
_WHOLE, _LEAF = {1: 64, 2: 48}, {1: 48, 2: 32}
_ROWS = 4  # real ones in a panel
_PIVOT = 2.0**-60  # instead of zero: the inverse is then huge


def invert_in_place(x: NDArray[Any], signs: NDArray[Any] | None = None) -> None:
    """X becomes X^-1, or with `signs`, which are written, (X + diag(signs))^-1.

    `x` is C-contiguous, of native byte order.
    """
    parts = 2 if x.dtype.kind == "c" else 1
    if x.shape[0] <= _WHOLE[parts]:
        _eliminated(x, signs, parts)
    else:
        _by_halves(x, signs, parts)


def _by_halves(x: Any, signs: Any, parts: int) -> None:
    n = x.shape[0]
    if n <= _LEAF[parts]:
        block = x.copy()
        _eliminated(block, signs, parts)
        x[...] = block
        return
    k = n // 2
    a, b, c, d = x[:k, :k], x[:k, k:], x[k:, :k], x[k:, k:]
    _by_halves(a, None if signs is None else signs[:k], parts)
    ca = c @ a
    d -= ca @ b
    _by_halves(d, None if signs is None else signs[k:], parts)
    ab = a @ b
    np.matmul(d, ca, out=c)
    np.negative(c, out=c)
    a -= ab @ c
    np.matmul(ab, d, out=b)
    np.negative(b, out=b)


def _eliminated(x: Any, signs: Any, parts: int) -> None:
    real = x.real.dtype
    line, rows = np.empty(x.shape[0], x.dtype), np.empty((_ROWS, x.shape[0] * parts), real)
    if signs is None:
        eliminate(x, x.view(real), line, rows)
    else:
        eliminate_with_signs(x, x.view(real), signs, line, rows)


@jit
def eliminate(x: Any, seen: Any, line: Any, rows: Any) -> None:
    """X becomes X^-1 by Gauss-Jordan elimination, a panel of columns at a time.

    `seen` is x as real numbers; `line` and `rows` are work space, `rows` of real numbers.
    """
    n, panel, first = x.shape[0], _ROWS * x.shape[0] // seen.shape[1], 0
    while first < n:
        width = panel if first + panel <= n else 1
        for k in range(first, first + width):
            _column(x, line, k, first, width)
        _update(seen, rows, first, width, seen.shape[1] // n)
        first += width


@jit
def eliminate_with_signs(x: Any, seen: Any, signs: Any, line: Any, rows: Any) -> None:
    """X becomes (x + diag(signs))^-1, signs[k] = p/|p| for the pivot p met there, 1 for zero."""
    n, panel, first = x.shape[0], _ROWS * x.shape[0] // seen.shape[1], 0
    while first < n:
        width = panel if first + panel <= n else 1
        for k in range(first, first + width):
            size = abs(x[k, k])
            if size == 0.0:
                signs[k] = 1.0
            else:
                signs[k] = x[k, k] / size
                # Again, because the modulus of a subnormal number has few digits.
                signs[k] /= abs(signs[k])
            x[k, k] += signs[k]
            _column(x, line, k, first, width)
        _update(seen, rows, first, width, seen.shape[1] // n)
        first += width


@jit_part
def _column(x: Any, line: Any, k: int, first: int, width: int) -> None:
    """One step with pivot (k, k), on the columns of the panel only."""
    if x[k, k] == 0.0:  # division of complex numbers by zero would raise
        x[k, k] = _PIVOT
    pivot = 1.0 / x[k, k]
    # The pivot's column becomes that of the inverse.
    for j in range(first, first + width):
        line[j] = x[k, j] * pivot
        x[k, j] = 0.0
    line[k] = pivot
    x[k, k] = -1.0
    for i in range(x.shape[0]):
        factor = x[i, k]
        x[i, k] = 0.0
        for j in range(first, first + width):
            x[i, j] -= factor * line[j]


@jit_part
def _update(x: Any, rows: Any, first: int, width: int, parts: int) -> None:
    """Carry a panel to the other columns: x += (panel columns) (panel rows before).

    All numbers are real: a complex row counts as two, itself and i times itself, and its
    coefficient as the two numbers that stand in x.
    """
    n, long = x.shape
    start, stop = first * parts, (first + width) * parts
    for c in range(width):
        for j in range(long):
            rows[parts * c, j] = x[first + c, j]
            x[first + c, j] = 0.0
        for j in range(start, stop):
            x[first + c, j] = rows[parts * c, j]
            rows[parts * c, j] = 0.0
        if parts == 2:
            for j in range(0, long, 2):
                rows[2 * c + 1, j], rows[2 * c + 1, j + 1] = -rows[2 * c, j + 1], rows[2 * c, j]
    if width == 1:
        for i in range(n):
            for c in range(parts):
                factor = x[i, start + c]
                for j in range(long):
                    x[i, j] += factor * rows[c, j]
        return
    for i in range(0, n - 1, 2):  # two rows share what is read of the panel
        a0, a1, a2, a3 = x[i, start], x[i, start + 1], x[i, start + 2], x[i, start + 3]
        k = i + 1
        b0, b1, b2, b3 = x[k, start], x[k, start + 1], x[k, start + 2], x[k, start + 3]
        for j in range(long):
            u, v, r = x[i, j], x[k, j], rows[0, j]
            u, v, r = u + a0 * r, v + b0 * r, rows[1, j]
            u, v, r = u + a1 * r, v + b1 * r, rows[2, j]
            u, v, r = u + a2 * r, v + b2 * r, rows[3, j]
            x[i, j], x[k, j] = u + a3 * r, v + b3 * r
    if n % 2:
        a0, a1, a2, a3 = x[-1, start], x[-1, start + 1], x[-1, start + 2], x[-1, start + 3]
        for j in range(long):
            x[-1, j] += a0 * rows[0, j] + a1 * rows[1, j] + a2 * rows[2, j] + a3 * rows[3, j]
