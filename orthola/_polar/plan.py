"""Which method, with which numbers, for a given kind of input: static facts only."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core import tuning
from .._core.dispatch import find_kernel
from .._core.space import Space

__all__ = ["METHODS", "Plan", "plan_polar"]

METHODS = ("auto", "svd", "newton", "newton-schulz", "halley", "qr-halley", "gram")


class Plan(NamedTuple):
    """Everything that is decided before a value is looked at; hashable, so it keys caches."""

    method: str
    reason: str
    kernel: str | None
    lower_bound: float | None
    cap: float | None
    max_steps: int | None
    completion: str
    fallback: bool
    check_finite: bool
    degenerate: str
    static: bool  # no branch on values: nothing waits for the device
    patience: int | None = None  # steps of Halley beyond which the SVD is the better choice


class Facts(NamedTuple):
    """What a plan may depend on, besides the options."""

    backend: str
    on_gpu: bool
    in_main_memory: bool
    traced: bool
    dtype_name: str
    long: int
    short: int
    batch: int


def facts_of(space: Space, x: Any) -> Facts:
    """Static facts of tall `x`."""
    batch = 1
    if not (space.traced and space.name == "torch"):  # there it may be a symbol, and stays one
        for n in x.shape[:-2]:
            batch *= n
    return Facts(
        space.name,
        space.on_gpu,
        str(space.device) == "cpu",
        space.traced,
        space.dtype_name,
        int(x.shape[-2]),
        int(x.shape[-1]),
        batch,
    )


@tuning.planned(1024)
def plan_polar(
    facts: Facts,
    *,
    method: str,
    kernels: bool,
    lower_bound: float | None,
    cap: float | None,
    max_steps: int | None,
    completion: str,
    fallback: bool,
    check_finite: bool,
    degenerate: str,
    unrolled: bool = False,
) -> Plan:
    """Resolve ``method="auto"`` and pick a kernel."""
    kernel, patience = None, None
    if completion == "none":
        if method not in ("auto", "svd"):
            raise ValueError(
                "polar: expected method='svd' or 'auto' with completion='none' (only the singular "
                f"value decomposition tells the null space), got method={method!r}"
            )
        method, reason = "svd", "completion='none' needs the singular values"
    elif method == "auto" and unrolled:
        # An SVD has no derivative where singular values coincide, and other loops no fixed length.
        method, reason = "qr-halley", "derivative='unrolled' needs steps with a derivative"
    elif method == "auto":
        method, reason, kernel = _choose(facts, kernels)
        if method == "halley" and fallback and not facts.traced and facts.in_main_memory:
            patience = tuning.polar_limits(facts.dtype_name).halley_patience(facts.short)
    else:
        reason = "asked for"
    if method == "gram" and facts.dtype_name not in ("float32", "complex64"):
        raise ValueError(
            "polar: expected float32 or complex64 (or a half precision) with method='gram', whose "
            f"Gram matrix is formed in double precision, got {facts.dtype_name}; use method='auto'"
        )
    return Plan(
        method, reason, kernel, lower_bound, cap, max_steps, completion, fallback, check_finite,
        degenerate, _static(facts, fallback, check_finite), patience,
    )  # fmt: skip


def _static(facts: Facts, fallback: bool, check_finite: bool) -> bool:
    """While torch.compile traces; on a GPU where nothing else asks for a look at values."""
    if facts.backend == "jax":
        return False  # its loops run on the device
    return facts.traced or (facts.on_gpu and not fallback and not check_finite)


def _choose(facts: Facts, kernels: bool) -> tuple[str, str, str | None]:
    """The method of ``"auto"``: (method, reason, kernel)."""
    limits = tuning.polar_limits(facts.dtype_name)
    short, long = facts.short, facts.long
    kernel = find_kernel("polar", facts.backend, facts) if kernels else None
    if kernel is not None and facts.backend == "torch":
        method, reason, _ = _choose(facts._replace(backend="numpy"), kernels)
        return method, f"{reason}; {kernel.reason}", kernel.target
    if kernel is not None:
        return "small", kernel.reason, kernel.target
    if facts.traced and facts.backend == "torch":
        return "svd", "values cannot be looked at while compiling", None
    if facts.on_gpu:
        if short >= limits.gpu_order:
            return "halley", "matrix products suit a GPU better than an SVD", None
        return "svd", f"order {short} is below the crossover {limits.gpu_order}", None
    if facts.backend != "numpy":
        return "svd", f"{facts.backend} on a CPU", None
    single = facts.dtype_name in ("float32", "complex64")
    if single and short >= limits.gram_order and long >= limits.gram_aspect * short:
        return "gram", f"single precision, aspect {long / short:.3g}", None
    order = limits.order(long / max(short, 1))
    if short >= order:
        reason = f"order {short} is at or above the crossover {order}"
        return ("halley" if long < limits.newton_aspect * short else "newton"), reason, None
    return "svd", f"order {short} is below the crossover {order}", None
