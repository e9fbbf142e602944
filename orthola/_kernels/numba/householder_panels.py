"""Householder reflectors in panels: UT form, BLAS in place, zeros above the diagonal left out.

Q = I - V M^-1 D V^H for each panel, M = I + D striu(V^H V), as in `orthola._maps.reflectors`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .blas import ADJOINT, PLAIN, TRANSPOSED, multiply, solve_upper
from .jit import jit, jit_part

__all__ = ["Form", "apply_panels", "product_panels"]


class Form(NamedTuple):
    """How reflectors are given, and how many are taken at a time."""

    by_rows: bool  # V^T is stored (V by columns, as LAPACK does); real numbers only
    packed: bool  # V is unit lower trapezoidal, of which only what is below the diagonal is read
    tied: bool  # tau = 2/||v||^2 is to be computed
    low: float  # norms^2 outside of low ... high are left to a text that scales
    high: float
    width: int


@jit_part
def _workspace(width: int, like: Any, rows: int, columns: int) -> Any:
    """Memory for V_1, M and W."""
    return (
        np.empty((width, width), like.dtype),
        np.empty((width, width), like.dtype),
        np.empty((rows, columns), like.dtype),
    )


@jit_part
def _panel(gemm: int, form: Any, v: Any, tau: Any, a: int, b: int, work: Any) -> Any:
    """Triangle V_1, V_2 below it and M of the reflectors a ... b - 1; are they of moderate size?

    Without packing V_1 has no rows. Of M the strict upper triangle is valid.
    """
    n, top = b - a, b if form.packed else 0
    v1, g = work[0][: n if form.packed else 0, :n], work[1][:n, :n]
    if form.by_rows:
        v2 = v[a:b, top:]
        multiply(gemm, v2, PLAIN, v2, TRANSPOSED, 1.0, 0.0, g)
    else:
        v2 = v[top:, a:b]
        multiply(gemm, v2, ADJOINT, v2, PLAIN, 1.0, 0.0, g)
    if form.packed:
        for i in range(n):
            for j in range(i):
                v1[i, j] = v[a + j, a + i] if form.by_rows else v[a + i, a + j]
            v1[i, i] = 1
            for j in range(i + 1, n):
                v1[i, j] = 0
        multiply(gemm, v1, ADJOINT, v1, PLAIN, 1.0, 1.0, g)
    moderate = True
    for i in range(n):
        if form.tied:
            size = g[i, i].real
            moderate = moderate and form.low < size < form.high
            tau[a + i] = 2 / size
        for j in range(i + 1, n):
            g[i, j] *= tau[a + i]
    return v1, v2, g, moderate


@jit
def product_panels(
    blas: Any, form: Any, v: Any, tau: Any, q: Any, moderate: Any, start: int, stop: int
) -> None:
    """First columns of the products of reflectors, for items start ... stop - 1."""
    columns = q.shape[2]
    # Packed reflectors leave the columns before their first row alone.
    k = min(tau.shape[1], columns) if form.packed else tau.shape[1]
    work = _workspace(form.width, q, form.width, columns)
    into = PLAIN if form.by_rows else ADJOINT
    back = TRANSPOSED if form.by_rows else PLAIN
    for item in range(start, stop):
        moderate[item], out = True, q[item]
        out[:] = 0
        for i in range(columns):
            out[i, i] = 1
        for panel in range((k - 1) // form.width, -1, -1):
            a = panel * form.width
            b = min(a + form.width, k)
            v1, v2, g, fine = _panel(blas.gemm, form, v[item], tau[item], a, b, work)
            moderate[item] = moderate[item] and fine
            # So far the result is [I 0; 0 Q_2]: W = V^H Q = [V_1^H, V_2^H Q_2].
            left, known = (a, b - a) if form.packed else (0, 0)
            below = left + known
            w = work[2][: b - a, left:]
            for i in range(b - a):
                for j in range(known):
                    w[i, j] = np.conj(v1[j, i])
                if b == k:  # Q_2 = E
                    for j in range(columns - below):
                        w[i, known + j] = np.conj(v2[i, j] if form.by_rows else v2[j, i])
            if b < k:
                multiply(blas.gemm, v2, into, out[below:, below:], PLAIN, 1.0, 0.0, w[:, known:])
            _between(blas.trsm, g, tau[item, a:b], w, False, False)
            multiply(blas.gemm, v1, PLAIN, w, PLAIN, -1.0, 1.0, out[left:below, left:])
            multiply(blas.gemm, v2, back, w, PLAIN, -1.0, 1.0, out[below:, left:])


@jit
def apply_panels(
    blas: Any, form: Any, v: Any, tau: Any, x: Any, moderate: Any, conjugate: bool, right: bool,
    start: int, stop: int,
) -> None:  # fmt: skip
    """Overwrite X by Q X or (`conjugate`) Q^H X; with `right`, X^H is what is stored."""
    k = tau.shape[1]
    last = (k - 1) // form.width
    rows, columns = (x.shape[1], form.width) if right else (form.width, x.shape[2])
    work = _workspace(form.width, x, rows, columns)
    into = PLAIN if form.by_rows else ADJOINT
    back = TRANSPOSED if form.by_rows else PLAIN
    if right:
        into, back = back, into
    for item in range(start, stop):
        moderate[item] = True
        for number in range(last + 1):
            a = (number if conjugate else last - number) * form.width
            b = min(a + form.width, k)
            v1, v2, g, fine = _panel(blas.gemm, form, v[item], tau[item], a, b, work)
            moderate[item] = moderate[item] and fine
            n, factors = b - a, tau[item, a:b]
            middle = a + len(v1)
            if right:
                w, x1, x2 = work[2][:, :n], x[item][:, a:middle], x[item][:, middle:]
                if not form.packed:
                    x2 = x[item]
                multiply(blas.gemm, x2, PLAIN, v2, into, 1.0, 0.0, w)
                multiply(blas.gemm, x1, PLAIN, v1, PLAIN, 1.0, 1.0, w)
            else:
                w, x1, x2 = work[2][:n], x[item][a:middle], x[item][middle:]
                if not form.packed:
                    x2 = x[item]
                multiply(blas.gemm, v2, into, x2, PLAIN, 1.0, 0.0, w)
                multiply(blas.gemm, v1, ADJOINT, x1, PLAIN, 1.0, 1.0, w)
            _between(blas.trsm, g, factors, w, conjugate, right)
            if right:
                multiply(blas.gemm, w, PLAIN, v1, ADJOINT, -1.0, 1.0, x1)
                multiply(blas.gemm, w, PLAIN, v2, back, -1.0, 1.0, x2)
            else:
                multiply(blas.gemm, v1, PLAIN, w, PLAIN, -1.0, 1.0, x1)
                multiply(blas.gemm, v2, back, w, PLAIN, -1.0, 1.0, x2)


@jit_part
def _between(trsm: int, m: Any, tau: Any, w: Any, conjugate: bool, right: bool) -> None:
    """W becomes S = M^-1 D W or D^H M^-H W; with `right`, both are stored as adjoints."""
    if conjugate:
        solve_upper(trsm, m, not right, w, right)
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            factor = tau[j if right else i]
            w[i, j] *= factor if conjugate == right else np.conj(factor)
    if not conjugate:
        solve_upper(trsm, m, right, w, right)
