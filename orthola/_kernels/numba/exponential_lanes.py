"""exp and its first derivative, eight small skew-Hermitian matrices side by side.

The method is that of `orthola._maps.squaring`, with approximants up to degree 9 only: up to their
norms p(-A) has a positive definite Hermitian part, so that it is divided by without row exchanges.
"""

from __future__ import annotations

import math
from typing import Any

from .jit import jit, jit_part
from .lane_items import load, take
from .lane_memory import after, as_numbers, as_real, memory, parts_of, zero
from .lanes import LANES, conjugate, muladd, power_of_two, reciprocal, select, splat
from .lanes import square as modulus

__all__ = ["NOTES", "exponential_chunk", "workspace_vectors"]

NOTES = 3  # vectors of numbers that belong to the items: scale, norm, squarings
_MATRICES = 7


def workspace_vectors(n: int, components: int) -> int:
    """Vectors of work space that a chunk needs."""
    return _MATRICES * components * n * (n | 1) + NOTES


@jit
def exponential_chunk(
    a: Any, e: Any, q: Any, known: float, tops: Any, table: Any, limits: Any, components: int,
    work: Any, start: int, stop: int,
) -> None:  # fmt: skip
    """Items `start` to `stop` of C-contiguous stacks, complex ones seen as real.

    q becomes exp(a) for one component, the derivative along e for two. `known` is a bound of the
    norms or negative, `limits` are the squarings without correction, those between two, and the
    most that make sense. The dtype of `work` says whether numbers are pairs.
    """
    n = a.shape[1]
    ld = n | 1  # an odd number of vectors per row: columns fall on different cache sets
    one = n * ld
    size = components * one
    x = memory(work)
    x2, x4, x6, x8 = after(x, size), after(x, 2 * size), after(x, 3 * size), after(x, 4 * size)
    even, odd = after(x, 5 * size), after(x, 6 * size)
    notes = as_real(after(x, 7 * size))
    free, apart, most = limits
    top = tops[len(tops) - 1]
    for first in range(start, stop, LANES):
        load(a, first, stop, x, ld)
        if components == 2:
            load(e, first, stop, after(x, one), ld)
        poison = _scale_down(x, notes, ld, n, size)
        _times(x2, x, x, ld, n, components)
        _times(x4, x2, x2, ld, n, components)
        notes[1] = _eighth_powers(x4, ld, n)
        numbers = as_numbers(notes)
        largest, rounds = 0.0, 0
        for lane in range(LANES):
            scale = numbers[lane]
            norm = known if known > 0.0 else numbers[LANES + lane] ** 0.125 * scale
            if not norm < math.inf:
                norm, scale = 0.0, 1.0  # the item is not finite
            halvings = max(math.frexp(norm / top)[1], 0) if norm > 0.0 else 0
            numbers[lane] = math.ldexp(scale, -halvings)
            numbers[2 * LANES + lane] = float(min(halvings, most))
            largest = max(largest, math.ldexp(norm, -halvings))
            rounds = max(rounds, min(halvings, most))
        choice = 0
        while choice < len(tops) - 1 and largest > tops[choice]:
            choice += 1
        if choice > 0:
            _times(x6, x4, x2, ld, n, components)
        if choice > 1:
            _times(x8, x4, x4, ld, n, components)
        _polynomials(x2, x4, x6, x8, even, odd, notes[0], table[choice], choice, ld, n, size)
        _times(x2, odd, x, ld, n, components)
        _quotient(even, x2, x, ld, n, components)
        for j in range(rounds):
            _times(x2, x, x, ld, n, components)
            _keep(x, x2, notes[2] > float(j), size)
            done = j - free
            if done >= 0 and (done % apart == apart - 1 or j == rounds - 1):
                _correct(x, x4, x6, notes[2] > float(j - done % apart), ld, n)
        out = after(x, size - one)
        for i in range(n):
            for j in range(n):
                out[i * ld + j] = out[i * ld + j] + poison
        for lane in range(min(LANES, stop - first)):
            take(q, first + lane, as_numbers(out), ld * parts_of(out), lane)


