"""Stacks of small NumPy matrices by the fused kernel, and what it leaves over by the text."""

from __future__ import annotations

from typing import Any

from .._core.dispatch import load
from .._core.errors import Status
from .._core.options import current
from .._core.space import Space
from .general import fit_stack, raise_if_unusable
from .moments import Points
from .plan import Plan

__all__ = ["fit_by_kernel"]


def fit_by_kernel(space: Space, plan: Plan, points: Points) -> Any:
    """As `fit_stack`.

    The kernel finishes regular items: finite, in range, with one answer, and nothing to refine.
    """
    assert plan.kernel is not None
    a, b, w, *_ = points
    *batch, m, n = a.shape
    flat = [a.reshape(-1, m, n), b.reshape(-1, m, n), None if w is None else w.reshape(-1, m)]
    *parts, regular = load(plan.kernel)(
        *flat,
        rotation_only=plan.rotation_only,
        scaling=plan.scaling,
        translation=plan.translation,
        refining=plan.refine > 0,
        threads=current().threads,
    )
    (left,) = space.xp.nonzero(~regular)
    if left.size:
        rest = Points(*(None if x is None else x[left] for x in flat))
        quiet = plan._replace(check_finite=False)
        for part, found in zip(parts, fit_stack(space, quiet, rest), strict=True):
            part[left] = found
        if plan.check_finite:  # of all items, which the caller counts
            status = parts[-1]
            wrong = status == int(Status.NONFINITE), status == int(Status.BOUND_VIOLATED)
            raise_if_unusable(space, a, ~wrong[0], wrong[1])
    return tuple(part.reshape(*batch, *part.shape[1:]) for part in parts)
