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
from .lane_memory import after, as_real, memory
from .lane_newton import newton
from .lane_products import add_product, adjoint_product
from .lane_qr import multiply_q, triangularise
from .lanes import LANES, any_lane, conjugate, muladd, real_part, select, splat, square

__all__ = ["polar_chunk", "workspace_vectors"]

_OK, _RANK_DEFICIENT = float(Status.OK), float(Status.RANK_DEFICIENT)
_NOT_CONVERGED = float(Status.NOT_CONVERGED)
_U = 2.0**-53
# Largest ||I - G||_F before the last step, per sqrt(n); Newton leaves 3e-6 or less. The step
# leaves 5/16 of the cube, at most 2.4e-15 for n = 32.
_DEFECT = 3.5e-6


def workspace_vectors(m: int, n: int) -> int:
    """Vectors of work space that `polar_chunk` needs."""
    return (3 * m + 2 * n + PANEL) * (n | 1) + 4 * n + 2 + MARKS


@jit
def polar_chunk(
    a: Any, u: Any, h: Any, status: Any, eps: float, work: Any, start: int, stop: int
) -> None:
    """Items `start` to `stop` of a stack; arrays C-contiguous, complex ones seen as real.

    The dtype of `work` (float64 or complex128, `workspace_vectors` times LANES numbers) says
    whether a row of `a` (m x n), `u` and `h` is n numbers or n pairs. `eps` is that of the
    stack's own dtype.
    """
    m, n = a.shape[1], h.shape[1]
    ld = n | 1  # an odd number of vectors per row: columns fall on different cache sets
    item = memory(work)
    x = after(item, m * ld)
    w = after(x, m * ld)
    y = after(w, m * ld)
    g = after(y, n * ld)
    rows = after(g, n * ld)
    line = after(rows, PANEL * ld)
    tau = after(line, n)
    order = as_real(after(tau, n))
    columns = after(order, n + 1)
    marks = after(columns, n + 1)
    for first in range(start, stop, LANES):
        fetch(a, first, stop, item, ld, marks)
        direct = m == n
        while True:
            if direct:
                _copy(item, x, ld, n, n)
            else:
                _copy(item, w, ld, m, n)
                triangularise(w, x, tau, columns, line, ld, m, n)
            total, run, deficient = newton(x, y, order, rows, ld, n, m * eps, direct)
            if not direct:
                multiply_q(w, tau, columns, x, y, line, ld, m, n)
            good = run & _finish(item, x, w, y, g, ld, m, n, total, direct)
            code = select(deficient, splat(_RANK_DEFICIENT), _OK)
            code = select(good, code, _NOT_CONVERGED)
            put_back(u, h, status, first, stop, w, y, code, ld, marks)
            if not direct or not any_lane(code > _RANK_DEFICIENT):
                break
            direct = False  # once more for the lanes without a result


@jit_part
def _copy(source: Any, target: Any, ld: int, m: int, n: int) -> None:
    for i in range(m):
        for j in range(n):
            target[i * ld + j] = source[i * ld + j]


@jit_part
def _finish(
    item: Any, x: Any, w: Any, y: Any, g: Any, ld: int, m: int, n: int, total: Any, direct: bool
) -> Any:
    """Last step x -> w, Hermitian factor y; true in the lanes whose certificate holds."""
    adjoint_product(y, x, x, ld, m, n, True)
    defect = splat(0.0)
    for i in range(n):
        e = 1.0 - real_part(y[i * ld + i])
        defect = defect + square(e)
        y[i * ld + i] = e
        for j in range(i):
            f = -1.0 * y[i * ld + j]
            defect = defect + 2.0 * square(f)
            y[i * ld + j], y[j * ld + i] = f, conjugate(f)
    # W = X (I - E)^(-1/2) to third order, E = I - X^H X (Higham 2008, 10.1137/1.9780898717778,
    # section 8.6): w = x + x (E / 2 + 3 E^2 / 8).
    adjoint_product(g, y, y, ld, n, n, True)
    for i in range(n):
        for j in range(i + 1):
            f = muladd(0.375, g[i * ld + j], 0.5 * y[i * ld + j])
            y[i * ld + j], y[j * ld + i] = f, conjugate(f)
    add_product(w, x, y, ld, m, n)
    # H = sym(W^H A); for a square item ||W H - A||_F is the norm of what this drops.
    adjoint_product(y, w, item, ld, m, n, False)
    dropped = splat(0.0)
    for i in range(n):
        f = y[i * ld + i]
        dropped = dropped + square(f - real_part(f))
        y[i * ld + i] = real_part(f)
        for j in range(i):
            p, q = y[i * ld + j], conjugate(y[j * ld + i])
            dropped = dropped + 0.5 * square(p - q)
            f = 0.5 * (p + q)
            y[i * ld + j], y[j * ld + i] = f, conjugate(f)
    allowed = (2.0 * np.sqrt(n) + 10.0) * _U if direct else (10.0 * np.sqrt(n) + 60.0) * _U
    # Comparisons with NaN are false: such a lane is not certified.
    return (defect < _DEFECT**2 * n) & (dropped < total * allowed**2)
