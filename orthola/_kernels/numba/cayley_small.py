"""Cayley map and its inverse for stacks of small blocks: eight at a time, chunks in threads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.threads import over_chunks
from .cayley_lanes import cayley_chunk, inverse_chunk, workspace_vectors
from .lane_memory import workspace
from .lanes import LANES

__all__ = ["cayley_inverse_stack", "cayley_stack"]

_CHUNK_PRODUCTS = 2**18  # multiplications per chunk: about 0.1 ms
_CALM = 8.0  # ||T||_F / sqrt(n) up to which Q is orthonormal to rounding without a polish


def cayley_stack(
    a: NDArray[Any], signs: NDArray[Any] | None, *, scale: float, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Q = D (I + T) (I - T)^-1 for every item, T the skew-Hermitian part of scale a.

    Computed in float64 or complex128. An item's bits depend neither on the others nor on
    `threads`.

    Parameters
    ----------
    a : (B, n, n) ndarray of float32, float64, complex64 or complex128
        Of any layout; not written to. Best for n <= 48.
    signs : (B, n) ndarray or None
        Diagonals of D; by default ones.
    scale : float
        Factor of a.
    threads : int, optional
        Threads at most; default: the processors that the process may use.

    Returns
    -------
    q : (B, n, n) ndarray
        NaN throughout for items with NaN or infinity.
    lost : (B,) ndarray of bool
        Items with T so large that elimination did not get near to Q.
    """
    a = _one_kind(a)
    items, n, _ = a.shape
    q = np.empty_like(a)
    d = np.ones((items, n), a.dtype) if signs is None else _one_kind(signs)
    calm = _calm(n, a.dtype)
    work_dtype = _wide(a.dtype)
    lost = np.zeros(items, np.bool_)
    arrays = (_real(a), _real(q), _real(d[:, None]), lost)

    def task(start: int, stop: int) -> None:
        work = workspace(workspace_vectors(n), work_dtype)
        cayley_chunk(*arrays, 0.5 * scale, calm, work, start, stop)

    over_chunks(task, items, _chunk(n), threads=threads)
    return q, lost


def cayley_inverse_stack(
    q: NDArray[Any], signs: NDArray[Any] | None, *, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """T with Q = D (I + T) (I - T)^-1 for every item, projected on skew-Hermitian matrices.

    Computed in float64 or complex128.

    Parameters
    ----------
    q : (B, n, n) ndarray of float32, float64, complex64 or complex128
        Of any layout; not written to. Best for n <= 48.
    signs : (B, n) ndarray or None
        Diagonals of D; by default the phases of the pivots of an elimination of Q + D.
    threads : int, optional
        Threads at most; default: the processors that the process may use.

    Returns
    -------
    skew : (B, n, n) ndarray
        T; NaN throughout for items with NaN or infinity.
    signs : (B, n) ndarray
        Diagonals of D.
    size, dropped : (B,) ndarray of float64
        Frobenius norms of T and of the Hermitian part that was dropped.
    """
    q = _one_kind(q)
    items, n, _ = q.shape
    t = np.empty_like(q)
    chosen = signs is None
    d = np.empty((items, n), q.dtype) if signs is None else _one_kind(signs)
    norms = np.empty((2, items))
    work_dtype = _wide(q.dtype)
    arrays = (_real(q), _real(t), _real(d[:, None]), norms)

    def task(start: int, stop: int) -> None:
        work = workspace(workspace_vectors(n), work_dtype)
        inverse_chunk(*arrays, chosen, work, start, stop)

    over_chunks(task, items, _chunk(n), threads=threads)
    return t, d, norms[0], norms[1]


def _one_kind(x: NDArray[Any]) -> NDArray[Any]:
    """Arrays of any other kind would be compiled for anew."""
    return np.require(x, x.dtype.newbyteorder("="), ["C", "W", "A"])


def _calm(n: int, dtype: np.dtype[Any]) -> float:
    """What rounding in double precision leaves is far below the rounding to single."""
    ratio = np.finfo(dtype).eps / np.finfo(np.float64).eps
    return float(_CALM * np.sqrt(n) * ratio)


def _real(x: NDArray[Any]) -> NDArray[Any]:
    """Complex numbers as pairs."""
    return x.view(x.real.dtype)


def _wide(dtype: np.dtype[Any]) -> type:
    return np.complex128 if dtype.kind == "c" else np.float64


def _chunk(n: int) -> int:
    return int(LANES * max(1, _CHUNK_PRODUCTS // (LANES * n**3)))
