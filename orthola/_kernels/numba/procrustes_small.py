"""Stacks of small Procrustes problems: chunks of items in threads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.threads import over_chunks
from .lane_memory import workspace
from .lanes import LANES
from .procrustes_items import procrustes_chunk, workspace_vectors

__all__ = ["procrustes_stack"]

_CHUNK_WORK = 2**15  # entries of the points per chunk, and of the matrices ten times: 0.1 ms or so
_ENOUGH = 100.0


def procrustes_stack(
    a: NDArray[Any],
    b: NDArray[Any],
    weights: NDArray[Any] | None,
    *,
    rotation_only: bool,
    scaling: bool,
    translation: bool,
    refining: bool,
    threads: int | None = None,
) -> tuple[NDArray[Any], ...]:
    """Fit every item of a stack, as far as it is regular.

    Summed and solved in float64 or complex128. An item's bits depend neither on the other items
    nor on `threads`.

    Parameters
    ----------
    a, b : (B, m, n) ndarray of float32, float64, complex64 or complex128
        Points and images, m, n >= 1, of any layout; not written to. Best for n <= 16.
    weights : (B, m) ndarray, optional
        Weights of the points.
    rotation_only, scaling, translation : bool
        As in `orthola.procrustes`.
    refining : bool
        Items with s_1 > 100 gap are left for refinement.
    threads : int, optional
        Threads at most; default: the processors that the process may use.

    Returns
    -------
    rotation, scale, translation, residual, gap, reflection_gain : (B, ...) ndarray
        In double precision.
    rank, unique, status : (B,) ndarray
        Of int32, bool and int32.
    regular : (B,) ndarray of bool
        Where it is False nothing has been computed, and the item is to be fitted otherwise: it is
        not finite, out of range, without a unique answer, or to be refined.
    """
    # One kind of array only: every other one would be compiled anew.
    a, b = (np.require(x, x.dtype.newbyteorder("="), ["C", "W", "A"]) for x in (a, b))
    items, m, n = a.shape
    w = np.empty((items, 0, 1)) if weights is None else weights.astype(np.float64)[..., None]
    wide: type = np.complex128 if a.dtype.kind == "c" else np.float64
    rotation: NDArray[Any] = np.empty((items, n * n), wide)
    row: NDArray[Any] = np.empty((items, n), wide)
    numbers = np.empty((4, items))
    rank, regular = np.empty(items, np.int32), np.empty(items, np.bool_)
    enough = _ENOUGH if refining else np.inf
    pairs = [x.view(x.real.dtype) for x in (a, b)]
    results = rotation.view(np.float64), row.view(np.float64), numbers, rank, regular

    def task(start: int, stop: int) -> None:
        procrustes_chunk(
            *pairs, w, rotation_only, scaling, translation, enough, *results,
            workspace(workspace_vectors(n), wide), np.empty((n, n)), start, stop,
        )  # fmt: skip

    chunk = LANES * max(1, _CHUNK_WORK // (LANES * n * (m + 10 * n)))
    over_chunks(task, items, chunk, threads=threads)
    unique, status = np.ones(items, np.bool_), np.zeros(items, np.int32)
    rotation = rotation.reshape(items, n, n)
    return rotation, numbers[0], row, *numbers[1:], rank, unique, status, regular
