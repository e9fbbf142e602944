"""What `omp_sweeps` declares, for complex numbers: in plain loops."""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .omp_rules import NORMALIZED, OLS
from .pointers import after

__all__ = ["begin", "energy", "inner", "residual_energy", "scan", "subtract", "sweep"]


@jit_part
def _score(rule: Any, c: Any, side: Any, columns: Any, at: Any) -> Any:
    """A number that is above those of worse atoms; 0 for what may not enter."""
    size = float(c.real * c.real + c.imag * c.imag)
    if rule == NORMALIZED:
        return size * side[at] * side[at]
    if rule == OLS:
        return size / side[at] if side[at] > side[columns + at] else 0.0
    return size


def begin(
    rule: Any, work: Any, side: Any, stride: Any, width: Any, tiles: Any, c: Any, bans: Any,
    squares: Any,
) -> Any:  # fmt: skip
    atom, best = -1, 0.0
    for q in range(tiles):
        for u in range(width):
            at = q * width + u
            work[q * stride + u] = c[at] + bans[at]
            if rule == OLS:
                side[at] = squares[at]
            score = _score(rule, work[q * stride + u], side, tiles * width, at)
            if score > best:
                atom, best = at, score
    return atom


def scan(rule: Any, work: Any, side: Any, stride: Any, width: Any, tiles: Any) -> Any:
    atom, best = -1, 0.0
    for q in range(tiles):
        for u in range(width):
            at = q * width + u
            score = _score(rule, work[q * stride + u], side, tiles * width, at)
            if score > best:
                atom, best = at, score
    return atom


def sweep(
    rule: Any, work: Any, side: Any, stride: Any, width: Any, tiles: Any, row: Any, whole: Any,
    tail: Any, t: Any, factors: Any,
) -> Any:  # fmt: skip
    atom, best = -1, 0.0
    beta, scale = factors[t], factors[t + 1].real
    for q in range(tiles):
        c = after(work, q * stride)
        new = after(c, (t + 1) * width)
        source = after(row, q * width) if q < whole else tail
        # W[t] = (G[j] - l^H W[:t]) / nu
        for u in range(width):
            new[u] = source[u]
        for i in range(t):
            factor, old = factors[i].conjugate(), after(c, (i + 1) * width)
            for u in range(width):
                new[u] -= factor * old[u]
        for u in range(width):
            w, at = new[u] * scale, q * width + u
            new[u] = w
            c[u] -= beta * w.conjugate()
            if rule == OLS:
                side[at] -= w.real * w.real + w.imag * w.imag
            score = _score(rule, c[u], side, tiles * width, at)
            if score > best:
                atom, best = at, score
    return atom


@jit_part
def _energy(y: Any, size: Any) -> Any:
    result = 0.0
    for m in range(size):
        result += y[m].real * y[m].real + y[m].imag * y[m].imag
    return result


def energy(y: Any, size: Any) -> Any:
    return _energy(y, size)


def inner(x: Any, y: Any, size: Any) -> Any:
    result = x[0] * 0
    for m in range(size):
        result += x[m].conjugate() * y[m]
    return result


@jit_part
def _subtract(y: Any, factor: Any, x: Any, size: Any) -> None:
    for m in range(size):
        y[m] -= factor * x[m]


def subtract(y: Any, factor: Any, x: Any, size: Any) -> Any:
    _subtract(y, factor, x, size)


def residual_energy(
    y: Any, size: Any, dictionary: Any, atoms: Any, x: Any, count: Any, rest: Any
) -> Any:
    for m in range(size):
        rest[m] = y[m]
    for s in range(count):
        _subtract(rest, x[s], after(dictionary, atoms[s] * size), size)
    return _energy(rest, size)
