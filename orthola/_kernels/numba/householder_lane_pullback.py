"""Reverse mode of Q E and Q X for small matrices, eight side by side: UT form.

The formulas are those of `orthola._maps.reflector_derivatives`; matrices are stored by rows.
"""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .lane_memory import after, zero
from .lanes import conjugate, muladd, real_part

__all__ = ["pull_back", "untie"]


@jit_part
def pull_back(
    v: Any, tau: Any, x: Any, bar: Any, vbar: Any, taubar: Any, g: Any, a: Any, b: Any, f: Any,
    m: int, k: int, p: int, trapezoid: bool, adjoint: bool, fresh: bool,
) -> None:  # fmt: skip
    """Cotangents of V, tau and X from that of Q X or Q^H X, which becomes that of X.

    `fresh`: X = E, and only V and tau have a cotangent. g is k x k, and a, b, f are k x p.
    """
    if fresh:  # Z = V_1^H
        for i in range(k):
            for c in range(p):
                a[i * p + c] = conjugate(v[c * k + i])
    else:
        _adjoint_times(a, v, x, 1.0, m, k, p, trapezoid)
    _adjoint_times(b, v, bar, -1.0, m, k, p, trapezoid)
    if adjoint:
        a, b = b, a
    triangular = trapezoid and fresh  # so are Z and S
    _gram(g, v, m, k, trapezoid)
    _solve_upper(g, tau, a, f, k, p, triangular)
    _solve_lower(g, tau, b, k, p)
    _couple(g, tau, taubar, a, b, f, k, p, triangular)
    s, zbar = (b, f) if adjoint else (f, b)
    for r in range(m):
        done = min(r, k) if trapezoid else k  # V is zero beyond
        _row_of_vbar(r, min(done + 1, k), v, bar, s, zbar, x, vbar, g, k, p, triangular, fresh)
    if fresh:
        for c in range(p):
            for j in range(k):
                vbar[c * k + j] = vbar[c * k + j] + conjugate(zbar[j * p + c])
        return
    for r in range(m):
        for j in range(min(r + 1, k) if trapezoid else k):
            t = v[r * k + j]
            for c in range(p):
                bar[r * p + c] = muladd(t, zbar[j * p + c], bar[r * p + c])


@jit_part
def _adjoint_times(
    out: Any, v: Any, x: Any, sign: float, m: int, k: int, p: int, trapezoid: bool
) -> None:
    """Out = sign V^H X; two rows at a time, an odd last one as a pair with itself."""
    for i in range(0, k, 2):
        pair = min(i + 1, k - 1)
        top = i if trapezoid else 0
        u, w = after(out, i * p), after(out, pair * p)
        c = 0
        while c + 4 <= p:
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero(out)
            for r in range(top, m):
                s, t = conjugate(v[r * k + i]), conjugate(v[r * k + pair])
                row = after(x, r * p + c)
                a0, b0 = muladd(s, row[0], a0), muladd(t, row[0], b0)
                a1, b1 = muladd(s, row[1], a1), muladd(t, row[1], b1)
                a2, b2 = muladd(s, row[2], a2), muladd(t, row[2], b2)
                a3, b3 = muladd(s, row[3], a3), muladd(t, row[3], b3)
            u[c], u[c + 1], u[c + 2], u[c + 3] = sign * a0, sign * a1, sign * a2, sign * a3
            w[c], w[c + 1], w[c + 2], w[c + 3] = sign * b0, sign * b1, sign * b2, sign * b3
            c += 4
        while c < p:
            a0 = b0 = zero(out)
            for r in range(top, m):
                t = x[r * p + c]
                a0 = muladd(conjugate(v[r * k + i]), t, a0)
                b0 = muladd(conjugate(v[r * k + pair]), t, b0)
            u[c], w[c] = sign * a0, sign * b0
            c += 1


@jit_part
def _gram(g: Any, v: Any, m: int, k: int, trapezoid: bool) -> None:
    """Strict upper triangle of V^H V."""
    for i in range(k):
        for j in range(i + 1, k):
            total = zero(g)
            for r in range(j if trapezoid else 0, m):
                total = muladd(conjugate(v[r * k + i]), v[r * k + j], total)
            g[i * k + j] = total


