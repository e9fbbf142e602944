"""Crossovers between methods.

Set by hand from separate timings, not yet from a run of ``python benchmarks/tune_polar.py``. Its
first short run, ``benchmarks/results/tuning.json``, disagrees with some of them.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "GpuLimits",
    "OrthogonalizeLimits",
    "PolarLimits",
    "gpu_limits",
    "orthogonalize_limits",
    "polar_limits",
]


class PolarLimits(NamedTuple):
    """Where ``polar(method="auto")`` changes its method, for one dtype."""

    square_order: int  # from this order on, Halley beats the SVD for nearly square matrices
    tall_aspect: float  # from this aspect on, a matrix is first reduced to its triangular factor
    tall_order: int  # from this order on, that reduction and Newton beat the SVD
    gram_aspect: float  # single precision only: from this aspect on, the float64 Gram matrix wins
    gram_order: int
    stack_items: int  # stacks of at least so many items ...
    stack_order: int  # ... of at most this order run in a Numba kernel
    gpu_order: int  # from this order on, Halley beats the SVD on a GPU


_DOUBLE = PolarLimits(128, 1.5, 32, 2.0, 16, 16, 96, 64)
_SINGLE = PolarLimits(192, 1.5, 64, 2.0, 16, 16, 96, 64)

_POLAR = {
    "float64": _DOUBLE,
    "complex128": _DOUBLE,
    "float32": _SINGLE,
    "complex64": _SINGLE,
}


def polar_limits(dtype_name: str) -> PolarLimits:
    """Crossovers of `polar` for a dtype in which it computes."""
    return _POLAR[dtype_name]


class OrthogonalizeLimits(NamedTuple):
    """Where ``orthogonalize(gram="auto")`` goes through n x n matrices."""

    gram_aspect: float
    gram_order: int


_ORTHOGONALIZE = OrthogonalizeLimits(2.5, 64)


def orthogonalize_limits(dtype_name: str) -> OrthogonalizeLimits:
    """Crossovers of `orthogonalize` for the real dtype in which it computes."""
    return _ORTHOGONALIZE


class GpuLimits(NamedTuple):
    """Where the CuPy versions change their way of working, for one dtype."""

    symmetric_block: int  # diagonal blocks of a symmetric product are at least of this order
    symmetric_depth: int  # how often it is halved at most
    batched_order: int  # stacks up to this order are factored by one call, above it item by item
    stack_items: int  # stacks of at least so many items ...
    stack_order: int  # ... of at most this order run in a CUDA kernel
    stack_rows: int  # ... if they have at most so many rows


# Unmeasured: chosen from published timings of symmetric products, until `python benchmarks/gpu.py`
# has run on a device and its results are written here.
_GPU = GpuLimits(512, 3, 256, 32, 32, 256)
_GPU_HALF = _GPU._replace(symmetric_block=1024)


def gpu_limits(dtype_name: str) -> GpuLimits:
    """Limits of the CuPy versions for a dtype in which they compute."""
    return _GPU_HALF if dtype_name in ("float16", "bfloat16") else _GPU
