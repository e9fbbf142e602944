"""Measured crossovers between methods.

The numbers are written by ``python benchmarks/tune_polar.py``, which prints the ratios behind
them; see ``benchmarks/results/``.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["OrthogonalizeLimits", "PolarLimits", "orthogonalize_limits", "polar_limits"]


class PolarLimits(NamedTuple):
    """Where ``polar(method="auto")`` changes its method, for one dtype."""

    square_order: int  # from this order on, Newton beats the SVD for nearly square matrices
    tall_aspect: float  # from this aspect on, a matrix is first reduced to its triangular factor
    tall_order: int  # from this order on, that reduction and Newton beat the SVD
    gram_aspect: float  # single precision only: from this aspect on, the float64 Gram matrix wins
    gram_order: int
    stack_items: int  # stacks of at least so many items ...
    stack_order: int  # ... of at most this order run in a Numba kernel
    gpu_order: int  # from this order on, Halley beats the SVD on a GPU


_DOUBLE = PolarLimits(192, 1.5, 32, 2.0, 16, 32, 32, 64)
_SINGLE = PolarLimits(384, 1.5, 64, 2.0, 16, 32, 32, 64)

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
