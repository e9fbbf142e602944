"""Products of small matrices, eight side by side; 2 x 4 results at a time stay in registers.

An odd last row is computed as a pair with itself.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lanes import conjugate, muladd, zero

__all__ = ["add_product", "adjoint_product"]


@jit_part
def adjoint_product(out: Any, x: Any, y: Any, ld: int, m: int, n: int, lower: bool) -> None:
    """Out (n x n) = x^H y for m x n matrices; with `lower`, unspecified above the diagonal."""
    for i in range(0, n, 2):
        pair = i + 1 if i + 1 < n else i
        stop = pair + 1 if lower else n
        j = 0
        while j + 4 <= stop:
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero(out)
            for k in range(m):
                u, v = conjugate(x[k * ld + i]), conjugate(x[k * ld + pair])
                at = k * ld + j
                r = y[at]
                a0, b0 = muladd(u, r, a0), muladd(v, r, b0)
                r = y[at + 1]
                a1, b1 = muladd(u, r, a1), muladd(v, r, b1)
                r = y[at + 2]
                a2, b2 = muladd(u, r, a2), muladd(v, r, b2)
                r = y[at + 3]
                a3, b3 = muladd(u, r, a3), muladd(v, r, b3)
            _store_block(out, i * ld + j, a0, a1, a2, a3)
            _store_block(out, pair * ld + j, b0, b1, b2, b3)
            j += 4
        while j < stop:
            a0 = b0 = zero(out)
            for k in range(m):
                r = y[k * ld + j]
                a0 = muladd(conjugate(x[k * ld + i]), r, a0)
                b0 = muladd(conjugate(x[k * ld + pair]), r, b0)
            out[i * ld + j] = a0
            out[pair * ld + j] = b0
            j += 1


@jit_part
def add_product(out: Any, x: Any, p: Any, ld: int, m: int, n: int) -> None:
    """Out (m x n) = x + x p for an m x n matrix x and an n x n matrix p."""
    for i in range(0, m, 2):
        u = i * ld
        v = u + ld if i + 1 < m else u
        j = 0
        while j + 4 <= n:
            a0, a1, a2, a3 = (
                x[u + j],
                x[u + j + 1],
                x[u + j + 2],
                x[u + j + 3],
            )
            b0, b1, b2, b3 = (
                x[v + j],
                x[v + j + 1],
                x[v + j + 2],
                x[v + j + 3],
            )
            for k in range(n):
                s, t = x[u + k], x[v + k]
                at = k * ld + j
                r = p[at]
                a0, b0 = muladd(s, r, a0), muladd(t, r, b0)
                r = p[at + 1]
                a1, b1 = muladd(s, r, a1), muladd(t, r, b1)
                r = p[at + 2]
                a2, b2 = muladd(s, r, a2), muladd(t, r, b2)
                r = p[at + 3]
                a3, b3 = muladd(s, r, a3), muladd(t, r, b3)
            _store_block(out, u + j, a0, a1, a2, a3)
            _store_block(out, v + j, b0, b1, b2, b3)
            j += 4
        while j < n:
            a0, b0 = x[u + j], x[v + j]
            for k in range(n):
                r = p[k * ld + j]
                a0, b0 = muladd(x[u + k], r, a0), muladd(x[v + k], r, b0)
            out[u + j] = a0
            out[v + j] = b0
            j += 1


@jit_part
def _store_block(out: Any, at: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    out[at] = a
    out[at + 1] = b
    out[at + 2] = c
    out[at + 3] = d
