"""Products of small matrices, eight side by side; 2 x 4 results at a time stay in registers.

An odd last row is computed as a pair with itself.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lane_memory import after, zero
from .lanes import conjugate, muladd

__all__ = ["add_product", "adjoint_product"]


@jit_part
def adjoint_product(out: Any, x: Any, y: Any, ld: int, m: int, n: int, lower: bool) -> None:
    """Out (n x n) = x^H y for m x n matrices; with `lower`, unspecified above the diagonal."""
    for i in range(0, n, 2):
        pair = min(i + 1, n - 1)
        stop = pair + 1 if lower else n
        u, v = after(out, i * ld), after(out, pair * ld)
        j = 0
        while j + 4 <= stop:
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero(out)
            for k in range(m):
                s, t = conjugate(x[k * ld + i]), conjugate(x[k * ld + pair])
                row = after(y, k * ld + j)
                a0, b0 = muladd(s, row[0], a0), muladd(t, row[0], b0)
                a1, b1 = muladd(s, row[1], a1), muladd(t, row[1], b1)
                a2, b2 = muladd(s, row[2], a2), muladd(t, row[2], b2)
                a3, b3 = muladd(s, row[3], a3), muladd(t, row[3], b3)
            u[j], u[j + 1], u[j + 2], u[j + 3] = a0, a1, a2, a3
            v[j], v[j + 1], v[j + 2], v[j + 3] = b0, b1, b2, b3
            j += 4
        while j < stop:
            a0 = b0 = zero(out)
            for k in range(m):
                r = y[k * ld + j]
                a0 = muladd(conjugate(x[k * ld + i]), r, a0)
                b0 = muladd(conjugate(x[k * ld + pair]), r, b0)
            u[j], v[j] = a0, b0
            j += 1


@jit_part
def add_product(out: Any, x: Any, p: Any, ld: int, m: int, n: int) -> None:
    """Out (m x n) = x + x p for an m x n matrix x and an n x n matrix p."""
    for i in range(0, m, 2):
        pair = min(i + 1, m - 1)
        x0, x1 = after(x, i * ld), after(x, pair * ld)
        u, v = after(out, i * ld), after(out, pair * ld)
        j = 0
        while j + 4 <= n:
            a0, a1, a2, a3 = x0[j], x0[j + 1], x0[j + 2], x0[j + 3]
            b0, b1, b2, b3 = x1[j], x1[j + 1], x1[j + 2], x1[j + 3]
            for k in range(n):
                s, t = x0[k], x1[k]
                row = after(p, k * ld + j)
                a0, b0 = muladd(s, row[0], a0), muladd(t, row[0], b0)
                a1, b1 = muladd(s, row[1], a1), muladd(t, row[1], b1)
                a2, b2 = muladd(s, row[2], a2), muladd(t, row[2], b2)
                a3, b3 = muladd(s, row[3], a3), muladd(t, row[3], b3)
            u[j], u[j + 1], u[j + 2], u[j + 3] = a0, a1, a2, a3
            v[j], v[j + 1], v[j + 2], v[j + 3] = b0, b1, b2, b3
            j += 4
        while j < n:
            a0, b0 = x0[j], x1[j]
            for k in range(n):
                r = p[k * ld + j]
                a0, b0 = muladd(x0[k], r, a0), muladd(x1[k], r, b0)
            u[j], v[j] = a0, b0
            j += 1
