"""Polar factors of stacks of small matrices, real or complex, square or tall.

Scaled Newton iteration, finished by one step of third order from a Gram matrix that is the
certificate at the same time. Eight items at a time go through all of it in one pass. A square
item is tried as it is; where the residual says that this was not accurate, and for tall items,
the iteration runs on the triangular factor of a QR factorisation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core.errors import Status
from .jit import jit, jit_part
from .lane_inverse import PANEL
from .lane_items import MARKS, fetch, put_back
from .lane_newton import newton
from .lane_products import add_product, adjoint_product
from .lane_qr import multiply_q, triangularise
from .lanes import (
    LANES,
    any_lane,
    conjugate,
    muladd,
    real_part,
    select,
    splat,
    square,
)

__all__ = ["polar_chunk", "workspace_vectors"]

_OK, _RANK_DEFICIENT = float(Status.OK), float(Status.RANK_DEFICIENT)
_NOT_CONVERGED = float(Status.NOT_CONVERGED)
_U = 2.0**-53
# Largest |I - G| before the last step, per sqrt(n): Newton leaves 3e-6 or less. The step
# leaves 5/16 of the cube, at most 2.4e-15 for n = 32.
_DEFECT = 3.5e-6


def workspace_vectors(m: int, n: int) -> int:
    """Vectors of work space that `polar_chunk` needs."""
    return (3 * m + 2 * n + PANEL) * (n | 1) + 3 * n + 1 + MARKS


@jit
def polar_chunk(
    a: Any, u: Any, h: Any, status: Any, eps: float, work: Any, start: int, stop: int
) -> None:
    """Items `start` to `stop` of a stack; arrays C-contiguous, complex ones seen as real.

    The kind of `work` (float64 or complex128, `workspace_vectors` of LANES numbers) says
    whether a row of `a` (m x n), `u` and `h` is n numbers or n pairs. `eps` is that of the
    stack's dtype.
    """
    m, n = a.shape[1], h.shape[1]
    parts = a.shape[2] // n
    ld = n | 1  # an odd number of vectors per row: columns fall on different cache sets
    item, x, w, rest = _cut(work, m * ld, m * ld, m * ld)
    y, g, rows, rest = _cut(rest, n * ld, n * ld, PANEL * ld)
    line, tau, order, marks = _cut(rest, n, n, n + 1)
    itemf, xf, wf, yf = _numbers(item), _numbers(x), _numbers(w), _numbers(y)
    order, marks = _numbers(order), _numbers(marks)
    for first in range(start, stop, LANES):
        fetch(a, first, stop, itemf, ld * parts, parts, marks)
        direct = m == n
        while True:
            if direct:
                _copy(item, x, ld, n, n)
            else:
                _copy(item, w, ld, m, n)
                triangularise(w, x, ld, m, n, tau, line)
            total, regular, deficient = newton(x, xf, y, yf, order, rows, ld, n, m * eps, direct)
            if not direct:
                multiply_q(w, tau, x, ld, m, n, line)
            good = _finish(item, x, w, y, g, ld, m, n, total, direct) & regular
            code = select(deficient, splat(_RANK_DEFICIENT), splat(_OK))
            code = select(good, code, splat(_NOT_CONVERGED))
            marks[2] = code
            put_back(u, h, status, first, stop, wf, yf, ld * parts, parts, marks)
            if not direct or not any_lane(code > splat(_RANK_DEFICIENT)):
                break
            direct = False  # once more for the lanes without a result


@jit_part
def _cut(work: Any, a: int, b: int, c: int) -> Any:
    """Three pieces of so many vectors, and the rest."""
    a, b, c = a * LANES, (a + b) * LANES, (a + b + c) * LANES
    return work[:a], work[a:b], work[b:c], work[c:]


@jit_part
def _numbers(work: Any) -> Any:
    return work.view(np.float64)


@jit_part
def _copy(source: Any, target: Any, ld: int, m: int, n: int) -> None:
    for i in range(m):
        for j in range(n):
            target[i * ld + j] = source[i * ld + j]


@jit_part
def _finish(
    item: Any,
    x: Any,
    w: Any,
    y: Any,
    g: Any,
    ld: int,
    m: int,
    n: int,
    total: Any,
    direct: bool,
) -> Any:
    """Last step x -> w, Hermitian factor y; true in the lanes whose certificate holds."""
    half, one, two = splat(0.5), splat(1.0), splat(2.0)
    adjoint_product(y, x, x, ld, m, n, True)
    defect = splat(0.0)
    for i in range(n):
        v = one - real_part(y[i * ld + i])
        defect = defect + square(v)
        y[i * ld + i] = v
        for j in range(i):
            v = splat(-1.0) * y[i * ld + j]
            defect = defect + two * square(v)
            y[i * ld + j] = v
            y[j * ld + i] = conjugate(v)
    # W = X (I - E)^(-1/2) to third order, E = I - X^H X (Higham 2008, 10.1137/1.9780898717778,
    # section 8.6): w = x + x (E / 2 + 3 E^2 / 8).
    adjoint_product(g, y, y, ld, n, n, True)
    for i in range(n):
        for j in range(i + 1):
            v = muladd(splat(0.375), g[i * ld + j], half * y[i * ld + j])
            y[i * ld + j] = v
            y[j * ld + i] = conjugate(v)
    add_product(w, x, y, ld, m, n)
    # H = sym(W^H A); for a square item ||W H - A|| is the norm of what this drops.
    adjoint_product(y, w, item, ld, m, n, False)
    dropped = splat(0.0)
    for i in range(n):
        v = y[i * ld + i]
        dropped = dropped + square(v - real_part(v))
        y[i * ld + i] = real_part(v)
        for j in range(i):
            p, q = y[i * ld + j], conjugate(y[j * ld + i])
            dropped = dropped + half * square(p - q)
            v = half * (p + q)
            y[i * ld + j] = v
            y[j * ld + i] = conjugate(v)
    allowed = (2.0 * np.sqrt(n) + 10.0) * _U if direct else (10.0 * np.sqrt(n) + 60.0) * _U
    # Comparisons with NaN are false: such a lane is not certified.
    return (splat(_DEFECT**2 * n) > defect) & (total * splat(allowed**2) > dropped)
