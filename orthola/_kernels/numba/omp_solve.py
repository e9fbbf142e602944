"""Coefficients from the triangular factor that a pursuit has built."""

from __future__ import annotations

from typing import Any

from .jit import jit_part
from .omp_sweeps import inner
from .pointers import after

__all__ = ["improve_solution", "solve_triangle"]


@jit_part
def solve_triangle(upper: Any, k: int, rhs: Any, t: int, x: Any) -> None:
    """R x = b of order t. Column s of R stands in row s of `upper` (k, k), with 1/R[s, s]."""
    for i in range(t):
        x[i] = rhs[i]
    for s in range(t - 1, -1, -1):
        column = after(upper, s * k)
        x[s] *= column[s]
        for i in range(s):
            x[i] -= column[i] * x[s]


@jit_part
def improve_solution(
    upper: Any, k: int, t: int, dictionary: Any, chosen: Any, features: int, rest: Any,
    step: Any, x: Any,
) -> None:  # fmt: skip
    """X += R^-1 R^-H conj(A_S) (y - x A_S), the residual being in `rest`; `step` is overwritten.

    After this R is as good as one from QR (corrected seminormal equations: A. Bjoerck,
    doi:10.1016/0024-3795(87)90101-7).
    """
    for s in range(t):
        column = after(upper, s * k)
        z = inner(after(dictionary, chosen[s] * features), rest, features)
        for i in range(s):
            z -= column[i].conjugate() * step[i]
        step[s] = z * column[s]
    for s in range(t - 1, -1, -1):
        column = after(upper, s * k)
        step[s] *= column[s]
        for i in range(s):
            step[i] -= column[i] * step[s]
    for s in range(t):
        x[s] += step[s]
