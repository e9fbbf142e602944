"""`orthogonalize`: the approximate polar factor with a stated interval of singular values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks, tuning
from .._core.dispatch import Explanation, explained_by
from .._core.linalg import adjoint, operations
from .._core.space import Space, in_full_precision, is_compiling, resolve
from .approximate import approximate, gram_segments
from .schedules import Schedule
from .schedules import schedule as make_schedule
from .sequences import grouped

__all__ = ["orthogonalize"]

_LOWER_BOUND = 1e-3


class _Plan(NamedTuple):
    given: Space
    norm: Space  # where the norm is taken: float32 or wider
    work: Space  # where the products are done
    schedule: Schedule
    segments: tuple[int, ...] | None  # numbers of steps on one Gram matrix; None: direct form
    reason: str


def _explain(a: Any, /, **options: Any) -> Explanation:
    first = a[0] if isinstance(a, (list, tuple)) and a and hasattr(a[0], "shape") else a
    plan, x = _prepare(first, **options)
    low, high = plan.schedule.interval
    form = "direct"
    if plan.segments is not None:
        form = f"Gram, formed {len(plan.segments)} times, for {plan.segments} steps"
    facts = [
        ("input", f"{plan.given.name} {plan.given.dtype_name} of shape {tuple(x.shape)}"),
        ("computed in", plan.work.dtype_name),
        ("schedule", f"{plan.schedule.kind}, {len(plan.schedule.coefficients)} steps"),
        ("interval", f"[{low:.4g}, {high:.4g}] for sigma/norm >= {plan.schedule.lower_bound:.3g}"),
        ("form", form),
        ("because", plan.reason),
    ]
    return Explanation("orthogonalize", tuple(facts))


@explained_by(_explain)
def orthogonalize(
    a: Any,
    /,
    *,
    steps: int | None = 5,
    schedule: str | Schedule = "polar-express",
    lower_bound: float | None = None,
    compute_dtype: str | None = None,
    gram: str | bool = "auto",
) -> Any:
    """Map all singular values of `a` near 1, with a fixed number of matrix products.

    The step inside Muon-type optimisers. **Not** the exact polar factor: singular vectors are
    kept, and every singular value of at least `lower_bound` times the Frobenius norm is mapped
    into ``orthola.schedule(...).interval``, by default [0.85, 1.13]; smaller ones into
    [0, 1.13]. For the exact factor use `orthola.polar`.

    Parameters
    ----------
    a : array (..., m, n), or a list or tuple of such arrays
        Real or complex matrices; a sequence is processed in groups of one short side, zero
        rows padding the long side.
    steps : int or None, optional
        Steps of the schedule; more steps bring smaller singular values to 1. None takes a
        published table's own length.
    schedule : str or Schedule, optional
        A kind known to `orthola.schedule`, or a polynomial schedule made by it.
    lower_bound : float, optional
        Singular value, divided by the Frobenius norm, from which on the interval is promised;
        default 1e-3.
    compute_dtype : {None, "float16", "bfloat16", "float32", "float64"}, optional
        Precision of the products; the norm is always taken in float32 or wider. None is the
        dtype of `a`. ``"float16"`` keeps three bits more than ``"bfloat16"``.
    gram : {"auto", True, False}, optional
        Work through n x n matrices for tall items. Same map, fewer products from aspect 2 on;
        ``"auto"`` takes it from aspect 3 and 512 rows on.

    Returns
    -------
    array (..., m, n), or a list of them
        Library, dtype and device of `a`. Zero matrices stay zero; an item with NaN or infinity
        is NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, fewer than two axes, unknown options, a
        schedule that is not polynomial, or a number of steps a table does not have.

    Notes
    -----
    **Accuracy**: the interval holds up to an allowance for rounding: 1e-12 in float64, 2e-4 in
    float32 (up to 8 steps). Half precision rounds what every step multiplies: singular values of
    1 or less move by up to 2 u there, u = 5e-4 in float16 and 4e-3 in bfloat16, and the steps
    that follow magnify this as they do singular values. Near `lower_bound` = 1e-3 that may take
    away half of the lower end, or all of it; on graded spectra 5e-3 in float16 and 3e-2 in
    bfloat16 beyond the interval were seen. Scaling `a` by a power of two changes nothing, bitwise.

    **Cost** of a step with n x n products as unit: 1.5 m/n + 0.5 with symmetric products (direct).
    The Gram form needs 3 m/n + 11.5 for five steps instead of 7.5 m/n + 2.5.

    **Derivatives** by PyTorch or JAX are those of the polynomial map, exact for what is computed.

    References
    ----------
    N. Amsel, D. Persson, C. Musco, R. M. Gower, arXiv:2505.16932 (the default schedule).
    K. Jordan et al., Muon, 2024.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.random.default_rng(0).standard_normal((30, 20))
    >>> s = np.linalg.svd(orthola.orthogonalize(a), compute_uv=False)
    >>> low, high = orthola.schedule("polar-express", steps=5, lower_bound=1e-3).interval
    >>> bool(s.min() >= low and s.max() <= high)
    True
    """
    options = {
        "steps": steps, "schedule": schedule, "lower_bound": lower_bound,
        "compute_dtype": compute_dtype, "gram": gram,
    }  # fmt: skip
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.orthogonalize(a, **options)
    return approximate_factor(a, **options)


# An item with NaN or infinity gives NaN, not a warning.
@np.errstate(all="ignore")
@in_full_precision
def approximate_factor(a: Any, **options: Any) -> Any:
    """The calculation behind `orthogonalize`, with every option given."""
    if isinstance(a, (list, tuple)) and any(hasattr(x, "shape") for x in a):
        return grouped(a, lambda x: _one(x, **options))
    return _one(a, **options)


def _one(a: Any, **options: Any) -> Any:
    plan, x = _prepare(a, **options)
    xp = plan.norm.xp
    if 0 in x.shape:
        return xp.zeros_like(x, dtype=plan.given.dtype)
    transposed = x.shape[-2] < x.shape[-1]
    x = xp.astype(x, plan.norm.dtype, copy=False)
    x = adjoint(xp, x) if transposed else x
    rows = plan.schedule.coefficients
    if plan.work.name == "numpy" and x.ndim > 2 and not plan.work.is_half:
        flat = xp.reshape(x, (-1, *x.shape[-2:]))
        parts = [_run(plan, flat[i, ...], rows) for i in range(flat.shape[0])]
        y = xp.reshape(xp.stack(parts), x.shape) if parts else x
    else:
        y = _run(plan, x, rows)
    y = adjoint(xp, y) if transposed else y
    return xp.astype(y, plan.given.dtype, copy=False)


def _run(plan: _Plan, x: Any, rows: Any) -> Any:
    ops = operations(plan.work, x.ndim)
    return approximate(plan.norm, x, ops, rows, segments=plan.segments)


def _prepare(
    a: Any,
    *,
    steps: int | None = 5,
    schedule: str | Schedule = "polar-express",
    lower_bound: float | None = None,
    compute_dtype: str | None = None,
    gram: str | bool = "auto",
) -> tuple[_Plan, Any]:
    given, (x,) = resolve("orthogonalize", a)
    checks.is_matrix("orthogonalize", x)
    if not isinstance(gram, bool) and gram != "auto":
        kind = ValueError if isinstance(gram, str) else TypeError
        raise kind(f"orthogonalize: expected gram to be 'auto', True or False, got {gram!r}")
    rule = _schedule(steps, schedule, lower_bound)
    if compute_dtype == "bfloat16" and given.name == "numpy":
        raise ValueError("orthogonalize: NumPy has no bfloat16; use compute_dtype='float16'")
    if compute_dtype is None:
        work = given
    else:
        work = checks.compute_space("orthogonalize", given, compute_dtype, half=True)
    norm = checks.compute_space("orthogonalize", work, None)
    wanted, reason = _form(work, x, gram)
    # The n x n side is in float32 for halves.
    segments = gram_segments(rule.coefficients, norm.eps / 2) if wanted else None
    return _Plan(given, norm, work, rule, segments, reason), x


def _form(work: Space, x: Any, gram: str | bool) -> tuple[bool, str]:
    """Whether to work through Gram matrices, and why."""
    short, long = sorted(x.shape[-2:])
    limits = tuning.orthogonalize_limits(work.real_name)
    if gram == "auto" and work.is_half and work.on_gpu:
        return False, "half-precision products are the fast ones on a GPU, and that form has few"
    if gram == "auto":
        wanted = long >= limits.gram_aspect * short and long >= limits.gram_rows
        reason = (
            f"aspect {long / max(short, 1):.3g} and long side {long} are "
            f"{'at least' if wanted else 'not both at least'} {limits.gram_aspect:g} and "
            f"{limits.gram_rows}"
        )
        return wanted, reason
    return bool(gram), "asked for"


def _schedule(steps: int | None, kind: str | Schedule, lower_bound: float | None) -> Schedule:
    if isinstance(kind, Schedule):
        rule = kind
    else:
        if not isinstance(kind, str):
            raise TypeError(
                "orthogonalize: expected schedule to be a name or an orthola.Schedule, got "
                f"{type(kind).__name__}"
            )
        bound = _LOWER_BOUND if lower_bound is None else lower_bound
        rule = make_schedule(kind, steps=steps, lower_bound=bound)
    if rule.kind == "halley":
        raise ValueError(
            "orthogonalize: expected a polynomial schedule, got 'halley', which needs inverses; "
            "use polar(method='halley') for the exact factor"
        )
    return rule
