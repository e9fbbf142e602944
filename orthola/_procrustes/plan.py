"""What one call of `procrustes` does: static facts and options only."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core import checks
from .._core.dispatch import find_kernel
from .._core.space import Space
from .._core.tuning import planned

__all__ = ["ACCUMULATE", "COMPLETIONS", "Facts", "Plan", "facts_of", "plan_fit"]

ACCUMULATE = ("auto", "same", "float64")
COMPLETIONS = ("nearest", "none")
_SINGLE = {"float32", "complex64"}


class Plan(NamedTuple):
    """Everything that is decided before a value is looked at; hashable, so it keys caches."""

    rotation_only: bool
    scaling: bool
    translation: bool
    refine: int  # Newton steps at most
    completion: str
    check_finite: bool
    work: str  # dtype of all sums and of the small matrices, and of the result before rounding
    split: bool  # sums of blocks of rows, because nothing wider is at hand
    host: bool  # NumPy: looking at values costs nothing
    static: bool  # no branch on values
    kernel: str | None
    small: bool  # one fused kernel for the stack
    reason: str


class Facts(NamedTuple):
    """What a plan may depend on, besides the options."""

    backend: str
    in_main_memory: bool
    traced: bool
    double: bool  # the device has float64
    dtype_name: str
    rows: int
    columns: int
    batch: int


def facts_of(space: Space, a: Any) -> Facts:
    """Static facts of points (..., m, n)."""
    *shape, m, n = a.shape
    batch = 1
    if not (space.traced and space.name == "torch"):  # there it may be a symbol, and stays one
        for k in shape:
            batch *= k
    main = str(space.device) == "cpu"
    return Facts(
        space.name, main, space.traced, space.has_double, space.dtype_name, m, n, batch
    )  # fmt: skip


@planned(1024)
def plan_fit(
    facts: Facts,
    rotation_only: bool,
    scaling: bool,
    translation: bool,
    refine: Any,
    accumulate: str,
    completion: str,
    check_finite: bool,
    kernels: bool,
) -> Plan:
    """Check the options and resolve those that depend on the input."""
    steps = checks.count("procrustes", "refine", refine, least=0)
    checks.one_of("procrustes", "accumulate", accumulate, ACCUMULATE)
    checks.one_of("procrustes", "completion", completion, COMPLETIONS)
    is_complex = facts.dtype_name.startswith("complex")
    if rotation_only and is_complex:
        raise ValueError(
            "procrustes: expected real arrays with rotation_only=True, got "
            f"{facts.dtype_name}; the nearest matrix of SU(n) has no closed form: leave "
            "rotation_only=False for the nearest unitary matrix"
        )
    if accumulate == "float64" and not facts.double:
        raise ValueError(
            "procrustes: expected a device with float64 for accumulate='float64', got "
            f"{facts.backend} without it; use accumulate='auto', or enable float64"
        )
    single = facts.dtype_name in _SINGLE
    widen = single and facts.double and accumulate != "same"
    work = {True: "complex128", False: "float64"}[is_complex] if widen else facts.dtype_name
    facts = facts._replace(dtype_name=work)
    kernel = find_kernel("procrustes", facts.backend, facts) if kernels else None
    small = kernel
    if kernel is not None and facts.backend == "torch":
        small = find_kernel("procrustes", "numpy", facts)
    return Plan(
        rotation_only=bool(rotation_only),
        scaling=bool(scaling),
        translation=bool(translation),
        # Sums in double precision leave nothing of a single-precision problem to repair.
        refine=0 if widen else steps,
        completion=completion,
        check_finite=bool(check_finite),
        work=work,
        split=single and not widen and accumulate != "same",
        host=facts.backend == "numpy",
        static=facts.traced,
        kernel=None if kernel is None else kernel.target,
        small=small is not None,
        reason=_reason(facts, kernel, small),
    )


def _reason(facts: Facts, kernel: Any, small: Any) -> str:
    if kernel is not small:
        return f"{kernel.reason}; {small.reason}" if small else str(kernel.reason)
    if small is not None:
        return str(small.reason)
    if facts.traced:
        return "values cannot be looked at"
    return "one matrix" if facts.batch == 1 else "a stack of large matrices"
