"""Whether matrices have orthonormal columns, as a status: one pass over the Gram matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.blas import routines
from ..._core.errors import Status
from ..._core.threads import over_chunks
from .blas import ADJOINT, PLAIN, addresses, multiply
from .jit import jit, jit_part

__all__ = ["frame_status_stack"]

_WHOLE = 48  # columns up to which the Gram matrix is formed without regard to its symmetry
_WORTH_THREADS = 2**22  # multiply-adds of a stack
_OK, _VIOLATED, _NONFINITE = (
    int(status) for status in (Status.OK, Status.BOUND_VIOLATED, Status.NONFINITE)
)


def frame_status_stack(
    q: NDArray[Any], tolerance: float, *, threads: int | None = None
) -> NDArray[np.int32]:
    """OK, BOUND_VIOLATED where ||Q^H Q - I||_F > tolerance, or NONFINITE, of (..., m, k) Q."""
    *batch, m, k = q.shape
    status = np.empty(math.prod(batch), np.int32)
    if 0 in q.shape:
        status[:] = _OK
        return status.reshape(tuple(batch))
    items = np.require(q, q.dtype.newbyteorder("="), ["C", "W", "A"]).reshape(-1, m, k)
    gemm, rank_k = addresses(q.dtype).gemm, routines(items.dtype).rank_k

    def small(start: int, stop: int) -> None:
        judge_items(gemm, items, np.empty((k, k), items.dtype), tolerance, status, start, stop)

    def large(start: int, stop: int) -> None:
        for item in range(start, stop):
            # BLAS sees Q^T: its lower triangle of conj(Q^H Q) is the upper one of the transpose.
            gram = rank_k(1.0, items[item].T, lower=1)
            status[item] = judge(gram.T, items[item], tolerance)

    task = small if k <= _WHOLE else large
    if len(items) == 1 or items.size * k < _WORTH_THREADS:
        task(0, len(items))
    else:
        over_chunks(task, len(items), 1, threads=threads, blas=True)
    return status.reshape(tuple(batch))


@jit
def judge_items(
    gemm: int, q: Any, gram: Any, tolerance: float, status: Any, first: int, last: int
) -> None:
    for item in range(first, last):
        multiply(gemm, q[item], ADJOINT, q[item], PLAIN, 1.0, 0.0, gram)
        status[item] = _judged(gram, q[item], tolerance)


@jit
def judge(gram: Any, q: Any, tolerance: float) -> int:
    """The status of Q; of its Gram matrix the upper triangle is read."""
    return _judged(gram, q, tolerance)  # type: ignore[no-any-return]


@jit_part
def _judged(gram: Any, q: Any, tolerance: float) -> Any:
    total = 0.0
    for i in range(gram.shape[0]):
        d = gram[i, i].real - 1.0
        row = 0.0
        for j in range(i + 1, gram.shape[0]):
            z = gram[i, j]
            row += z.real * z.real + z.imag * z.imag
        total += d * d + 2.0 * row
    if total <= tolerance * tolerance:
        return _OK
    if math.isfinite(total):
        return _VIOLATED
    for i in range(q.shape[0]):
        for j in range(q.shape[1]):
            if not (math.isfinite(q[i, j].real) and math.isfinite(q[i, j].imag)):
                return _NONFINITE
    return _VIOLATED
