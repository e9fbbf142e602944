"""Householder QR with column pivoting of eight matrices side by side."""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lane_inverse import exchange
from .lane_memory import after, as_numbers, as_real, parts_of, zero
from .lanes import (
    LANES,
    any_lane,
    conjugate,
    muladd,
    reciprocal,
    root,
    select,
    splat,
    square,
)

__all__ = ["multiply_q", "triangularise"]

# A column is passed over for another one only if that is longer by this factor: diagonals then
# still fall fast enough to show small singular values, and most exchanges are spared.
_KEEP = 1.5
# Squares below these have lost digits, or would: what is left of a column is taken for zero, which
# is an error far below rounding since items are scaled; the direction of its head does not matter.
_NOTHING = 1e-200
_NOTHING_BESIDE = 1e-40


@jit_part
def triangularise(
    x: Any, r: Any, tau: Any, columns: Any, line: Any, ld: int, m: int, n: int
) -> None:
    """Split x = Q r P^T for m >= n: r (n x n) becomes upper triangular, x the reflectors of Q.

    Column k of x then holds the vector v of I - tau[k] v v^H in rows k and below; column k of
    the permuted x was number columns[k] (n vectors, and a spare one). `line` is work space of n
    vectors.
    """
    for k in range(n):
        columns[k] = float(k)
    for k in range(n):
        _bring_column(x, columns, as_real(line), ld, m, n, k)
        tail = splat(0.0)
        for i in range(k + 1, m):
            tail = tail + square(x[i * ld + k])
        row = after(x, k * ld)
        head = row[k]
        total = square(head) + tail
        there, norm, size = total > _NOTHING, root(total), root(square(head))
        # v = column + phase(head) norm e_k, without cancellation; tau = 2 / |v|^2.
        phase = select(square(head) > total * _NOTHING_BESIDE, head * reciprocal(size), 1.0)
        tau[k] = select(there, reciprocal(norm * (norm + size)), 0.0)
        row[k] = head + phase * norm
        _reflect(x, k, tau[k], x, line, ld, m, n, k + 1)
        r[k * ld + k] = select(there, zero(r) - phase * norm, head)
    for i in range(n):
        for j in range(i):
            r[i * ld + j] = 0.0
        for j in range(i + 1, n):
            r[i * ld + j] = x[i * ld + j]


@jit_part
def _bring_column(x: Any, columns: Any, sizes: Any, ld: int, m: int, n: int, k: int) -> None:
    """Exchange column k with the longest one from row k on, in the lanes that need it."""
    for j in range(k, n):
        sizes[j] = 0.0
    for i in range(k, m):
        for j in range(k, n):
            sizes[j] = sizes[j] + square(x[i * ld + j])
    kept = sizes[k] * _KEEP**2
    longest, where = kept, splat(float(k))
    for j in range(k + 1, n):
        longer = sizes[j] > longest
        longest, where = select(longer, sizes[j], longest), select(longer, float(j), where)
    if not any_lane(longest > kept):
        return
    columns[n] = where
    chosen = as_numbers(after(columns, n))
    parts = parts_of(x)
    for lane in range(LANES):
        p = int(chosen[lane])
        if p != k:
            exchange(as_numbers(columns), k * LANES + lane, p * LANES + lane, 1, LANES)
            for part in range(parts):
                a, b = (k * parts + part) * LANES + lane, (p * parts + part) * LANES + lane
                exchange(as_numbers(x), a, b, m, ld * parts * LANES)


@jit_part
def multiply_q(
    x: Any, tau: Any, columns: Any, w: Any, y: Any, line: Any, ld: int, m: int, n: int
) -> None:
    """W (m x n), of which only the first n rows count, becomes Q w P^T; y is work space like r."""
    parts = parts_of(x)
    source, target, place = as_numbers(w), as_numbers(y), as_numbers(columns)
    for lane in range(LANES):
        for j in range(n):
            for part in range(parts):
                a = (j * parts + part) * LANES + lane
                b = (int(place[j * LANES + lane]) * parts + part) * LANES + lane
                for _ in range(n):
                    target[b] = source[a]
                    a += ld * parts * LANES
                    b += ld * parts * LANES
    for i in range(m):
        for j in range(n):
            w[i * ld + j] = y[i * ld + j] if i < n else zero(y)
    for k in range(n - 1, -1, -1):
        _reflect(x, k, tau[k], w, line, ld, m, n, 0)


@jit_part
def _reflect(
    x: Any, k: int, tau: Any, w: Any, line: Any, ld: int, m: int, n: int, first: int
) -> None:
    """W -= tau v (v^H w) with v = column k of x, on columns `first` to n of w."""
    for j in range(first, n):
        line[j] = 0.0
    for i in range(k, m):
        v, row = conjugate(x[i * ld + k]), after(w, i * ld)
        for j in range(first, n):
            line[j] = muladd(v, row[j], line[j])
    for i in range(k, m):
        v, row = x[i * ld + k] * (-1.0 * tau), after(w, i * ld)
        for j in range(first, n):
            row[j] = muladd(v, line[j], row[j])
