"""The Cayley frame and its pull-back, matrix by matrix: BLAS and the loops around it in one call.

The formulas are those of `orthola._maps.frame_columns` and `frame_derivatives`. For k near 32 the
calls of separate operations would be most of the time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.threads import over_chunks
from .accretive import eliminate, invert_in_place
from .blas import ADJOINT, PLAIN, addresses, multiply
from .jit import jit, jit_part

__all__ = ["frame_pullback_stack", "frame_stack"]

_WHOLE = 48  # order up to which K is inverted by the compiled loop
_PANEL = 4  # rows of its work space
# Squared norm of a row of s A_11, by n and at all, up to which no row exchanges are needed: the
# product of two rows' norms is what an entry may grow by (see `accretive`).
_CALM_BY_ROWS, _CALM = 2.0, 64.0
_WORTH_THREADS = 2**22  # multiply-adds of a stack


def frame_stack(
    x: NDArray[Any], *, scale: float, accepted: float, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Frames of the matrices of a stack.

    Parameters
    ----------
    x : (B, n, k) ndarray of float32, float64, complex64 or complex128
        With n >= k >= 1, of any layout. It is not written to.
    scale : float
        s.
    accepted : float
        Estimated error, in n u, up to which an item is not doubtful.
    threads : int, optional
        Threads at most; default: the processors that the process may use.

    Returns
    -------
    q : (B, n, k) ndarray
        The frames.
    doubtful : (B,) ndarray of bool
        Items that rounding may have spoiled, or that are not finite; to be computed otherwise.
    """
    (x,) = _plain(x)
    items, _, k = x.shape
    q, doubtful = np.empty_like(x), np.empty(items, np.bool_)
    gemm, parts = addresses(x.dtype).gemm, 2 if x.dtype.kind == "c" else 1
    limit = accepted * x.shape[1]

    def small(start: int, stop: int) -> None:
        system, p, line = (np.empty(shape, x.dtype) for shape in ((k, k), (k, k), k))
        real = p.view(x.real.dtype)
        rows = np.empty((_PANEL, k * parts), real.dtype)
        frames(gemm, x, q, doubtful, scale, limit, system, p, real, line, rows, start, stop)

    def large(start: int, stop: int) -> None:
        system = np.empty((k, k), x.dtype)
        for item in range(start, stop):
            calm = form_system(gemm, x[item], scale, system)
            p = system.copy()
            invert_in_place(p)
            doubtful[item] = not (
                calm and finish(gemm, x[item], scale, system, p, q[item]) <= limit
            )

    _over_items(small if k <= _WHOLE else large, x, threads)
    return q, doubtful


def frame_pullback_stack(
    x: NDArray[Any],
    q: NDArray[Any],
    qbar: NDArray[Any],
    *,
    scale: float,
    threads: int | None = None,
) -> NDArray[Any]:
    """Cotangents (B, n, k) of the X whose frames Q have the cotangents `qbar`."""
    x, q, qbar = _plain(x, q, qbar)
    xbar, k = np.empty_like(x), x.shape[-1]
    gemm = addresses(x.dtype).gemm

    def task(start: int, stop: int) -> None:
        p, t = np.empty((2, k, k), x.dtype)
        pull_back(gemm, x, q, qbar, xbar, scale, p, t, start, stop)

    _over_items(task, x, threads)
    return xbar


