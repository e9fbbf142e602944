"""What products of reflectors expect of their arguments: shapes, dtypes, one batch."""

from __future__ import annotations

import math
from typing import Any

from .._core import checks
from .._core.space import Space

__all__ = ["check_reflectors", "widened", "with_one_batch"]


def check_reflectors(function: str, v: Any, tau: Any = None) -> tuple[int, int]:
    """The sizes m and k; raises unless V is (..., m, k), k <= m, and tau, if given, (..., k)."""
    checks.is_matrix(function, v, name="v")
    *batch, m, k = v.shape
    if k > m:
        raise ValueError(
            f"{function}: expected v of shape (..., m, k) with k <= m, at most as many reflectors "
            f"as rows, got {checks.describe(v)}"
        )
    if tau is not None and tuple(tau.shape) != (*batch, k):
        raise ValueError(
            f"{function}: expected tau of shape {(*batch, k)}, one factor per column of v, got "
            f"{checks.describe(tau)}"
        )
    return m, k


def widened(function: str, given: Space, arrays: Any) -> tuple[Space, tuple[Any, ...]]:
    """The space in which to compute, and the arrays in its dtype."""
    work = checks.compute_space(function, given, None)
    if work is given:
        return given, arrays
    return work, tuple(work.xp.astype(x, work.dtype) for x in arrays)


def with_one_batch(xp: Any, arrays: Any, right: bool) -> tuple[tuple[Any, ...], Any]:
    """V, tau and X with the same batch shape. For one V, the batch of X becomes part of p."""
    *reflectors, x = arrays
    batch, own = reflectors[0].shape[:-2], tuple(x.shape[:-2])
    if batch == own:
        return arrays, lambda y: y
    if not batch:
        if right:
            flat = xp.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
            return (*reflectors, flat), lambda y: xp.reshape(y, x.shape)
        rows = xp.moveaxis(x, -2, 0)
        shape = rows.shape
        flat = xp.reshape(rows, (shape[0], math.prod(shape[1:])))
        return (*reflectors, flat), lambda y: xp.moveaxis(xp.reshape(y, shape), 0, -2)
    batch = checks.common_batch("householder_apply", v=batch, x=own)
    v, *tau = reflectors
    v = xp.broadcast_to(v, (*batch, *v.shape[-2:]))
    tau = [xp.broadcast_to(t, (*batch, t.shape[-1])) for t in tau]
    return (v, *tau, xp.broadcast_to(x, (*batch, *x.shape[-2:]))), lambda y: y
