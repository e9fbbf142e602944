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


def _small_reflectors(facts: Any) -> bool:
    return _few_reflectors(facts) and facts.batch >= tuning.householder_limits().stack_items


def _few_reflectors(facts: Any) -> bool:
    order = tuning.householder_limits().stack_order
    return _reflectors(facts) and facts.rows <= order and facts.columns <= 2 * order


def _reflectors(facts: Any) -> bool:
    sizes = (facts.batch, facts.rows, facts.reflectors, facts.columns)
    return bool(facts.in_main_memory and not facts.traced and 0 not in sizes)


def _householder_kernels() -> tuple[Kernel, ...]:
    """NumPy arrays and CPU tensors share the kernels; only tensors ask for derivatives."""
    small, large = (
        "orthola._kernels.numba.householder_small",
        "orthola._kernels.numba.householder_large",
    )
    stacks, panels = "a stack of small matrices", "panels on BLAS, in place"
    back = "product_pullback_stack", "apply_pullback_stack"
    return tuple(
        Kernel(operation, library, target, applies, reason)
        for operation, target, applies, reason in (
            ("householder_product", f"{small}:product_stack", _small_reflectors, stacks),
            ("householder_product", f"{large}:product_large", _reflectors, panels),
            ("householder_apply", f"{small}:apply_stack", _small_reflectors, stacks),
            ("householder_apply", f"{large}:apply_large", _reflectors, panels),
            # Beside the text even one matrix is worth it: that is many small steps.
            ("householder_product_pullback", f"{small}:{back[0]}", _few_reflectors, stacks),
            ("householder_apply_pullback", f"{small}:{back[1]}", _few_reflectors, stacks),
        )
        for library in ("numpy", "torch")
        if library == "torch" or not operation.endswith("pullback")
    )


def _blocks(facts: Any) -> bool:
    limits = tuning.cayley_limits()
    return bool(
        _in_main_memory(facts)
        and facts.batch >= max(limits.stack_items, facts.order / 16)
        and facts.order <= limits.stack_order
    )


def _small_fits(facts: Any) -> bool:
    limits = tuning.procrustes_limits()
    return bool(
        facts.dtype_name in ("float64", "complex128")
        and facts.batch >= max(limits.stack_items, facts.columns / 3)
        and 1 <= facts.columns <= limits.stack_order
        and 1 <= facts.rows <= limits.stack_rows
    )


def _cayley_kernels() -> tuple[Kernel, ...]:
    """NumPy arrays and CPU tensors share the kernels."""
    small, items = "orthola._kernels.numba.cayley_small", "orthola._kernels.numba.cayley_items"
    blocks, halves = "a stack of small blocks", "inverses by halves, in place"
    return tuple(
        Kernel(operation, library, target, applies, reason)
        for operation, target, applies, reason in (
            ("cayley", f"{small}:cayley_stack", _blocks, blocks),
            ("cayley", f"{items}:cayley_items", _in_main_memory, halves),
            ("cayley_inverse", f"{small}:cayley_inverse_stack", _blocks, blocks),
            ("cayley_inverse", f"{items}:cayley_inverse_items", _in_main_memory, halves),
        )
        for library in ("numpy", "torch")
    )


def _frame_kernels() -> tuple[Kernel, ...]:
    """NumPy arrays and CPU tensors share the kernels; only tensors ask for derivatives."""
    home, reason = "orthola._kernels.numba.cayley_frame", "BLAS and its loops in one call"
    return tuple(
        Kernel(operation, library, f"{home}:{function}", _in_main_memory, reason)
        for operation, library, function in (
            ("cayley_frame", "numpy", "frame_stack"),
            ("cayley_frame", "torch", "frame_stack"),
            ("cayley_frame_pullback", "torch", "frame_pullback_stack"),
        )
    )


def _small_exponentials(facts: Any) -> bool:
    limits = tuning.exponential_limits()
    return bool(
        facts.batch >= max(limits.stack_items, facts.order / 4)
        and facts.order <= limits.stack_order
    )


def _exponential_kernels() -> tuple[Kernel, ...]:
    """For NumPy arrays; CPU tensors come as such."""
    small, large = (f"orthola._kernels.numba.exponential_{size}" for size in ("small", "large"))
    return (
        Kernel(
            "exponential",
            "numpy",
            f"{small}:exponential_small",
            _small_exponentials,
            "a stack of small matrices",
        ),
        Kernel(
            "exponential",
            "numpy",
            f"{large}:exponential_large",
            _always,
            "BLAS and LAPACK in one call, in place",
        ),
    )


def _stored_rows(facts: Any) -> bool:
    return _in_main_memory(facts) and facts.form == "stored-rows"


def _stored_rows_on_gpu(facts: Any) -> bool:
    return facts.form == "stored-rows" and facts.dtype_name in ("float32", "float64")


def _residual(facts: Any) -> bool:
    return _in_main_memory(facts) and facts.form == "residual"


def _exact_by_svd(oracle: Any) -> bool:
    return bool(oracle.method == "svd")


def _pursuit_kernels() -> tuple[Kernel, ...]:
    """NumPy arrays and CPU tensors share the kernels."""
    home = "orthola._kernels.numba.omp"
    return tuple(
        Kernel("omp", library, f"{home}_{target}", applies, reason)
        for target, applies, reason in (
            ("stored_rows:pursue_rows", _stored_rows, "one signal at a time in cache"),
            ("residual:pursue_residuals", _residual, "a block of signals at a time on BLAS"),
        )
        for library in ("numpy", "torch")
    )


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
        "procrustes",
        "numpy",
        "orthola._kernels.numba.procrustes_small:procrustes_stack",
        _small_fits,
        "a stack of small problems",
    ),
    Kernel(
        "procrustes",
        "torch",
        "orthola._procrustes.shared_memory:fit_of_tensors",
        _in_main_memory,
        "a CPU tensor shares its memory with NumPy",
    ),
    Kernel(
        "signed_lu",
        "numpy",
        "orthola._kernels.numba.signed_lu:signed_lu_stack",
        _always,
        "panels by a compiled loop, in place",
    ),
    Kernel(
        "frame_vectors",
        "numpy",
        "orthola._kernels.numba.frame_vectors:frame_vectors_stack",
        _always,
        "signed elimination and tau, in place",
    ),
    Kernel(
        "frame_status",
        "numpy",
        "orthola._kernels.numba.frame_status:frame_status_stack",
        _always,
        "Gram matrix and its defect in one call",
    ),
    Kernel(
        "cayley_frame_inverse",
        "numpy",
        "orthola._kernels.numba.cayley_frame_inverse:frame_inverse_stack",
        _in_main_memory,
        "BLAS and its loops in one call",
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
    Kernel(
        "flip_pairs",
        "numpy",
        "orthola._kernels.numba.pair_flips:flip_pairs_stack",
        _always,
        "compiled, in place",
    ),
    Kernel(
        "dictionary_update",
        "numpy",
        "orthola._kernels.numba.dictionary_steps:dictionary_steps",
        _exact_by_svd,
        "many mini-batches in one call",
    ),
    *_householder_kernels(),
    *_cayley_kernels(),
    *_frame_kernels(),
    *_exponential_kernels(),
    *_pursuit_kernels(),
    Kernel(
        "omp",
        "cupy",
        "orthola._kernels.cupy.omp_stored_rows:pursue_rows",
        _stored_rows_on_gpu,
        "a block of threads to a signal",
    ),
)