@jit_part
def _solve_upper(g: Any, tau: Any, a: Any, f: Any, k: int, p: int, triangular: bool) -> None:
    """F = M^-1 D A."""
    for i in range(k - 1, -1, -1):
        first = i if triangular else 0
        for c in range(min(first, p)):
            f[i * p + c] = 0.0
        for c in range(first, p):
            total = a[i * p + c]
            for j in range(i + 1, min(k, c + 1) if triangular else k):
                total = muladd(0.0 - g[i * k + j], f[j * p + c], total)
            f[i * p + c] = tau[i] * total


@jit_part
def _solve_lower(g: Any, tau: Any, b: Any, k: int, p: int) -> None:
    """B becomes Y = M^-H B; a finished row is taken from all that follow."""
    for i in range(k):
        for j in range(i + 1, k):
            t = 0.0 - conjugate(tau[i] * g[i * k + j])
            for c in range(p):
                b[j * p + c] = muladd(t, b[i * p + c], b[j * p + c])


@jit_part
def _couple(
    g: Any, tau: Any, taubar: Any, a: Any, y: Any, f: Any, k: int, p: int, triangular: bool
) -> None:
    """G becomes W + W^H, Y becomes D^H Y, and taubar is found."""
    for i in range(k):
        first = i if triangular else 0
        bar = zero(g)
        for c in range(first, p):
            bar = muladd(y[i * p + c], conjugate(a[i * p + c]), bar)
        for j in range(i + 1, k):
            total = zero(g)
            for c in range(j if triangular else 0, p):
                total = muladd(y[i * p + c], conjugate(f[j * p + c]), total)
            total = 0.0 - total
            bar = muladd(total, conjugate(g[i * k + j]), bar)
            w = conjugate(tau[i]) * total
            g[i * k + j], g[j * k + i] = w, conjugate(w)
        g[i * k + i] = 0.0
        taubar[i] = bar
    for i in range(k):
        for c in range(p):
            y[i * p + c] = conjugate(tau[i]) * y[i * p + c]


@jit_part
def _row_of_vbar(
    r: int, done: int, v: Any, bar: Any, s: Any, zbar: Any, x: Any, vbar: Any, g: Any, k: int,
    p: int, triangular: bool, fresh: bool,
) -> None:  # fmt: skip
    """Row r of V (W + W^H) - Obar S^H + X Zbar^H, the last term only if X is at hand."""
    j = 0
    while j < k:
        more = min(j + 1, k - 1), min(j + 2, k - 1), min(j + 3, k - 1)
        a0 = a1 = a2 = a3 = zero(vbar)
        for i in range(done):
            t, row = v[r * k + i], after(g, i * k)
            a0, a1 = muladd(t, row[j], a0), muladd(t, row[more[0]], a1)
            a2, a3 = muladd(t, row[more[1]], a2), muladd(t, row[more[2]], a3)
        for c in range(j if triangular else 0, p):
            t = 0.0 - bar[r * p + c]
            a0, a1, a2, a3 = _plus_conjugates(t, s, c, p, j, more, a0, a1, a2, a3)
        if not fresh:
            for c in range(p):
                t = x[r * p + c]
                a0, a1, a2, a3 = _plus_conjugates(t, zbar, c, p, j, more, a0, a1, a2, a3)
        out = after(vbar, r * k)
        out[more[2]], out[more[1]], out[more[0]], out[j] = a3, a2, a1, a0
        j += 4


@jit_part
def _plus_conjugates(
    t: Any, s: Any, c: int, p: int, j: int, more: Any, a0: Any, a1: Any, a2: Any, a3: Any
) -> Any:
    """Entries c of the rows j and `more` of S, conjugated, times t are added to four sums."""
    return (
        muladd(t, conjugate(s[j * p + c]), a0),
        muladd(t, conjugate(s[more[0] * p + c]), a1),
        muladd(t, conjugate(s[more[1] * p + c]), a2),
        muladd(t, conjugate(s[more[2] * p + c]), a3),
    )


@jit_part
def untie(v: Any, tau: Any, scale: Any, vbar: Any, taubar: Any, m: int, k: int) -> None:
    """What tau = 2/||v||^2 adds to the cotangent of V, and the scale of the columns."""
    for j in range(k):
        factor = real_part(tau[j])
        factor = 0.0 - factor * factor * real_part(taubar[j])
        for r in range(m):
            vbar[r * k + j] = muladd(factor, v[r * k + j], vbar[r * k + j]) * scale[j]
