"""Orthogonal matching pursuit with stored rows: one signal at a time, its rows of W in cache.

The Cholesky factor R of the Gram matrix of the chosen atoms grows by columns that are read off W;
`omp_sweeps` does the work over all atoms.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core.errors import Status
from .jit import jit, jit_part
from .lane_memory import workspace
from .omp_rules import OLS, RULES
from .omp_solve import improve_solution, solve_triangle
from .omp_sweeps import begin, energy, residual_energy, scan, sweep, tile_width
from .omp_units import exponents, scaled
from .pointers import address, after, pointer, pointer_at

__all__ = ["pursue_rows"]

_OK, _NONFINITE = int(Status.OK), int(Status.NONFINITE)
_EXHAUSTED, _MISSED = int(Status.EXHAUSTED), int(Status.TOLERANCE_NOT_MET)
_DOUBT = 100.0  # in (t + 1) eps ||y||^2: below it the recursion for ||r||^2 is not believed ...
_SLACK = 1.05  # ... and above it is right to some percent
_DEPENDENT = 1e-3  # d / ||a||^2 of a chosen atom below which the Gram matrix costs digits


def pursue_rows(
    plan: Any, signals: Any, dictionary: Any, gram: Any, squares: Any, counts: Any,
    tolerances: Any, mask: Any, barred: Any, results: tuple[Any, ...],
) -> None:  # fmt: skip
    """Code signals (b, M) into the rows of `results`; all arrays in C order.

    `squares` are the ||a||^2; `mask` (0, N), (1, N) or (b, N) and `barred` (b, e), filled up with
    -1, exclude atoms.
    """
    dtype, real, k = signals.dtype, squares.dtype, plan.k_max
    atoms, features = dictionary.shape
    width = tile_width(dtype)
    tiles, stride = -(-atoms // width), max(k, 1) * width
    columns = tiles * width
    units = exponents(signals)
    if units is not None:
        signals = scaled(signals, -units[:, None])
    c = workspace(-(-(len(signals) * atoms + width) // 8), dtype)
    product = c[: len(signals) * atoms].reshape(len(signals), atoms)
    with np.errstate(all="ignore"):
        if dtype.kind == "c":
            np.conj(np.conj(signals) @ dictionary.T, out=product)
        else:
            np.matmul(signals, dictionary.T, out=product)
    work = workspace(-(-tiles * stride // 8), dtype)
    rows = workspace(columns // 2, real).reshape(4, columns)  # bans, squares, and `side`
    rows[0], rows[1:] = np.nan, 0
    rows[0, :atoms][(squares > 0) & (squares < np.inf)] = 0
    rows[1, :atoms] = squares
    with np.errstate(all="ignore"):
        if plan.rule == "normalized":
            rows[2, :atoms] = 1 / np.sqrt(squares)
        if plan.rule == "ols":
            rows[3, :atoms] = plan.dependence * squares
    scratch = np.zeros(k * k + 4 * k + 1 + width + features, dtype)
    places = np.zeros(k, np.int64)
    _pursue(
        RULES[plan.rule], plan.dependence, plan.floor, _DOUBT * float(np.finfo(real).eps), k,
        atoms, features, c, address(signals), address(dictionary), address(gram), rows, counts,
        tolerances, mask, barred, work, width, stride, scratch, places, *results,
    )  # fmt: skip
    if units is not None:
        results[1][:] = scaled(results[1], units[:, None])
        results[3][:] = scaled(results[3], units)


@jit_part
def _exclude(
    s: int, mask: Any, barred: Any, work: Any, atoms: int, width: int, stride: int
) -> None:
    if len(mask):
        row = mask[min(s, len(mask) - 1)]
        for n in range(atoms):
            if row[n]:
                work[n // width * stride + n % width] = np.nan
    for n in barred[s]:
        if 0 <= n < atoms:
            work[n // width * stride + n % width] = np.nan


@jit
def _pursue(
    rule: int, dependence: float, floor: float, doubt: float, k: int, atoms: int, features: int,
    correlations: Any, signals: int, dictionary: int, gram: int, rows: Any, counts: Any,
    tolerances: Any, mask: Any, barred: Any, work: Any, width: int, stride: int, scratch: Any,
    places: Any, indices: Any, coefficients: Any, n_active: Any, norms: Any, status: Any,
) -> None:  # fmt: skip
    columns, whole = rows.shape[1], atoms // width
    tiles = columns // width
    bans, squares, side = pointer(rows), pointer(rows[1]), pointer(rows[2])
    w, g = pointer(work), pointer_at(gram, work)
    d, y = pointer_at(dictionary, work), pointer_at(signals, work)
    upper = pointer(scratch)
    b, x = after(upper, k * k), after(upper, k * k + k)
    factors = after(x, k)
    tail = after(factors, k + 1)
    r, chosen = after(tail, width), pointer(places)
    step = after(r, features)
    excluding = len(mask) > 0 or barred.shape[1] > 0
    for s in range(len(counts)):
        for i in range(k):
            indices[s, i], coefficients[s, i] = -1, 0
        square = float(energy(y, features))
        size, tolerance = math.sqrt(square), float(tolerances[s])
        count, t, j, rest = counts[s], 0, -1, square
        met = tolerance > 0 and (tolerance >= 1 or square == 0)
        finite, fresh, known, least = square < np.inf, True, True, 1.0
        if finite and not met and count > 0:
            c = after(pointer(correlations), s * atoms)
            j = begin(rule, w, side, stride, width, tiles, c, bans, squares)
            if excluding:
                _exclude(s, mask, barred, work, atoms, width, stride)
                j = scan(rule, w, side, stride, width, tiles)
        while j >= 0:
            # Dependence shows in what is left of the atom, which is recomputed from its column.
            own = after(w, j // width * stride + j % width)
            c_j = own[0]
            if abs(c_j) <= floor * math.sqrt(squares[j]) * size:
                if rule != OLS or known:
                    break
                # Best only by the rounding in the d of an atom that depends on the chosen ones?
                j, known = scan(rule, w, side, stride, width, tiles), True
                continue
            left = float(squares[j])
            for i in range(t):
                l = own[(i + 1) * width]
                factors[i] = l
                left -= l.real * l.real + l.imag * l.imag
            own[0] = np.nan
            if not left > dependence * squares[j]:
                j, known = scan(rule, w, side, stride, width, tiles), True
                continue
            nu, least = math.sqrt(left), min(least, left / squares[j])
            beta = c_j / nu
            chosen[t], b[t], factors[t], factors[t + 1] = j, beta, beta, 1 / nu
            for i in range(t):
                upper[t * k + i] = factors[i]
            upper[t * k + t] = 1 / nu
            rest -= beta.real * beta.real + beta.imag * beta.imag
            t += 1
            fresh = False
            if tolerance > 0 and rest <= max(_SLACK * tolerance**2, doubt * t) * square:
                solve_triangle(upper, k, b, t, x)
                rest = float(residual_energy(y, features, d, chosen, x, t, r))
                if least < _DEPENDENT:
                    improve_solution(upper, k, t, d, chosen, features, r, step, x)
                    rest = float(residual_energy(y, features, d, chosen, x, t, r))
                met, fresh = math.sqrt(rest) <= tolerance * size, True
            if met or t == count:
                break
            row = after(g, j * atoms)
            for n in range(whole * width, atoms):
                tail[n - whole * width] = row[n]
            j = sweep(rule, w, side, stride, width, tiles, row, whole, tail, t - 1, factors)
            known = False
        if not fresh:
            solve_triangle(upper, k, b, t, x)
            rest = float(residual_energy(y, features, d, chosen, x, t, r))
            if least < _DEPENDENT:
                improve_solution(upper, k, t, d, chosen, features, r, step, x)
                rest = float(residual_energy(y, features, d, chosen, x, t, r))
        for i in range(t):
            indices[s, i], coefficients[s, i] = chosen[i], x[i]
        n_active[s], norms[s], status[s] = t, math.sqrt(rest), _OK
        if not finite:
            norms[s], status[s] = np.nan, _NONFINITE
        elif not met and t < count:
            status[s] = _EXHAUSTED
        elif not met and tolerance > 0:
            status[s] = _MISSED
        y = after(y, features)
