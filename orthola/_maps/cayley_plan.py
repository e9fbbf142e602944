"""How a Cayley map is computed: by a linear solve, or by products alone."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .._core import tuning
from .._core.linalg import sums_of_squares
from .._core.space import Space
from .polar_form import finest, polar_schedule

__all__ = ["METHODS", "Facts", "Plan", "plan_cayley", "skew_part"]

METHODS = ("auto", "solve", "polar")


class Plan(NamedTuple):
    """Static choices; plain numbers and words."""

    scale: float
    method: str  # "solve", "polar", or "svd": "polar" at any norm, where "solve" has failed
    bound: float | None  # of ||scale A||_2: promised, or measured for "polar"
    tol: float  # delta of the polynomial of "polar"


class Facts(NamedTuple):
    """What the table of kernels looks at."""

    dtype_name: str
    batch: int
    order: int
    in_main_memory: bool
    traced: bool


def skew_part(space: Space, x: Any, scale: float) -> Any:
    """Skew-Hermitian part of scale X; both triangles come from the same two numbers."""
    half = (0.5 * scale) * x
    t = space.xp.matrix_transpose(half)
    return half - (space.xp.conj(t) if space.is_complex else t)


def plan_cayley(
    given: Space,
    work: Space,
    x: Any,
    *,
    scale: float,
    method: str,
    norm_bound: float | None,
    tol: float | None,
) -> tuple[Plan, str]:
    """The plan for matrices x of the space `work`, and the reason for its method."""
    delta = max(finest(given), finest(work)) if tol is None else tol
    reason = "asked for"
    if method == "auto":
        method, reason = _choose(work, norm_bound, delta)
    bound = norm_bound
    if method == "polar" and bound is None:
        if work.traced:
            raise ValueError(
                "cayley: method='polar' inside a transformation needs norm_bound, an upper bound "
                "of ||scale A||_2, because values cannot be looked at; got None"
            )
        bound = _measured(work, skew_part(work, x, scale))
    return Plan(scale, method, bound, delta), reason


def _choose(work: Space, norm_bound: float | None, delta: float) -> tuple[str, str]:
    if not work.on_gpu:
        return "solve", "elimination is faster than products on a CPU"
    if norm_bound is None:
        return "solve", "no norm_bound is known"
    most = tuning.cayley_limits().polar_products
    needed = polar_schedule(norm_bound, delta).products + 1
    if needed > most:
        return "solve", f"norm_bound {norm_bound:.3g} would take {needed} products, over {most}"
    return "polar", f"{needed} products on a GPU, no elimination"


def _measured(space: Space, t: Any) -> float:
    """An upper bound of the largest ||T||_2, rounded up to a quarter of a power of two.

    The rounding makes the number of different schedules small. Items with NaN do not count.
    """
    xp = space.xp
    if 0 in t.shape:
        return 1.0
    frobenius = xp.sqrt(sums_of_squares(xp, t) * (1.0 if space.is_complex else 0.5))
    columns = xp.max(xp.sum(xp.abs(t), axis=-2), axis=-1)
    bound = xp.minimum(frobenius, columns)
    largest = float(xp.max(xp.where(xp.isfinite(bound), bound, xp.zeros_like(bound))))
    quarters = math.ceil(4.0 * math.log2(max(largest * (1.0 + 4.0 * space.eps), 2.0**-6)))
    return float(2.0 ** (0.25 * quarters))
