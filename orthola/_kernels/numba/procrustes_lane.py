"""One item of eight: what differs from lane to lane, number by number.

Matrices are in lane memory: entry (i, j) of one item is every LANES-th number. Real ones only, but
for `singular` and `take`; there a complex number is two of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import jit_part
from .lanes import LANES

__all__ = ["complete", "flip", "reflects", "singular", "take"]


@jit_part
def take(x: Any, numbers: Any, lane: int) -> None:
    """Fill the flat array `x`."""
    for i in range(len(x)):
        x[i] = numbers[i * LANES + lane]


@jit_part
def singular(sizes: Any, n: int, lane: int) -> Any:
    """Largest, last but one and last singular value, their sum, and the place of the last."""
    first, before, last, total, where = 0.0, np.inf, np.inf, 0.0, 0
    for j in range(n):
        s = sizes[j * LANES + lane]
        first, total = max(first, s), total + s
        if s < last:
            before, last, where = last, s, j
        else:
            before = min(before, s)
    return first, before, last, total, where


@jit_part
def reflects(r: Any, x: Any, lane: int) -> bool:
    """Whether the determinant of orthogonal R is -1, by elimination with row exchanges in `x`."""
    n, odd = len(x), False
    for i in range(n):
        for j in range(n):
            x[i, j] = r[(i * n + j) * LANES + lane]
    for k in range(n):
        best = k
        for i in range(k + 1, n):
            if abs(x[i, k]) > abs(x[best, k]):
                best = i
        if best != k:
            odd = not odd
            for j in range(k, n):
                x[k, j], x[best, j] = x[best, j], x[k, j]
        odd ^= x[k, k] < 0.0
        for i in range(k + 1, n):
            f = x[i, k] / x[k, k]
            for j in range(k + 1, n):
                x[i, j] -= f * x[k, j]
    return odd


@jit_part
def flip(r: Any, u: Any, v: Any, sizes: Any, n: int, where: int, lane: int) -> None:
    """The direction of one singular value turned round in R; column j of `u` is s_j u_j."""
    up = 2.0 / sizes[where * LANES + lane]
    for i in range(n):
        x = up * u[(where * n + i) * LANES + lane]
        for j in range(n):
            r[(i * n + j) * LANES + lane] -= x * v[(where * n + j) * LANES + lane]


@jit_part
def complete(r: Any, u: Any, v: Any, sizes: Any, n: int, where: int, lane: int) -> None:
    """R of order 2 or 3 where column `where` of `u` is zero to rounding.

    It becomes what is orthogonal to the others; which way it points is left to `flip`.
    """
    j, k = (where + 1) % n, (where + 2) % n
    f, g = 1.0 / sizes[j * LANES + lane], 1.0 / sizes[k * LANES + lane]
    for i in range(n):
        p, q = (i + 1) % n, (i + 2) % n
        x = f * u[(j * n + p) * LANES + lane]
        if n == 2:
            x = x if i == 0 else -x
        else:
            x *= g * u[(k * n + q) * LANES + lane]
            x -= f * u[(j * n + q) * LANES + lane] * g * u[(k * n + p) * LANES + lane]
        u[(where * n + i) * LANES + lane] = x
    sizes[where * LANES + lane] = 1.0
    for i in range(n):
        for p in range(n):
            total = 0.0
            for q in range(n):
                x = u[(q * n + i) * LANES + lane] / sizes[q * LANES + lane]
                total += x * v[(q * n + p) * LANES + lane]
            r[(i * n + p) * LANES + lane] = total
