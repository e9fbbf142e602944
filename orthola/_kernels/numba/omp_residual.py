"""Orthogonal matching pursuit without a Gram matrix: all signals of a chunk in step.

Correlations with the residuals are products on BLAS, tile by tile of atoms, and never kept; each
signal has an orthonormal basis Q of its atoms. For orthogonal least squares the squared rest d of
every atom is kept, updated by one more product with the last directions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core.errors import Status
from .jit import jit, jit_part
from .omp_rules import NORMALIZED, OLS, RULES
from .omp_solve import solve_triangle
from .omp_sweeps import energy, inner, residual_energy, subtract
from .omp_units import exponents, scaled
from .pointers import address, after, pointer, pointer_at

__all__ = ["pursue_residuals"]

_OK, _NONFINITE = int(Status.OK), int(Status.NONFINITE)
_EXHAUSTED, _MISSED = int(Status.EXHAUSTED), int(Status.TOLERANCE_NOT_MET)


def pursue_residuals(
    plan: Any, signals: Any, dictionary: Any, gram: Any, squares: Any, counts: Any,
    tolerances: Any, mask: Any, barred: Any, results: tuple[Any, ...],
) -> None:  # fmt: skip
    """Code signals (b, M) into the rows of `results`; as `pursue_rows`, the Gram matrix unread."""
    units = exponents(signals)
    if units is not None:
        signals = scaled(signals, -units[:, None])
    rule, k = RULES[plan.rule], plan.k_max
    (items, features), atoms = signals.shape, len(dictionary)
    dtype, real = signals.dtype, squares.dtype
    usable = (squares > 0) & (squares < np.inf)
    rests = np.repeat(squares[None], items if rule == OLS else 0, axis=0)
    residual, basis = signals.copy(), np.empty((items, k, features), dtype)
    upper, rhs = np.empty((items, k, k), dtype), np.empty((items, k), dtype)
    indices, coefficients, n_active, norms, status = results
    y, atoms_at = address(signals), address(dictionary)
    _open(y, residual, counts, tolerances, indices, coefficients, n_active, norms, status)
    tile = min(plan.tile_atoms, atoms)
    for t in range(k):
        active = np.flatnonzero(status == _GOING)
        if active.size == 0:
            break
        best, scores = np.full(items, -1), np.zeros(items, real)
        for first in range(0, atoms, tile):
            part = dictionary[first : first + tile]
            with np.errstate(all="ignore"):
                if rule == OLS and t > 0:
                    _reduce(rests, active, _product(basis[active, t - 1], part), first)
                c = _product(residual[active], part).conj()
            _look(
                rule, plan.dependence, c, active, first, squares, usable, rests, mask, barred,
                indices, t, scores, best,
            )  # fmt: skip
        _extend(
            rule, plan.dependence, plan.floor, active, best, atoms_at, squares, usable, rests,
            mask, barred, residual, basis, upper, rhs, counts, tolerances, t, indices,
            n_active, norms, status,
        )  # fmt: skip
    _close(y, atoms_at, residual, upper, rhs, *results)
    if units is not None:
        coefficients[:] = scaled(coefficients, units[:, None])
        norms[:] = scaled(norms, units)


_GOING = -1


def _product(x: Any, part: Any) -> Any:
    """<x, a> for each row x and each atom."""
    return x.conj() @ part.T


@jit
def _open(
    signals: int, residual: Any, counts: Any, tolerances: Any, indices: Any, coefficients: Any,
    n_active: Any, norms: Any, status: Any,
) -> None:  # fmt: skip
    """Empty codes; `norms` is ||y|| for now, and the status of what goes on is -1."""
    features = residual.shape[1]
    y = pointer_at(signals, residual)
    for s in range(len(counts)):
        indices[s] = -1
        coefficients[s] = 0
        square = float(energy(after(y, s * features), features))
        n_active[s], norms[s], status[s] = 0, math.sqrt(square), _GOING
        met = tolerances[s] > 0 and (tolerances[s] >= 1 or square == 0)
        if not square < np.inf:
            norms[s], status[s] = np.nan, _NONFINITE
        elif met:
            status[s] = _OK
        elif counts[s] <= 0:
            status[s] = _MISSED if tolerances[s] > 0 else _OK


@jit
def _reduce(rests: Any, active: Any, rows: Any, first: int) -> None:
    """Take |<q, a>|^2 off the rests d."""
    for i in range(len(active)):
        d, row = rests[active[i], first:], rows[i]
        for n in range(len(row)):
            d[n] -= row[n].real * row[n].real + row[n].imag * row[n].imag


@jit_part
def _ban(
    s: int, row: Any, first: int, mask: Any, barred: Any, usable: Any, indices: Any, t: int
) -> None:
    """NaN for the atoms ``first ...`` that signal s may not use."""
    count = len(row)
    for n in range(count):
        if not usable[first + n]:
            row[n] = np.nan
    if len(mask):
        never = mask[min(s, len(mask) - 1)]
        for n in range(count):
            if never[first + n]:
                row[n] = np.nan
    for j in barred[s]:
        if first <= j < first + count:
            row[j - first] = np.nan
    for i in range(t):
        j = indices[s, i]
        if first <= j < first + count:
            row[j - first] = np.nan


@jit_part
def _best(
    rule: int, dependence: float, s: int, row: Any, first: int, squares: Any, rests: Any,
    score: Any, atom: int,
) -> Any:  # fmt: skip
    """The best score so far with its atom, and with the correlations of atoms ``first ...``."""
    for n in range(len(row)):
        size = row[n].real * row[n].real + row[n].imag * row[n].imag
        j = first + n
        if rule == NORMALIZED:
            size /= squares[j]
        elif rule == OLS:
            d = rests[s, j]
            size = size / d if d > dependence * squares[j] else size * 0
        if size > score:
            score, atom = size, j
    return score, atom


@jit
def _look(
    rule: int, dependence: float, c: Any, active: Any, first: int, squares: Any, usable: Any,
    rests: Any, mask: Any, barred: Any, indices: Any, t: int, scores: Any, best: Any,
) -> None:  # fmt: skip
    """Merge a tile of correlations into the best atoms; tiles come in order, so ties are stable."""
    for i in range(len(active)):
        s = active[i]
        _ban(s, c[i], first, mask, barred, usable, indices, t)
        scores[s], best[s] = _best(
            rule, dependence, s, c[i], first, squares, rests, scores[s], best[s]
        )


@jit_part
def _split(v: Any, basis: Any, features: int, t: int, column: Any) -> Any:
    """Take the part in the basis off v, twice, and return what is left, squared."""
    for i in range(t):
        column[i] = 0
    for _ in range(2):
        for i in range(t):
            q = after(basis, i * features)
            part = inner(q, v, features)
            column[i] += part
            subtract(v, part, q, features)
    return float(energy(v, features))


@jit
def _extend(
    rule: int, dependence: float, floor: float, active: Any, best: Any, dictionary: int,
    squares: Any, usable: Any, rests: Any, mask: Any, barred: Any, residual: Any,
    basis: Any, upper: Any, rhs: Any, counts: Any, tolerances: Any, t: int, indices: Any,
    n_active: Any, norms: Any, status: Any,
) -> None:  # fmt: skip
    """Step t of every active signal: one more atom, or its end."""
    atoms, features, k = len(squares), residual.shape[1], rhs.shape[1]
    given = pointer_at(dictionary, residual)
    row = np.empty(0, residual.dtype)  # correlations, where they are needed again
    for s in active:
        r, j, known = after(pointer(residual), s * features), best[s], False
        q = after(pointer(basis), s * k * features)
        v, column = after(q, t * features), after(pointer(upper), (s * k + t) * k)
        left = 0.0
        while j >= 0:
            a = after(given, j * features)
            if abs(inner(a, r, features)) <= floor * math.sqrt(squares[j]) * norms[s]:
                j = -1
                break
            for m in range(features):
                v[m] = a[m]
            left = _split(v, q, features, t, column)
            if left > dependence * squares[j]:
                break
            if not known:
                row = np.empty(atoms, residual.dtype)
                for n in range(atoms):
                    row[n] = inner(after(given, n * features), r, features)
                _ban(s, row, 0, mask, barred, usable, indices, t)
                known = True
            row[j] = np.nan
            _, j = _best(rule, dependence, s, row, 0, squares, rests, squares[0] * 0, -1)
        if j < 0:
            status[s] = _EXHAUSTED
            continue
        nu = math.sqrt(left)
        for m in range(features):
            v[m] /= nu
        beta = inner(v, r, features)
        subtract(r, beta, v, features)
        column[t], rhs[s, t], indices[s, t] = 1 / nu, beta, j
        n_active[s] = t + 1
        if tolerances[s] > 0 and math.sqrt(energy(r, features)) <= tolerances[s] * norms[s]:
            status[s] = _OK
        elif t + 1 == counts[s]:
            status[s] = _MISSED if tolerances[s] > 0 else _OK


@jit
def _close(
    signals: int, dictionary: int, residual: Any, upper: Any, rhs: Any, indices: Any,
    coefficients: Any, n_active: Any, norms: Any, status: Any,
) -> None:  # fmt: skip
    """Coefficients R x = b, and the norm of the residual y - x A, which overwrites `residual`."""
    features, k = residual.shape[1], rhs.shape[1]
    y, given = pointer_at(signals, residual), pointer_at(dictionary, residual)
    for s in range(len(status)):
        t = n_active[s]
        if t == 0:
            continue
        place, x = s * k, after(pointer(coefficients), s * k)
        solve_triangle(after(pointer(upper), place * k), k, after(pointer(rhs), place), t, x)
        norms[s] = math.sqrt(
            residual_energy(
                after(y, s * features), features, given, after(pointer(indices), place), x, t,
                after(pointer(residual), s * features),
            )
        )  # fmt: skip