def _plain(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """One kind of array only: every other one would be compiled anew."""
    return [
        x if x.flags.carray and x.dtype.isnative
        else np.require(x, x.dtype.newbyteorder("="), ["C", "W", "A"])
        for x in arrays
    ]  # fmt: skip


def _over_items(task: Any, x: NDArray[Any], threads: int | None) -> None:
    if len(x) == 1 or x.size * x.shape[-1] < _WORTH_THREADS:
        task(0, len(x))
    else:
        over_chunks(task, len(x), 1, threads=threads, blas=True)


@jit
def frames(
    gemm: int, x: Any, q: Any, doubtful: Any, scale: float, limit: float, system: Any, p: Any,
    real: Any, line: Any, rows: Any, first: int, last: int,
) -> None:  # fmt: skip
    """Items `first` to `last`; `system`, `p`, `line` and `rows` are work space, `real` is p."""
    for item in range(first, last):
        calm = form_system(gemm, x[item], scale, system)
        p[:] = system
        eliminate(p, real, line, rows)
        doubtful[item] = not (calm and finish(gemm, x[item], scale, system, p, q[item]) <= limit)


@jit
def form_system(gemm: int, x: Any, scale: float, system: Any) -> bool:
    """K, and whether its skew-Hermitian part is small enough to go without row exchanges."""
    k = system.shape[0]
    if x.shape[0] > k:
        multiply(gemm, x[k:], ADJOINT, x[k:], PLAIN, scale * scale, 0.0, system)
    else:
        system[:] = 0.0
    s, skew = x.dtype.type(scale), 0.0
    for i in range(k):
        for j in range(i):
            a = s * x[i, j]
            system[i, j] -= a
            system[j, i] += np.conj(a)
            skew += 2.0 * square(a)
        system[i, i] += 1.0
        if np.iscomplexobj(x):
            a = s * (x[i, i] - np.conj(x[i, i]))
            system[i, i] -= a
            skew += square(a)
    # One row has none to be exchanged with.
    most = _CALM if k == 1 else min(_CALM, _CALM_BY_ROWS * x.shape[0])
    return bool(skew <= most) or _rows_are_calm(x, scale, most)


@jit_part
def _rows_are_calm(x: Any, scale: float, most: float) -> Any:
    """Whether no row of s A_11 has a squared norm above `most`."""
    k, calm = x.shape[1], True
    for i in range(k):
        row = 0.0
        for j in range(k):
            row += square(x[i, j]) if j < i else square(x[j, i]) if j > i else 0.0
        if np.iscomplexobj(x):
            row += 4.0 * x[i, i].imag * x[i, i].imag
        calm &= scale * scale * row <= most  # false for NaN
    return calm


@jit
def finish(gemm: int, x: Any, scale: float, system: Any, p: Any, q: Any) -> Any:
    """Q from P; returns the estimate of its error in u, as the text has it."""
    n, k = x.shape
    for i in range(k):
        for j in range(k):
            q[i, j] = p[i, j] + p[i, j]
        q[i, i] -= 1.0
    if n > k:
        multiply(gemm, x[k:], PLAIN, p, PLAIN, 2.0 * scale, 0.0, q[k:])
    return expected_error(system, p)


@jit_part
def expected_error(system: Any, p: Any) -> Any:
    """||P^H D P||_F / u of independent errors of u max|C^-1 K C^-1| there, C = diag(K)^(1/2)."""
    k, total, largest = system.shape[0], 0.0, 0.0
    for i in range(k):
        size, row, above = system[i, i].real, 0.0, 0.0
        for j in range(k):
            row += square(p[i, j])
            above = max(above, square(system[i, j]) / (size * system[j, j].real))
        total += size * row
        largest = max(largest, above)
    return total * math.sqrt(largest)


@jit_part
def square(z: Any) -> Any:
    """|z|^2."""
    return z.real * z.real + z.imag * z.imag


@jit
def pull_back(
    gemm: int, x: Any, q: Any, qbar: Any, xbar: Any, scale: float, p: Any, t: Any, first: int,
    last: int,
) -> None:  # fmt: skip
    """Items `first` to `last`; `p` and `t` are work space."""
    k, s = x.shape[2], 0.5 * scale
    for item in range(first, last):
        a, top = x[item], xbar[item]
        for i in range(k):  # 2 P
            for j in range(k):
                p[i, j] = q[item, i, j]
            p[i, i] += 1.0
        multiply(gemm, p, ADJOINT, qbar[item, :k], PLAIN, 1.0, 0.0, t)
        multiply(gemm, q[item, k:], ADJOINT, qbar[item, k:], PLAIN, 1.0, 1.0, t)
        multiply(gemm, t, PLAIN, p, ADJOINT, s, 0.0, top[:k])  # -s Kbar
        for i in range(k):
            for j in range(i + 1):
                low, up = top[i, j], np.conj(top[j, i])
                t[i, j], t[j, i] = low + up, np.conj(low + up)
                top[j, i] = 0.0
                top[i, j] = low - up
        multiply(gemm, qbar[item, k:], PLAIN, p, ADJOINT, scale, 0.0, top[k:])
        multiply(gemm, a[k:], PLAIN, t, PLAIN, -scale, 1.0, top[k:])
