"""A fit from beginning to end, for stacks of any library: sums, rotation, steps, results."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.errors import Status
from .._core.linalg import inner_product, product, wide
from .._core.space import Space
from .moments import Moments, Points, moments, pieces, squared_norm
from .plan import Plan
from .refine import fitted_scale, newton_step, worth_refining
from .solve import Solution, rank_tolerance, solve
from .units import Units, measured, times_power

__all__ = ["IDENTITY", "LEAST", "MOST", "finished", "fit_stack", "raise_if_unusable"]

# Squares in here, their product and the product's root are far from both ends of the range.
LEAST, MOST = 2.0**-400, 2.0**400
# Above this share of ||s A R||^2 + ||B||^2 the squared residual follows from the norms with three
# digits lost at most; below it the difference would lose more, and the residual is formed.
IDENTITY = 2.0**-10


@np.errstate(all="ignore")
def fit_stack(space: Space, plan: Plan, points: Points) -> Any:
    """Rotation, scale, translation, residual, gap, reflection gain; rank, unique, status."""
    work, units, given = space.with_dtype(plan.work), None, points
    if plan.host:  # most points need no units: that shows in the sums
        sums, points = moments(work, given, translation=plan.translation, split=plan.split)
        if _in_range(sums):
            return finished(space, plan, points, sums, None)
    if work.real_name == space.real_name or work.real_name == "float32":
        given, units = measured(space, given, host=plan.host)
    sums, points = moments(work, given, translation=plan.translation, split=plan.split)
    return finished(space, plan, points, sums, units)


def _in_range(sums: Moments) -> bool:
    """Whether no square of a number that counts has left the range, in any item."""
    squares = sums.squares_a, sums.squares_b
    return all(bool(((x > LEAST) & (x < MOST)).all()) for x in squares)


@np.errstate(all="ignore")
def finished(
    space: Space, plan: Plan, points: Points, sums: Moments, units: Units | None, parts: Any = None
) -> Any:
    """All results from the sums; `parts` as in `solve`."""
    work = space.with_dtype(plan.work)
    xp, (m, n) = work.xp, points.a.shape[-2:]
    finite = xp.isfinite(sums.squares_a + sums.squares_b + sums.weight)
    finite = finite & xp.all(xp.isfinite(sums.cross), axis=(-2, -1))
    negative = xp.zeros_like(finite)
    if points.weights is not None:
        negative = xp.any(points.weights < 0, axis=-1)
    if plan.check_finite and space.eager:
        raise_if_unusable(space, points.a, finite, negative)
    tolerance = rank_tolerance(work, m, sums.squares_a, sums.squares_b, n)
    tolerance = xp.where(finite, tolerance, xp.zeros_like(tolerance))
    nothing = tolerance * (n / max(m, n))
    if not (plan.host and finite.all()):
        # NaN must not reach LAPACK.
        eye = xp.eye(n, dtype=work.dtype, device=work.device)
        sums = sums._replace(cross=xp.where(wide(finite), sums.cross, eye))
    solution = solve(
        work, sums.cross, tolerance, rotation_only=plan.rotation_only,
        completion=plan.completion, parts=parts, nothing=nothing,
    )  # fmt: skip
    for _ in range(plan.refine):
        r = _refined(work, plan, points, solution, sums, nothing)
        solution = solution._replace(rotation=r)
    return _assembled(work, plan, points, sums, units, solution, finite, negative)


def _refined(
    work: Space, plan: Plan, points: Points, solution: Solution, sums: Moments, nothing: Any
) -> Any:
    """One step; where looking costs nothing, for the items alone that may have lost digits."""
    given: tuple[Any, ...] = (points, solution, sums.cross, sums.squares_a, nothing)
    if not plan.host:
        return newton_step(work, *given, split=plan.split)
    chosen = worth_refining(work, solution, sums)
    if not chosen.any():
        return solution.rotation
    if chosen.all():
        return newton_step(work, *given, split=plan.split)
    few = (type(p)(*(None if x is None else x[chosen] for x in p)) for p in given[:2])
    r = solution.rotation.copy()
    r[chosen] = newton_step(work, *few, *(x[chosen] for x in given[2:]), split=plan.split)
    return r


def _assembled(
    work: Space, plan: Plan, points: Points, sums: Moments, units: Units | None,
    solution: Solution, finite: Any, negative: Any,
) -> Any:  # fmt: skip
    """Scale, translation and residual in the units of the caller; status; NaN where it belongs."""
    xp, r = work.xp, solution.rotation
    one = xp.ones_like(sums.squares_a)
    scale = fitted_scale(xp, r, sums.cross, sums.squares_a) if plan.scaling else one
    # The model in common units: c_a A R + t ~ c_b B, times 2^e.
    of_a, of_b, e = scale, one, xp.zeros_like(sums.squares_a, dtype=xp.int32)
    if units is not None:
        e = units.b if plan.scaling else xp.maximum(units.a, units.b)
        of_b = times_power(work, one, units.b - e)
        of_a = scale if plan.scaling else times_power(work, one, units.a - e)
    residual = _residual(work, plan, points, sums, r, of_a, of_b)
    rows = [x[..., None, :] for x in (sums.mean_a, sums.mean_b)]
    translation = wide(of_b) * rows[1] - wide(of_a) * (rows[0] @ r)
    gap, gain = solution.gap, solution.reflection_gain
    if units is not None:
        residual = times_power(work, residual, e + units.weights // 2)
        translation = times_power(work, translation[..., 0, :], e[..., None])[..., None, :]
        total = units.a + units.b + units.weights
        gap, gain = times_power(work, gap, total), times_power(work, gain, total)
        if plan.scaling:
            scale = times_power(work, scale, units.b - units.a)
    code = xp.full_like(solution.rank, int(Status.OK))
    code = xp.where(solution.unique, code, xp.full_like(code, int(Status.RANK_DEFICIENT)))
    code = xp.where(negative, xp.full_like(code, int(Status.BOUND_VIOLATED)), code)
    code = xp.where(finite, code, xp.full_like(code, int(Status.NONFINITE)))
    known = [r, scale, translation[..., 0, :], residual, gap, gain]
    if not (plan.host and finite.all()):
        for i, x in enumerate(known):
            shape = (*finite.shape, *(1,) * (x.ndim - finite.ndim))
            known[i] = xp.where(xp.reshape(finite, shape), x, xp.full_like(x, float("nan")))
    rank = xp.where(finite, solution.rank, xp.zeros_like(solution.rank))
    return (*known, rank, solution.unique & finite, xp.astype(code, xp.int32))


def _residual(
    work: Space, plan: Plan, points: Points, sums: Moments, r: Any, of_a: Any, of_b: Any
) -> Any:
    """||W^(1/2) (c_a A_c R - c_b B_c)||_F."""
    xp = work.xp
    if plan.host:
        inner = inner_product(xp, r, sums.cross)
        size = of_a * of_a * sums.squares_a + of_b * of_b * sums.squares_b
        total = size - 2.0 * of_a * of_b * inner
        if (total >= IDENTITY * size).all():
            return xp.sqrt(total)
    factor, total = wide(of_a) * r, xp.zeros_like(sums.squares_a)
    for x, y, column in pieces(work, points):
        e = product(work, x, factor) - wide(of_b) * y
        total = total + squared_norm(work, e, column, split=plan.split)
    return xp.sqrt(total)


def raise_if_unusable(space: Space, a: Any, finite: Any, negative: Any) -> None:
    """ValueError that says which items hold NaN, infinities or negative weights."""
    xp = space.xp
    if bool(xp.all(finite & ~negative)):
        return
    what, cure = "finite points and weights, got NaN or infinity", "to get NaN and status NONFINITE"
    wrong = ~finite
    if not bool(xp.any(wrong)):
        what, cure = "weights >= 0, got a negative one", "to get status BOUND_VIOLATED"
        wrong = negative
    where = ""
    if a.ndim > 2:
        bad = [i for i, is_bad in enumerate(xp.reshape(wrong, (-1,))) if bool(is_bad)]
        where = f" in {len(bad)} of the items (the first at flat index {bad[0]})"
    raise ValueError(
        f"procrustes: expected {what}{where} with points in {a.dtype} of shape {tuple(a.shape)}; "
        f"mend the input, or pass check_finite=False {cure} for those items only"
    )
