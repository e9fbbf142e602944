"""Every special version of an operation, with the static facts under which it is used.

Order is preference: the first entry whose predicate holds wins, else the Array-API text runs.
"""

from __future__ import annotations

from typing import Any

from .._core import tuning
from .._core.dispatch import Kernel

__all__ = ["KERNELS"]


def _small_stack(facts: Any) -> bool:
    limits = tuning.polar_limits(facts.dtype_name)
    return bool(
        facts.batch >= max(limits.stack_items, facts.short / 16)
        and 1 <= facts.short <= limits.stack_order
        and facts.long <= 4 * limits.stack_order
    )


def _small_gpu_stack(facts: Any) -> bool:
    limits = tuning.gpu_limits(facts.dtype_name)
    return bool(
        facts.batch >= limits.stack_items
        and 1 <= facts.short <= limits.stack_order
        and facts.long <= limits.stack_rows
    )


def _half(space: Any) -> bool:
    return bool(space.is_half)


def _always(facts: Any) -> bool:
    return True


def _in_main_memory(facts: Any) -> bool:
    return bool(facts.in_main_memory and not facts.traced)


KERNELS = (
    Kernel(
        "polar",
        "numpy",
        "orthola._kernels.numba.polar_small:polar_stack",
        _small_stack,
        "a stack of small matrices",
    ),
    Kernel(
        "polar",
        "cupy",
        "orthola._kernels.cupy.polar_small:polar_stack",
        _small_gpu_stack,
        "a stack of small matrices",
    ),
    Kernel(
        "polar",
        "torch",
        "orthola._polar.shared_memory:polar_of_tensor",
        _in_main_memory,
        "a CPU tensor shares its memory with NumPy",
    ),
    Kernel(
        "products",
        "cupy",
        "orthola._kernels.cupy.half:CupyHalfProducts",
        _half,
        "direct cuBLAS calls in half precision",
    ),
    Kernel(
        "products",
        "cupy",
        "orthola._kernels.cupy.products:CupyProducts",
        _always,
        "direct cuBLAS calls",
    ),
)
