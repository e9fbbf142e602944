"""Orthogonal matching pursuit with stored rows on the device: a block of threads to a signal.

Only blocks that are at work have rows W; a block leaves a signal as soon as that is finished, and
takes another one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .omp_block import BLOCKS, LANES, SOURCE
from .pair import ELEMENT_TYPES

__all__ = ["kernel_options", "pursue_rows", "scratch_size"]

_SCRATCH = 2**30  # bytes for the blocks that are at work, if more than one is


def kernel_options(dtype: str) -> tuple[str, ...]:
    """What the source has to be compiled with."""
    return ("-std=c++17", f"-DELEMENT={ELEMENT_TYPES[dtype]}")


def scratch_size(atoms: int, features: int, k: int) -> int:
    """Numbers that a block at work keeps beside the correlations: d, W, R, five vectors and r."""
    return (k + 1) * atoms + k * k + 5 * k + features


@lru_cache(maxsize=8)
def _kernel(dtype: str) -> Any:
    import cupy

    return cupy.RawKernel(SOURCE, "omp_stored_rows", options=kernel_options(dtype))


@lru_cache(maxsize=64)
def _multiprocessors(device: int) -> int:
    from cupy.cuda import runtime

    return int(runtime.deviceGetAttribute(runtime.cudaDevAttrMultiProcessorCount, device))


def pursue_rows(plan: Any, problem: Any) -> tuple[Any, ...]:
    """Codes of the signals of one tile: see `orthola._sparse.finish.Codes`.

    Parameters
    ----------
    plan, problem : Plan, Problem
        float32 or float64, with a Gram matrix; finite, of a size near one. Nothing waits for the
        device.
    """
    import cupy

    from .gemm import gemm

    def own(x: Any, dtype: Any) -> Any:
        null = np.uintp(0)
        return null if x is None else cupy.ascontiguousarray(x, dtype=dtype)

    dtype, index = problem.signals.dtype, cupy.int64
    (items, features), atoms, k = problem.signals.shape, len(problem.dictionary), plan.k_max
    signals, dictionary = own(problem.signals, dtype), own(problem.dictionary, dtype)
    mask, barred, step, bars = None, None, 0, 0
    if problem.excluded is not None and problem.excluded.dtype == cupy.bool_:
        mask, step = problem.excluded, atoms if problem.excluded.ndim == 2 else 0
    elif problem.excluded is not None:
        barred, bars = problem.excluded, problem.excluded.shape[1]
    size = scratch_size(atoms, features, k)
    room = max(_SCRATCH // (size * dtype.itemsize), 1)
    blocks = min(items, BLOCKS * _multiprocessors(cupy.cuda.runtime.getDevice()), room)
    scratch = cupy.empty((blocks, size), dtype=dtype)
    results = (
        cupy.empty((items, k), dtype=index), cupy.empty((items, k), dtype=dtype),
        cupy.empty(items, dtype=index), cupy.empty(items, dtype=dtype),
        cupy.empty(items, dtype=cupy.int32),
    )  # fmt: skip
    given = (
        signals, dictionary, own(problem.gram, dtype), problem.gram.diagonal().copy(),
        own(problem.weights, dtype), own(problem.tolerances, dtype), own(problem.counts, index),
        own(mask, cupy.bool_), own(barred, index), gemm(signals, dictionary.T),
        cupy.int64(items), cupy.int64(step),
        *(cupy.int32(v) for v in (bars, features, atoms, k, plan.rule == "ols")),
        plan.dependence, plan.floor, float(cupy.finfo(dtype).eps), scratch, cupy.int64(size),
    )  # fmt: skip
    _kernel(dtype.name)((blocks,), (LANES,), (*given, *results))
    return results
