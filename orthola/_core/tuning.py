"""Crossovers between methods, measured.

Values of ``benchmarks/tune_polar.py``, run on 2026-11-21 on one thread of a two-core x86-64 machine
with OpenBLAS (NumPy 2.4, SciPy 1.17); its tables are ``benchmarks/results/tuning.json``. The limits
of GPUs are not measured yet.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "CayleyLimits",
    "GpuLimits",
    "HouseholderLimits",
    "LowRankRates",
    "OrthogonalizeLimits",
    "PolarLimits",
    "ProcrustesLimits",
    "PursuitLimits",
    "cayley_limits",
    "gpu_limits",
    "householder_limits",
    "lowrank_rates",
    "orthogonalize_limits",
    "polar_limits",
    "procrustes_limits",
    "pursuit_limits",
]


class PolarLimits(NamedTuple):
    """Where ``polar(method="auto")`` changes its method, for one dtype."""

    square_order: int  # from this order on, Halley beats the SVD for nearly square matrices
    tall_aspect: float  # from this aspect on ...
    tall_order: int  # ... an iteration beats the SVD from this order on
    long_aspect: float  # from this aspect on ...
    long_order: int  # ... one does already from this order on
    newton_aspect: float  # from this aspect on, reduction to R and Newton beat Halley
    gram_aspect: float  # single precision only: from this aspect on, the float64 Gram matrix wins
    gram_order: int
    patience: tuple[tuple[int, int], ...]  # (order, steps of Halley that still beat the SVD) ...
    stack_items: int  # stacks of at least so many items, and of one per 16 of their order, ...
    stack_order: int  # ... of at most this order run in a Numba kernel
    gpu_order: int  # from this order on, Halley beats the SVD on a GPU; not measured yet

    def order(self, aspect: float) -> int:
        """Order from which an iteration beats the SVD at this aspect (long side over short)."""
        if aspect < self.tall_aspect:
            return self.square_order
        return self.tall_order if aspect < self.long_aspect else self.long_order

    def halley_patience(self, order: int) -> int:
        """Steps beyond which the SVD is the better choice for a matrix of this order."""
        steps = [most for least, most in self.patience if order >= least]
        return steps[-1] if steps else self.patience[0][1]


_DOUBLE = PolarLimits(128, 1.5, 64, 16.0, 48, 2.5, 4.0, 64, ((128, 5), (1024, 7)), 2, 128, 64)
_SINGLE = PolarLimits(192, 1.5, 64, 16.0, 48, 3.0, 4.0, 64, ((192, 5), (1024, 10)), 2, 128, 64)

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
    gram_rows: int  # of the long side


_ORTHOGONALIZE = OrthogonalizeLimits(3.0, 512)


def orthogonalize_limits(dtype_name: str) -> OrthogonalizeLimits:
    """Crossovers of `orthogonalize` for the real dtype in which it computes."""
    return _ORTHOGONALIZE


class HouseholderLimits(NamedTuple):
    """How products of reflectors are cut into panels, and which stacks run in a small kernel."""

    one_panel: int  # up to so many reflectors the text takes all at once ...
    panel: int  # ... and else so many at a time
    widths: tuple[tuple[int, int], ...]  # (bytes of the result, reflectors at a time) with BLAS
    stack_items: int  # stacks of at least so many items ...
    stack_order: int  # ... of at most so many rows run in a Numba kernel

    def width(self, size: int) -> int:
        """Reflectors taken at a time where the result has `size` bytes."""
        return next(width for most, width in self.widths if size <= most)


# Timings of 256 x 256 to 1024 x 1024, float32 and float64, on one thread of the same machine.
_HOUSEHOLDER = HouseholderLimits(128, 64, ((2**19, 16), (2**21, 48), (2**62, 96)), 4, 32)


def householder_limits() -> HouseholderLimits:
    """Limits of `householder_product` and `householder_apply`."""
    return _HOUSEHOLDER


class CayleyLimits(NamedTuple):
    """Where `cayley` and `cayley_inverse` change their way of working."""

    stack_items: int  # stacks of at least so many items, and of one per 16 of their order, ...
    stack_order: int  # ... of at most this order run in a Numba kernel, eight at a time
    polar_products: int  # on a GPU up to so many products beat elimination; not measured yet


_CAYLEY = CayleyLimits(2, 96, 16)


def cayley_limits() -> CayleyLimits:
    """Limits of `cayley` and `cayley_inverse`, the same for all dtypes."""
    return _CAYLEY


class ExponentialLimits(NamedTuple):
    """Which stacks `skew_exp` takes eight at a time."""

    stack_items: int  # stacks of at least so many items, and of one per 4 of their order, ...
    stack_order: int  # ... of at most this order


_EXPONENTIAL = ExponentialLimits(4, 32)


def exponential_limits() -> ExponentialLimits:
    """Limits of `skew_exp` and its derivative, the same for all dtypes."""
    return _EXPONENTIAL


class ProcrustesLimits(NamedTuple):
    """Which stacks `procrustes` fits in a Numba kernel."""

    stack_items: int  # stacks of at least so many items, and of one per 3 dimensions, ...
    stack_order: int  # ... of at most so many dimensions ...
    stack_rows: int  # ... and so many points, which it sums one after the other


_PROCRUSTES = ProcrustesLimits(2, 16, 2**16)


def procrustes_limits() -> ProcrustesLimits:
    """Limits of `procrustes`, the same for all dtypes."""
    return _PROCRUSTES


class PursuitLimits(NamedTuple):
    """How `omp` chooses its form, and into which chunks of signals the work is cut."""

    gram_steps: float  # a Gram matrix pays from gram_steps / k times the signals that flops say ...
    gram_factor: float  # ... but at most so many times
    chunk_work: float  # multiply-adds in a chunk of signals, about, ...
    least_signals: int  # ... but at least so many signals
    most_signals: int  # ... and at most so many
    residual_signals: int  # signals at a time, at most, ...
    residual_atoms: int  # ... and atoms at a time, at most, where no Gram matrix is used
    serial_work: float  # below so many multiply-adds in all, everything runs in one thread


# Timings of 32 x 128 to 1024 x 2048, k from 4 to 64, on one thread of the same machine.
_PURSUIT = PursuitLimits(17.0, 2.5, 5e7, 32, 512, 128, 4096, 2e5)


def pursuit_limits() -> PursuitLimits:
    """Limits of `omp`, the same for all dtypes."""
    return _PURSUIT


class GpuLimits(NamedTuple):
    """Where the CuPy versions change their way of working, for one dtype."""

    symmetric_block: int  # diagonal blocks of a symmetric product are at least of this order
    symmetric_depth: int  # how often it is halved at most
    batched_order: int  # stacks up to this order are factored by one call, above it item by item
    stack_items: int  # stacks of at least so many items ...
    stack_order: int  # ... of at most this order run in a CUDA kernel
    stack_rows: int  # ... if they have at most so many rows
    tensor_order: int | None  # from here on half precision uses our own product; None: nowhere


# Unmeasured: chosen from published timings of symmetric products, until `python benchmarks/gpu.py`
# has run on a device and its results are written here.
_GPU = GpuLimits(512, 3, 256, 32, 32, 256, None)
_GPU_HALF = _GPU._replace(symmetric_block=1024)


def gpu_limits(dtype_name: str) -> GpuLimits:
    """Limits of the CuPy versions for a dtype in which they compute."""
    return _GPU_HALF if dtype_name in ("float16", "bfloat16") else _GPU


class LowRankRates(NamedTuple):
    """Operations per second of what a streamed singular value decomposition is made of."""

    gemm: float
    qr: float  # Householder QR of tall matrices, with its Q
    triangle: float  # rows appended to a triangle
    svd: float  # of matrices of order 100 to 1000, counted as 20 n^3


_LOW_RANK = LowRankRates(5e10, 2e10, 4e10, 3e10)


def lowrank_rates() -> LowRankRates:
    """Only their ratios choose; `explain` prints seconds of the machine they were measured on."""
    return _LOW_RANK