@jit_part
def _scale_down(x: Any, notes: Any, ld: int, n: int, size: int) -> Any:
    """Divide by a power of two per item, so that powers are in range; NaN where not finite."""
    largest, poison, parts = splat(0.0), zero(x), parts_of(x)
    real = as_real(x)
    for i in range(n):
        for j in range(n):
            poison = muladd(0.0, x[i * ld + j], poison)
            for part in range(parts):
                v = real[(i * ld + j) * parts + part]
                v = select(v > 0.0, v, 0.0 - v)
                largest = select(v > largest, v, largest)
    scale = select(largest > 1.0, power_of_two(largest), 1.0)
    notes[0] = scale
    factor = reciprocal(scale)
    for component in range(0, size, n * ld):
        for i in range(n):
            for j in range(n):
                at = component + i * ld + j
                x[at] = x[at] * factor
    return poison


@jit_part
def _eighth_powers(x4: Any, ld: int, n: int) -> Any:
    """Sum of the eighth powers of the angles; in real matrices each occurs twice."""
    total = splat(0.0)
    for i in range(n):
        for j in range(n):
            total = total + modulus(x4[i * ld + j])
    return total if parts_of(x4) == 2 else 0.5 * total


@jit_part
def _polynomials(
    x2: Any, x4: Any, x6: Any, x8: Any, even: Any, odd: Any, f: Any, c: Any, choice: int, ld: int,
    n: int, size: int,
) -> None:  # fmt: skip
    """Even part of p(f X), and the odd part without one factor X."""
    g = f * f
    g2, g3, g4 = g * g, g * g * g, g * g * g * g
    c2, c4, c6, c8 = c[0, 1] * g, c[0, 2] * g2, c[0, 3] * g3, c[0, 4] * g4
    s1 = c[1, 0] * f
    s3, s5, s7, s9 = c[1, 1] * g * f, c[1, 2] * g2 * f, c[1, 3] * g3 * f, c[1, 4] * g4 * f
    for start in range(0, size, ld):  # rows, of all components
        for k in range(start, start + n):
            v, w = x2[k], x4[k]
            e, o = c2 * v + c4 * w, s3 * v + s5 * w
            if choice > 0:
                v = x6[k]
                e, o = muladd(c6, v, e), muladd(s7, v, o)
            if choice > 1:
                v = x8[k]
                e, o = muladd(c8, v, e), muladd(s9, v, o)
            even[k], odd[k] = e, o
    for i in range(n):
        even[i * ld + i] = even[i * ld + i] + c[0, 0]
        odd[i * ld + i] = odd[i * ld + i] + s1


@jit_part
def _quotient(even: Any, odd: Any, out: Any, ld: int, n: int, components: int) -> None:
    """Out = (even - odd)^-1 (even + odd); both arguments are spoilt."""
    one = n * ld
    for start in range(0, components * one, ld):
        for k in range(start, start + n):
            e, o = even[k], odd[k]
            out[k], even[k] = e + o, e - o
    _factor(even, ld, n)
    _solve(even, out, ld, n)
    if components == 2:  # M_0 X_1 = R_1 - M_1 X_0
        m = after(even, one)
        for start in range(0, one, ld):
            for k in range(start, start + n):
                m[k] = zero(m) - m[k]
        _multiply(after(out, one), m, out, ld, n, True)
        _solve(even, after(out, one), ld, n)


@jit_part
def _factor(m: Any, ld: int, n: int) -> None:
    """M = L U without row exchanges: -L and -U beside the diagonal, which holds 1/U."""
    for k in range(n):
        pivot = reciprocal(m[k * ld + k])
        m[k * ld + k] = pivot
        for i in range(k + 1, n):
            f = zero(m) - m[i * ld + k] * pivot
            m[i * ld + k] = f
            for j in range(k + 1, n):
                m[i * ld + j] = muladd(f, m[k * ld + j], m[i * ld + j])
    for i in range(n):
        for j in range(i + 1, n):
            m[i * ld + j] = zero(m) - m[i * ld + j]


