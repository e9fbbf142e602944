"""Exponentials of stacks of small skew-Hermitian matrices: eight at a time, chunks in threads."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._core.threads import over_chunks
from .exponential_lanes import exponential_chunk, workspace_vectors
from .exponential_large import even_and_odd
from .lane_memory import workspace
from .lanes import LANES

__all__ = ["exponential_small"]

_CHUNK_PRODUCTS = 2**18  # multiplications of one product per chunk: about 1 ms
# Degree of the approximant and the largest norm for it, not so large that the Hermitian part of
# p(-A) is below 1/3.
_CHOICES = {
    "d": ((5, 2.539e-1), (7, 9.504e-1), (9, 2.097)),
    "f": ((5, 1.880), (7, 2.4)),
}


def exponential_small(
    a: NDArray[Any],
    e: NDArray[Any] | None,
    *,
    bound: float | None,
    approximants: tuple[tuple[int, tuple[float, ...]], ...],
    limits: tuple[int, int, int],
    threads: int | None = None,
) -> NDArray[Any]:
    """As `exponential_large`, computed in float64 or complex128; best for n <= 16."""
    a = _one_kind(a)
    items, n, _ = a.shape
    q = np.empty_like(a)
    e = a if e is None else _one_kind(e)
    components = 1 if e is a else 2
    single = a.dtype.char in "fF"
    tops, table = _prepared(single, approximants)
    if single:  # double precision has squarings to spare
        limits = limits[2], *limits[1:]
    known = -1.0 if bound is None else bound
    arrays = _real(a), _real(e), _real(q)
    kind = np.complex128 if a.dtype.kind == "c" else np.float64

    def task(start: int, stop: int) -> None:
        work = workspace(workspace_vectors(n, components), kind)
        exponential_chunk(*arrays, known, tops, table, limits, components, work, start, stop)

    chunk = LANES * max(1, _CHUNK_PRODUCTS // (LANES * n**3))
    if items <= chunk:
        task(0, items)
    else:
        over_chunks(task, items, chunk, threads=threads)
    return q


@lru_cache(maxsize=16)
def _prepared(single: bool, approximants: Any) -> tuple[Any, Any]:
    """Norms and coefficients of the approximants."""
    choices = _CHOICES["f" if single else "d"]
    table = np.array([even_and_odd(dict(approximants)[degree]) for degree, _ in choices])
    return np.array([top for _, top in choices]), table


def _one_kind(x: NDArray[Any]) -> NDArray[Any]:
    """Arrays of any other kind would be compiled for anew."""
    return np.require(x, x.dtype.newbyteorder("="), ["C", "W", "A"])


def _real(x: NDArray[Any]) -> NDArray[Any]:
    """Complex numbers as pairs."""
    return x.view(x.real.dtype)
