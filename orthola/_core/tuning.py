"""Crossovers between methods, and rates of their parts: measured here, or on the user's machine.

The built-in values were measured on 2026-11-21 on one thread of a two-core x86-64 machine with
OpenBLAS (NumPy 2.4, SciPy 1.17); tables of every comparison are ``benchmarks/results/tuning.json``.
``orthola tune`` measures again where it runs, and `tuning_file` keeps what it finds. The limits of
GPUs are not measured yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from typing import Any, NamedTuple, TypeVar

from .options import current, with_tuning

__all__ = [
    "BUILT_IN",
    "CayleyLimits",
    "ExponentialLimits",
    "GpuLimits",
    "HouseholderLimits",
    "LowRankRates",
    "OrthogonalizeLimits",
    "PolarLimits",
    "ProcrustesLimits",
    "PursuitLimits",
    "Tuning",
    "cayley_limits",
    "exponential_limits",
    "gpu_limits",
    "householder_limits",
    "in_force",
    "lowrank_rates",
    "orthogonalize_limits",
    "planned",
    "polar_limits",
    "procrustes_limits",
    "pursuit_limits",
    "using",
]

T = TypeVar("T")


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


class OrthogonalizeLimits(NamedTuple):
    """Where ``orthogonalize(gram="auto")`` goes through n x n matrices."""

    gram_aspect: float
    gram_rows: int  # of the long side


_ORTHOGONALIZE = OrthogonalizeLimits(3.0, 512)


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


class CayleyLimits(NamedTuple):
    """Where `cayley` and `cayley_inverse` change their way of working."""

    stack_items: int  # stacks of at least so many items, and of one per 16 of their order, ...
    stack_order: int  # ... of at most this order run in a Numba kernel, eight at a time
    polar_products: int  # on a GPU up to so many products beat elimination; not measured yet


_CAYLEY = CayleyLimits(2, 96, 16)


class ExponentialLimits(NamedTuple):
    """Which stacks `skew_exp` takes eight at a time."""

    stack_items: int  # stacks of at least so many items, and of one per 4 of their order, ...
    stack_order: int  # ... of at most this order


_EXPONENTIAL = ExponentialLimits(4, 32)


class ProcrustesLimits(NamedTuple):
    """Which stacks `procrustes` fits in a Numba kernel."""

    stack_items: int  # stacks of at least so many items, and of one per 3 dimensions, ...
    stack_order: int  # ... of at most so many dimensions ...
    stack_rows: int  # ... and so many points, which it sums one after the other


_PROCRUSTES = ProcrustesLimits(2, 16, 2**16)


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


Rate = tuple[tuple[int, float], ...]  # (order, operations per second), orders ascending


class LowRankRates(NamedTuple):
    """Operations per second of what a streamed singular value decomposition is made of.

    In double precision, real; by the order of the smaller side.
    """

    gemm: Rate  # tall matrix times a square one
    herk: Rate  # Gram matrix of a tall matrix, one triangle
    qr: Rate  # Householder QR of a tall matrix, with its Q
    triangle: Rate  # as many rows appended to a triangle
    svd: Rate  # of square matrices, with vectors, counted as 20 n^3
    eigh: Rate  # with vectors, counted as 9 n^3

    def at(self, part: str, order: float) -> float:
        """The rate of a part at an order, between those measured on a log-log line."""
        table: Rate = getattr(self, part)
        below = table[0]
        for above in table:
            if order <= above[0]:
                break
            below = above
        if above[0] == below[0]:
            return above[1]
        share = math.log(order / below[0]) / math.log(above[0] / below[0])
        return float(below[1] ** (1.0 - share) * above[1] ** share)


# Of ``orthola tune --threads 1``; all that this run found is ``benchmarks/results/tune.json``.
_LOW_RANK = LowRankRates(
    gemm=((32, 4.59e10), (64, 5.7e10), (128, 6.18e10), (256, 6.88e10), (512, 7.16e10)),
    herk=((32, 2.21e10), (64, 2.89e10), (128, 4.12e10), (256, 5.44e10), (512, 5.92e10)),
    qr=((32, 7.5e9), (64, 9.8e9), (128, 9.12e9), (256, 1.13e10), (512, 1.85e10)),
    triangle=((64, 1.24e10), (256, 3.03e10), (512, 3.88e10)),
    svd=((32, 6.88e9), (64, 1.35e10), (128, 2.36e10), (256, 3.57e10), (512, 4.17e10)),
    eigh=((32, 4.46e9), (64, 8.87e9), (128, 1.74e10), (256, 3.12e10), (512, 3.85e10)),
)


@dataclass(frozen=True, eq=False)
class Tuning:
    """All limits and rates that hold together; compared by identity, so that plans key on it."""

    polar_double: PolarLimits = _DOUBLE
    polar_single: PolarLimits = _SINGLE
    orthogonalize: OrthogonalizeLimits = _ORTHOGONALIZE
    householder: HouseholderLimits = _HOUSEHOLDER
    cayley: CayleyLimits = _CAYLEY
    exponential: ExponentialLimits = _EXPONENTIAL
    procrustes: ProcrustesLimits = _PROCRUSTES
    pursuit: PursuitLimits = _PURSUIT
    lowrank: LowRankRates = _LOW_RANK


BUILT_IN = Tuning()


def in_force() -> Tuning:
    """The limits for calls made now, from the options, the environment or the user's file."""
    chosen = current().tuning
    if isinstance(chosen, Tuning):
        return chosen
    return _of_file(chosen)


