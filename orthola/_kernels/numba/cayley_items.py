"""Cayley map and its inverse, matrix by matrix: inverses by halves, pivoted where T is large."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.blas import routines
from ..._core.threads import over_chunks
from .accretive import invert_in_place

__all__ = ["cayley_inverse_items", "cayley_items"]

_LOST = 0.1  # ||C^H C - I||_F before the polish, above which C is not what is asked for
_POLISHES = 4  # enough from there
_SHARED_PRODUCTS = 2**26  # multiplications, below which it does not pay to hold BLAS at one thread


def cayley_items(
    a: NDArray[Any], signs: NDArray[Any] | None, *, scale: float, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """As `cayley_stack`, for any order, in the precision of `a`."""
    q, lost = np.empty(a.shape, a.dtype.newbyteorder("=")), np.zeros(len(a), np.bool_)

    def task(start: int, stop: int) -> None:
        for item in range(start, stop):
            lost[item] = not _map(a[item], q[item], scale)
            if signs is not None:
                q[item] *= signs[item][:, None]

    _over_items(task, a, threads)
    return q, lost


def cayley_inverse_items(
    q: NDArray[Any], signs: NDArray[Any] | None, *, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """As `cayley_inverse_stack`, for any order, in the precision of `q`."""
    items, n, _ = q.shape
    t = np.empty(q.shape, q.dtype.newbyteorder("="))
    d = np.empty((items, n), t.dtype) if signs is None else signs
    norms = np.empty((2, items))

    def task(start: int, stop: int) -> None:
        for item in range(start, stop):
            norms[:, item] = _way_back(q[item], t[item], d[item], chosen=signs is None)

    _over_items(task, q, threads)
    return t, d, norms[0], norms[1]


def _over_items(task: Any, x: NDArray[Any], threads: int | None) -> None:
    if threads == 1 or len(x) == 1 or x.size * x.shape[-1] < _SHARED_PRODUCTS:
        task(0, len(x))
    else:
        over_chunks(task, len(x), 1, threads=threads, blas=True)


def _map(a: Any, q: Any, scale: float) -> bool:
    """Q = 2 (I - T)^-1 - I; whether that was reached."""
    n = a.shape[0]
    diagonal = np.einsum("ii->i", q)
    np.multiply(a, -0.5 * scale, out=q)
    half = q.copy()
    q -= half.conj().T if half.dtype.kind == "c" else half.T
    size = _norm(q)
    if not math.isfinite(size) and not np.all(np.isfinite(q)):
        q[...] = np.nan
        return True
    diagonal += 1.0
    calm = size <= _calm(n)
    if calm:
        invert_in_place(q)
    else:
        _invert_by_lapack(q)
    q *= 2.0
    diagonal -= 1.0
    return calm or _polish(q)


def _way_back(q: Any, t: Any, d: Any, *, chosen: bool) -> tuple[float, float]:
    """T = I - 2 (I + D^H Q)^-1 without its Hermitian part; Frobenius norms of both."""
    n = q.shape[0]
    if not np.all(np.isfinite(q)):
        t[...] = np.nan
        if chosen:
            d[...] = np.nan
        return math.nan, math.nan
    if chosen:
        t[...] = q
        invert_in_place(t, d)
        t *= d
        return _skew_part_of_inverse(t)
    _one_plus(q, d, t)
    invert_in_place(t)
    size, dropped = _skew_part_of_inverse(t)
    # A small T that is skew to rounding tells that no row exchange was missed.
    u = float(np.finfo(t.dtype).eps) / 2.0
    if size <= _calm(n) and dropped <= n * u * (1.0 + size * size):
        return size, dropped
    _one_plus(q, d, t)
    _invert_by_lapack(t)
    return _skew_part_of_inverse(t)


def _calm(n: int) -> float:
    """||T||_F up to which elimination without row exchanges leaves Q orthonormal to rounding.

    Its errors grow with ||T||_2^2, which for one large pair of eigenvalues is ||T||_F^2 / 2.
    """
    return min(8.0 * math.sqrt(n), n + 3.0)


def _one_plus(q: Any, d: Any, out: Any) -> None:
    np.multiply(d.conj()[:, None], q, out=out)
    np.einsum("ii->i", out)[...] += 1.0


def _skew_part_of_inverse(t: Any) -> tuple[float, float]:
    """X becomes the skew-Hermitian part of I - 2 X; norms of it and of the other part."""
    np.negative(t, out=t)
    mirrored = t.conj().T if t.dtype.kind == "c" else t.T.copy()
    t -= mirrored
    size = _norm(t)
    # Now t = X^H - X and mirrored = -X^H; the Hermitian part is I - X - X^H.
    mirrored *= 2.0
    mirrored += t
    np.einsum("ii->i", mirrored)[...] += 1.0
    return size, _norm(mirrored)


def _norm(x: Any) -> float:
    flat = x.reshape(-1)
    return math.sqrt(np.vdot(flat, flat).real)


def _invert_by_lapack(x: Any) -> None:
    """X becomes X^-1, by elimination with row exchanges; infinite if X is singular."""
    fn = routines(x.dtype)
    # In BLAS order this is the transpose, and stays so.
    factors, pivots, info = fn.getrf(x.T, overwrite_a=1)
    if info == 0:
        x[...] = fn.getri(factors, pivots, lwork=64 * len(x), overwrite_lu=1)[0].T
    else:
        x[...] = np.inf


def _polish(q: Any) -> bool:
    """Q <- Q + Q (I - Q^H Q) / 2 until Q is orthonormal; False if it is far from that."""
    n = q.shape[0]
    tolerance = math.sqrt(n * np.finfo(q.dtype).eps / 2.0)
    for _ in range(_POLISHES):
        e = q.conj().T @ q
        np.negative(e, out=e)
        np.einsum("ii->i", e)[...] += 1.0
        size = _norm(e)
        if not size <= _LOST:
            return False
        e *= 0.5
        q += q @ e
        # The defect is about squared: below the root of the rounding this was the last step.
        if size <= tolerance:
            break
    return True
