"""What `omp_sweeps` declares, for real numbers: by vectors, everything in one sweep."""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .omp_rules import NORMALIZED, OLS, OMP
from .pointers import after
from .vectors import (
    above,
    as_place,
    both,
    lanes,
    largest,
    load,
    lower,
    lowest,
    magnitude,
    minus_product,
    over,
    pick,
    places,
    plus,
    plus_product,
    positive,
    spread,
    store,
    times,
    total,
)

__all__ = ["UNROLL", "begin", "energy", "inner", "residual_energy", "scan", "subtract", "sweep"]

UNROLL = 4  # vectors in a tile


@jit_part
def _consider(rule: Any, c: Any, given: Any, best: Any, block: Any) -> Any:
    """The best of each lane, and with the correlations c of a block of atoms.

    `given` is 1/||a|| or d, by the rule.
    """
    score, rest, where = best
    if rule == OLS:
        # |c|^2/d > score/rest, without a division
        size = times(c, c)
        better = above(times(size, rest), times(score, given))
        better = both(better, positive(given))
        rest = pick(better, given, rest)
    else:
        size = magnitude(c)
        if rule == NORMALIZED:
            size = times(size, given)
        better = above(size, score)
    return pick(better, size, score), rest, pick(better, as_place(c, block), where)


@jit_part
def _nothing(place: Any) -> Any:
    """Best score, its d and block, before a sweep."""
    zero = spread(place, 0.0)
    return zero, spread(place, 1.0), as_place(zero, 0)


@jit_part
def _score(rule: Any, best: Any) -> Any:
    return over(best[0], best[1]) if rule == OLS else best[0]


@jit_part
def _larger(x: Any, y: Any) -> Any:
    return pick(above(x, y), x, y)


@jit_part
def _winner(rule: Any, p: Any, q: Any, r: Any, s: Any) -> Any:
    """The first atom with the best score of all lanes."""
    x, y, z, w = _score(rule, p), _score(rule, q), _score(rule, r), _score(rule, s)
    most = largest(_larger(_larger(x, y), _larger(z, w)))
    if not most > 0:
        return -1
    left = lower(places(x, most, p[2]), places(y, most, q[2]))
    right = lower(places(z, most, r[2]), places(w, most, s[2]))
    return lowest(lower(left, right))


@jit_part
def _admit(rule: Any, c: Any, side: Any, columns: Any, block: Any, best: Any) -> Any:
    """The best after one more block of correlations, without what depends on the chosen atoms."""
    at, given = block * lanes(side), c
    if rule != OMP:
        given = load(side, at)
    if rule == OLS:
        c = pick(above(given, load(side, columns + at)), c, spread(side, 0.0))
    return _consider(rule, c, given, best, block)


@jit_part
def _step(rule: Any, x: Any, beta: Any, c: Any, side: Any, block: Any, best: Any) -> Any:
    """Correlations and d after a step with the new row x, and the best after them.

    What depends on the chosen atoms may be the best here: it is found out when it is chosen.
    """
    part = minus_product(load(c, 0), beta, x)
    store(c, 0, part)
    at, given = block * lanes(side), part
    if rule != OMP:
        given = load(side, at)
    if rule == OLS:
        given = minus_product(given, x, x)
        store(side, at, given)
    return _consider(rule, part, given, best, block)


def begin(
    rule: Any, work: Any, side: Any, stride: Any, width: Any, tiles: Any, c: Any, bans: Any,
    squares: Any,
) -> Any:  # fmt: skip
    n = lanes(work)
    for q in range(tiles):
        for u in range(UNROLL):
            at = q * width + u * n
            store(work, q * stride + u * n, plus(load(c, at), load(bans, at)))
            if rule == OLS:
                store(side, at, load(squares, at))
    return _scan(rule, work, side, stride, width, tiles)


@jit_part
def _scan(rule: Any, work: Any, side: Any, stride: Any, width: Any, tiles: Any) -> Any:
    n, columns = lanes(work), tiles * width
    best0, best1, best2, best3 = _nothing(work), _nothing(work), _nothing(work), _nothing(work)
    for q in range(tiles):
        c, block = after(work, q * stride), q * UNROLL
        best0 = _admit(rule, load(c, 0), side, columns, block, best0)
        best1 = _admit(rule, load(c, n), side, columns, block + 1, best1)
        best2 = _admit(rule, load(c, 2 * n), side, columns, block + 2, best2)
        best3 = _admit(rule, load(c, 3 * n), side, columns, block + 3, best3)
    return _winner(rule, best0, best1, best2, best3)


def scan(rule: Any, work: Any, side: Any, stride: Any, width: Any, tiles: Any) -> Any:
    return _scan(rule, work, side, stride, width, tiles)


