"""Sums over the points of eight items at a time: means, norms, cross product; residual.

Stacks of points are seen as real numbers, a row of a complex one as pairs. The corrected two-pass
algorithm of Chan, Golub and LeVeque (1983, doi:10.1080/00031305.1983.10483115).
"""

from __future__ import annotations

import math
from typing import Any

from .jit import jit_part
from .lane_items import load
from .lane_memory import after, as_real, zero
from .lanes import conjugate, muladd, reciprocal, root, select, splat, square

__all__ = ["residual_norm", "sums", "work_vectors"]

_ROWS = 8  # rows brought into lanes before they are used: stored numbers are slow to read at once


def work_vectors(n: int) -> int:
    """Vectors of work space."""
    return (2 * _ROWS + 2) * n + _ROWS


@jit_part
def sums(
    a: Any, b: Any, w: Any, first: int, stop: int, translation: bool,
    work: Any, mean: Any, cross: Any, n: int,
) -> Any:  # fmt: skip
    """Sum of the weights, ||A||_F^2 and ||B||_F^2 about the means; negative weights make them NaN.

    `mean` (2 n vectors) and `cross` (n n, by columns) are filled; `work` is `work_vectors(n)`.
    """
    m, weighted = a.shape[1], w.shape[1] > 0
    x, y = work, after(work, _ROWS * n)
    rest, f = after(work, 2 * _ROWS * n), as_real(after(work, (2 * _ROWS + 2) * n))
    for j in range(2 * n):
        mean[j] = zero(work)
        rest[j] = zero(work)
    for j in range(n * n):
        cross[j] = zero(work)
    weight, p, q, g = splat(0.0), splat(0.0), splat(0.0), splat(1.0)
    for centred in range(0 if translation else 1, 2):
        weight = splat(0.0)
        for i in range(0, m, _ROWS):
            rows = min(_ROWS, m - i)
            load(a[:, i : i + rows], first, stop, x, n)
            load(b[:, i : i + rows], first, stop, y, n)
            if weighted:
                load(w[:, i : i + rows], first, stop, f, 1)
            for k in range(rows):
                if weighted:
                    g = select(f[k] < 0.0, splat(math.nan), f[k])
                weight = weight + g
                for j in range(n):
                    s, t = x[k * n + j] - mean[j], y[k * n + j] - mean[n + j]
                    p, q = muladd(g, square(s), p), muladd(g, square(t), q)
                    t = g * t
                    rest[j], rest[n + j] = muladd(g, s, rest[j]), rest[n + j] + t
                    x[k * n + j], y[k * n + j] = conjugate(s), t
                if centred == 1:
                    for col in range(n):
                        t = y[k * n + col]
                        for j in range(n):
                            cross[col * n + j] = muladd(x[k * n + j], t, cross[col * n + j])
        if centred == 0:
            up = reciprocal(weight)
            for j in range(2 * n):
                mean[j] = rest[j] * up
                rest[j] = zero(work)
            p, q = splat(0.0), splat(0.0)
    if translation:
        up = reciprocal(weight)
        for col in range(n):
            t = rest[n + col]
            for j in range(n):
                s = splat(0.0) - up * conjugate(rest[j])
                cross[col * n + j] = muladd(s, t, cross[col * n + j])
        for j in range(n):
            p = p - up * square(rest[j])
            q = q - up * square(rest[n + j])
        for j in range(2 * n):
            mean[j] = muladd(up, rest[j], mean[j])
    return weight, p, q


@jit_part
def residual_norm(
    a: Any, b: Any, w: Any, first: int, stop: int,
    work: Any, mean: Any, rotation: Any, scale: Any, n: int,
) -> Any:  # fmt: skip
    """||W^(1/2) (s A_c R - B_c)||_F from the points themselves; R by rows."""
    m, weighted = a.shape[1], w.shape[1] > 0
    x, y = work, after(work, _ROWS * n)
    f, total = as_real(after(work, (2 * _ROWS + 2) * n)), splat(0.0)
    for i in range(0, m, _ROWS):
        rows = min(_ROWS, m - i)
        load(a[:, i : i + rows], first, stop, x, n)
        load(b[:, i : i + rows], first, stop, y, n)
        if weighted:
            load(w[:, i : i + rows], first, stop, f, 1)
        for k in range(rows):
            for j in range(n):
                x[k * n + j] = scale * (x[k * n + j] - mean[j])
            part = splat(0.0)
            for col in range(n):
                e = mean[n + col] - y[k * n + col]
                for j in range(n):
                    e = muladd(x[k * n + j], rotation[j * n + col], e)
                part = part + square(e)
            total = muladd(f[k], part, total) if weighted else total + part
    return root(total)
