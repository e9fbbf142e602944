"""Polar factors of stacks of small matrices: eight items at a time, chunks of them in threads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.threads import over_chunks
from .lane_memory import workspace
from .lanes import LANES
from .polar_2 import VECTORS, polar_2_chunk
from .polar_generic import polar_chunk, workspace_vectors

__all__ = ["polar_stack"]

_CHUNK_NUMBERS = 2**14  # entries per chunk: about 0.2 ms of work


def polar_stack(
    x: NDArray[Any], *, threads: int | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Polar factors of every matrix of a stack.

    Computed in float64 or complex128. Items are scaled by powers of two, so ``2**k * x`` has the
    same U and ``2**k`` times the H, to the last bit, while no entry leaves the normal range. An
    item's bits depend neither on the other items nor on `threads`.

    Parameters
    ----------
    x : (B, m, n) ndarray of float32, float64, complex64 or complex128
        With m >= n >= 1, of any layout. It is not written to. Best for n <= 32.
    threads : int, optional
        Threads at most; default: the processors that the process may use.

    Returns
    -------
    unitary : (B, m, n) ndarray
        Orthonormal columns.
    hermitian : (B, n, n) ndarray
        ``sym(U^H A)``, equal to its adjoint bit by bit.
    status : (B,) ndarray of int
        `orthola.Status`. ``RANK_DEFICIENT``: U is an orthonormal completion (``eye(m, n)``
        for a zero item). ``NOT_CONVERGED``: the certificate failed, U and H are
        unspecified and the item is to be recomputed by an SVD. ``NONFINITE``: U and H are NaN.

    Notes
    -----
    Certified for every item with status OK or RANK_DEFICIENT, u the unit roundoff of float64:
    U orthonormal within 2.4e-15 besides rounding, and for square items ``||U H - A||_F``
    at most ``(10 sqrt(n) + 60) u ||A||_F``. Then comes the rounding to single precision,
    if it applies.
    """
    # One kind of array only: every other one would be compiled anew.
    x = np.require(x, x.dtype.newbyteorder("="), ["C", "W", "A"])
    items, m, n = x.shape
    unitary, hermitian = np.empty_like(x), np.empty((items, n, n), x.dtype)
    status = np.empty(items, np.int64)
    number = x.real.dtype
    wide: type = np.complex128 if x.dtype.kind == "c" else np.float64
    kernel, vectors = polar_chunk, workspace_vectors(m, n)
    if m == n == 2 and wide is np.float64:
        kernel, vectors = polar_2_chunk, VECTORS
    arrays = [array.view(number) for array in (x, unitary, hermitian)]
    eps = float(np.finfo(number).eps)

    def task(start: int, stop: int) -> None:
        kernel(*arrays, status, eps, workspace(vectors, wide), start, stop)

    chunk = LANES * max(1, _CHUNK_NUMBERS // (LANES * m * n))
    over_chunks(task, items, chunk, threads=threads)
    return unitary, hermitian, status
