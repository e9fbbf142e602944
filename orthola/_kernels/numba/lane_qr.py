"""Householder QR of eight tall matrices side by side."""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lanes import conjugate, muladd, reciprocal, root, select, splat, square, zero

__all__ = ["multiply_q", "triangularise"]


@jit_part
def triangularise(x: Any, r: Any, ld: int, m: int, n: int, tau: Any, line: Any) -> None:
    """Split x = Q r for m > n: r (n x n) becomes upper triangular, x the reflectors of Q.

    Column k of x then holds the vector v of I - tau[k] v v^H in rows k and below. Entries too
    small for their squares to be numbers are left out, an error far below rounding since the
    items are scaled. `tau` and `line` are work space of n vectors.
    """
    for k in range(n):
        tail = splat(0.0)
        for i in range(k + 1, m):
            tail = tail + square(x[i * ld + k])
        head = x[k * ld + k]
        size = root(square(head))
        norm = root(square(head) + tail)
        # v = column + phase(head) norm e_k, without cancellation; tau = 2 / |v|^2.
        phase = select(size > splat(0.0), head * reciprocal(size), splat(1.0))
        scale = norm * (norm + size)
        tau[k] = select(scale > splat(0.0), reciprocal(scale), splat(0.0))
        x[k * ld + k] = head + phase * norm
        _reflect(x, k, tau[k], x, k + 1, ld, m, n, line)
        for j in range(k):
            r[k * ld + j] = splat(0.0)
        r[k * ld + k] = zero(r) - phase * norm
        for j in range(k + 1, n):
            r[k * ld + j] = x[k * ld + j]


@jit_part
def multiply_q(x: Any, tau: Any, w: Any, ld: int, m: int, n: int, line: Any) -> None:
    """Overwrite w (m x n), of which the first n rows count, by Q times these rows."""
    for i in range(n, m):
        for j in range(n):
            w[i * ld + j] = splat(0.0)
    for k in range(n - 1, -1, -1):
        _reflect(x, k, tau[k], w, 0, ld, m, n, line)


@jit_part
def _reflect(
    x: Any, k: int, tau: Any, w: Any, first: int, ld: int, m: int, n: int, line: Any
) -> None:
    """W -= tau v (v^H w) with v = column k of x, on columns `first` to n of w."""
    for j in range(first, n):
        line[j] = splat(0.0)
    for i in range(k, m):
        v = conjugate(x[i * ld + k])
        for j in range(first, n):
            line[j] = muladd(v, w[i * ld + j], line[j])
    minus = splat(0.0) - tau
    for i in range(k, m):
        v = minus * x[i * ld + k]
        for j in range(first, n):
            w[i * ld + j] = muladd(v, line[j], w[i * ld + j])