def sweep(
    rule: Any, work: Any, side: Any, stride: Any, width: Any, tiles: Any, row: Any, whole: Any,
    tail: Any, t: Any, factors: Any,
) -> Any:  # fmt: skip
    n = lanes(work)
    # Four running bests, and four sums below: each is a chain of dependent instructions.
    best0, best1, best2, best3 = _nothing(work), _nothing(work), _nothing(work), _nothing(work)
    beta, scale = spread(work, factors[t]), spread(work, factors[t + 1])
    for q in range(tiles):
        c, block = after(work, q * stride), q * UNROLL
        # W[t] = (G[j] - l^H W[:t]) / nu
        source = after(row, q * width) if q < whole else tail
        x0, x1 = load(source, 0), load(source, n)
        x2, x3 = load(source, 2 * n), load(source, 3 * n)
        w = after(c, width)
        for i in range(t):
            factor = spread(work, factors[i])
            x0 = minus_product(x0, factor, load(w, 0))
            x1 = minus_product(x1, factor, load(w, n))
            x2 = minus_product(x2, factor, load(w, 2 * n))
            x3 = minus_product(x3, factor, load(w, 3 * n))
            w = after(w, width)
        x0, x1, x2, x3 = times(x0, scale), times(x1, scale), times(x2, scale), times(x3, scale)
        store(w, 0, x0)
        store(w, n, x1)
        store(w, 2 * n, x2)
        store(w, 3 * n, x3)
        best0 = _step(rule, x0, beta, c, side, block, best0)
        best1 = _step(rule, x1, beta, after(c, n), side, block + 1, best1)
        best2 = _step(rule, x2, beta, after(c, 2 * n), side, block + 2, best2)
        best3 = _step(rule, x3, beta, after(c, 3 * n), side, block + 3, best3)
    return _winner(rule, best0, best1, best2, best3)


@jit_part
def _energy(y: Any, size: Any) -> Any:
    n = lanes(y)
    whole = size // n * n
    sums = spread(y, 0.0)
    for m in range(0, whole, n):
        part = load(y, m)
        sums = plus_product(sums, part, part)
    result = total(sums)
    for m in range(whole, size):
        result += y[m] * y[m]
    return result


def energy(y: Any, size: Any) -> Any:
    return _energy(y, size)


def inner(x: Any, y: Any, size: Any) -> Any:
    n = lanes(x)
    whole = size // (2 * n) * (2 * n)
    even, odd = spread(x, 0.0), spread(x, 0.0)
    for m in range(0, whole, 2 * n):
        even = plus_product(even, load(x, m), load(y, m))
        odd = plus_product(odd, load(x, m + n), load(y, m + n))
    result = total(plus(even, odd))
    for m in range(whole, size):
        result += x[m] * y[m]
    return result


@jit_part
def _subtract(y: Any, factor: Any, x: Any, size: Any) -> None:
    n = lanes(y)
    whole, same = size // n * n, spread(y, factor)
    for m in range(0, whole, n):
        store(y, m, minus_product(load(y, m), same, load(x, m)))
    for m in range(whole, size):
        y[m] -= factor * x[m]


def subtract(y: Any, factor: Any, x: Any, size: Any) -> Any:
    _subtract(y, factor, x, size)


@jit_part
def _subtract_four(rest: Any, x: Any, atoms: Any, dictionary: Any, size: Any, whole: Any) -> None:
    a, b = after(dictionary, atoms[0] * size), after(dictionary, atoms[1] * size)
    c, d = after(dictionary, atoms[2] * size), after(dictionary, atoms[3] * size)
    p, q, u, v = spread(x, x[0]), spread(x, x[1]), spread(x, x[2]), spread(x, x[3])
    for m in range(0, whole, lanes(rest)):
        r = minus_product(load(rest, m), p, load(a, m))
        r = minus_product(r, q, load(b, m))
        r = minus_product(r, u, load(c, m))
        store(rest, m, minus_product(r, v, load(d, m)))
    for m in range(whole, size):
        rest[m] = rest[m] - x[0] * a[m] - x[1] * b[m] - x[2] * c[m] - x[3] * d[m]


def residual_energy(
    y: Any, size: Any, dictionary: Any, atoms: Any, x: Any, count: Any, rest: Any
) -> Any:
    n = lanes(y)
    whole = size // n * n
    for m in range(size):
        rest[m] = y[m]
    # Few atoms at a time: memory is fetched ahead for some streams only.
    fours = count // 4 * 4
    for s in range(0, fours, 4):
        _subtract_four(rest, after(x, s), after(atoms, s), dictionary, size, whole)
    for s in range(fours, count):
        _subtract(rest, x[s], after(dictionary, atoms[s] * size), size)
    return _energy(rest, size)