@jit_part
def _solve(m: Any, r: Any, ld: int, n: int) -> None:
    """R <- U^-1 L^-1 R."""
    for i in range(n):
        _add_rows(r, m, ld, n, i, 0, i)
    for i in range(n - 1, -1, -1):
        _add_rows(r, m, ld, n, i, i + 1, n)
        for j in range(n):
            r[i * ld + j] = m[i * ld + i] * r[i * ld + j]


@jit_part
def _add_rows(r: Any, m: Any, ld: int, n: int, i: int, low: int, high: int) -> None:
    """Row i of R += sum of M[i, k] times row k, low <= k < high."""
    u, f = after(r, i * ld), after(m, i * ld)
    j = 0
    while j + 4 <= n:
        a0, a1, a2, a3 = u[j], u[j + 1], u[j + 2], u[j + 3]
        for k in range(low, high):
            s, row = f[k], after(r, k * ld + j)
            a0, a1 = muladd(s, row[0], a0), muladd(s, row[1], a1)
            a2, a3 = muladd(s, row[2], a2), muladd(s, row[3], a3)
        u[j], u[j + 1], u[j + 2], u[j + 3] = a0, a1, a2, a3
        j += 4
    while j < n:
        a0 = u[j]
        for k in range(low, high):
            a0 = muladd(f[k], r[k * ld + j], a0)
        u[j] = a0
        j += 1


@jit_part
def _keep(x: Any, y: Any, wanted: Any, size: int) -> None:
    """Y for x in the lanes that are wanted."""
    for k in range(size):
        x[k] = select(wanted, y[k], x[k])


@jit_part
def _correct(q: Any, g: Any, w: Any, wanted: Any, ld: int, n: int) -> None:
    """Q <- q (3I - q^H q)/2 in the lanes that are wanted."""
    for i in range(n):
        for j in range(n):
            w[i * ld + j] = -0.5 * conjugate(q[j * ld + i])
    _multiply(g, w, q, ld, n, False)
    for i in range(n):
        g[i * ld + i] = g[i * ld + i] + 1.5
    _multiply(w, q, g, ld, n, False)
    _keep(q, w, wanted, n * ld)


@jit_part
def _times(out: Any, x: Any, y: Any, ld: int, n: int, components: int) -> None:
    """Product of matrices with derivatives."""
    one = n * ld
    _multiply(out, x, y, ld, n, False)
    if components == 2:
        _multiply(after(out, one), x, after(y, one), ld, n, False)
        _multiply(after(out, one), after(x, one), y, ld, n, True)


@jit_part
def _multiply(out: Any, x: Any, y: Any, ld: int, n: int, add: bool) -> None:
    """Out = x y, or out += x y; 2 x 4 results at a time stay in registers."""
    for i in range(0, n, 2):
        pair = min(i + 1, n - 1)
        x0, x1 = after(x, i * ld), after(x, pair * ld)
        u, v = after(out, i * ld), after(out, pair * ld)
        j = 0
        while j + 4 <= n:
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero(out)
            if add:
                a0, a1, a2, a3 = u[j], u[j + 1], u[j + 2], u[j + 3]
                b0, b1, b2, b3 = v[j], v[j + 1], v[j + 2], v[j + 3]
            for k in range(n):
                s, t = x0[k], x1[k]
                row = after(y, k * ld + j)
                a0, b0 = muladd(s, row[0], a0), muladd(t, row[0], b0)
                a1, b1 = muladd(s, row[1], a1), muladd(t, row[1], b1)
                a2, b2 = muladd(s, row[2], a2), muladd(t, row[2], b2)
                a3, b3 = muladd(s, row[3], a3), muladd(t, row[3], b3)
            u[j], u[j + 1], u[j + 2], u[j + 3] = a0, a1, a2, a3
            v[j], v[j + 1], v[j + 2], v[j + 3] = b0, b1, b2, b3
            j += 4
        while j < n:
            a0 = b0 = zero(out)
            if add:
                a0, b0 = u[j], v[j]
            for k in range(n):
                r = y[k * ld + j]
                a0, b0 = muladd(x0[k], r, a0), muladd(x1[k], r, b0)
            u[j], v[j] = a0, b0
            j += 1