@lru_cache(maxsize=16)
def _of_file(chosen: str | None) -> Tuning:
    """Read once, when the first plan is made."""
    from .tuning_file import chosen_file, read

    return read(chosen_file(chosen)).tuning


def forget_files() -> None:
    """Have files read again, because one was written."""
    _of_file.cache_clear()


@contextmanager
def using(tuning: Tuning, **changes: dict[str, Any]) -> Iterator[Tuning]:
    """These limits for a block of code; ``using(BUILT_IN, cayley={"stack_order": 0})`` changes."""
    parts = {name: getattr(tuning, name)._replace(**fields) for name, fields in changes.items()}
    changed = replace(tuning, **parts)
    with with_tuning(changed):
        yield changed


def planned(maxsize: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """``lru_cache`` for functions that look at limits: what they found holds for one tuning."""

    def wrap(function: Callable[..., T]) -> Callable[..., T]:
        @lru_cache(maxsize)
        def found(tuning: Tuning, /, *args: Any, **options: Any) -> T:
            return function(*args, **options)

        @wraps(function)
        def call(*args: Any, **options: Any) -> T:
            return found(in_force(), *args, **options)

        return call

    return wrap


def polar_limits(dtype_name: str) -> PolarLimits:
    """Crossovers of `polar` for a dtype in which it computes."""
    tuning = in_force()
    return tuning.polar_double if dtype_name in ("float64", "complex128") else tuning.polar_single


def orthogonalize_limits(dtype_name: str) -> OrthogonalizeLimits:
    """Crossovers of `orthogonalize` for the real dtype in which it computes."""
    return in_force().orthogonalize


def householder_limits() -> HouseholderLimits:
    """Limits of `householder_product` and `householder_apply`."""
    return in_force().householder


def cayley_limits() -> CayleyLimits:
    """Limits of `cayley` and `cayley_inverse`, the same for all dtypes."""
    return in_force().cayley


def exponential_limits() -> ExponentialLimits:
    """Limits of `skew_exp` and its derivative, the same for all dtypes."""
    return in_force().exponential


def procrustes_limits() -> ProcrustesLimits:
    """Limits of `procrustes`, the same for all dtypes."""
    return in_force().procrustes


def pursuit_limits() -> PursuitLimits:
    """Limits of `omp`, the same for all dtypes."""
    return in_force().pursuit


def lowrank_rates() -> LowRankRates:
    """Of a streamed singular value decomposition."""
    return in_force().lowrank


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
