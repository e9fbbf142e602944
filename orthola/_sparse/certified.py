"""A search in single precision for double data, with a certificate for every support.

The stored rows are forward substitution with the computed R, a computed Cholesky factor of G_S.
Hence (N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., ch. 8 and 10,
doi:10.1137/1.9780898718027), to first order, for unit atoms and t of them chosen,

    |c~_n - c_n| <= delta_t = (m + t + 3) u (1 + sqrt(t)/s_t)^2 ||y||,   s_t = 1/||R_t^-1||_F,

m = 1 where G and the first correlations are rounded once from double, else m = M. If the best
score leads by more than two such errors, exact arithmetic chooses the same atom.
"""

from __future__ import annotations

from typing import Any

from .._core.errors import Status
from .._core.linalg import adjoint
from .._core.space import Space
from .._core.triangular import solve_triangular
from .finish import Codes, outcome, square_of, sum_of_squares, support_factors
from .greedy import search
from .plan import Plan
from .problem import Problem, take_entries
from .search_state import Search, square_norms
from .stored_rows import StoredRows

__all__ = ["certain_steps", "error_bounds", "pursue_certified"]

_SLACK = 1e-3  # relative, for the terms beyond the first order
_LARGEST = 0.05  # of (m + t + 3) u t / s_t^2, so that they are such


def pursue_certified(space: Space, plan: Plan, narrow: str, problem: Problem) -> Codes:
    """Codes of the signals of one tile, searched in `narrow` precision where that is safe."""
    xp = space.xp
    if not space.eager:  # which signals are to be done again cannot be seen
        return _in_full(space, plan, problem)
    codes, certain = _narrowed(space, plan, space.with_dtype(narrow), problem)
    flags = [bool(certain[i]) for i in range(certain.shape[0])]
    again = [i for i, safe in enumerate(flags) if not safe]
    if not again:
        return codes
    chosen = xp.asarray(again, device=space.device)
    part = problem.only(
        *(None if x is None else xp.take(x, chosen, axis=0) for x in problem.each())
    )
    redone = _in_full(space, plan, part)
    place = list(range(len(flags)))
    for k, i in enumerate(again):
        place[i] = len(flags) + k
    order = xp.asarray(place, device=space.device)
    return Codes(
        *(
            xp.take(xp.concat([x, y], axis=0), order, axis=0)
            for x, y in zip(codes, redone, strict=True)
        )
    )


def _narrowed(space: Space, plan: Plan, low: Space, problem: Problem) -> tuple[Codes, Any]:
    """Codes by a search in low precision; and whether exact arithmetic chooses the same."""
    xp = space.xp
    a, y = problem.dictionary, problem.signals
    start = y @ adjoint(xp, a)
    weights = problem.weights
    reduced = problem._replace(
        signals=xp.astype(y, low.dtype),
        dictionary=xp.astype(a, low.dtype),
        gram=xp.astype(problem.gram, low.dtype),
        tolerances=None,
        weights=None if weights is None else xp.astype(weights, low.real_dtype),
    )
    quick = plan._replace(has_tol=False, floor=plan.floor / space.eps * low.eps)
    form = StoredRows(low, reduced, plan.k_max)
    found = search(low, quick, form, reduced, correlations=xp.astype(start, low.dtype), gaps=True)
    safe = certain_steps(low, quick, reduced, found, terms=1)
    codes, needed = _refitted(space, plan, problem, found.indices)
    steps = xp.arange(plan.k_max, device=space.device)
    asked = steps[None, :] < needed[:, None]
    return codes, xp.all(safe | ~asked, axis=-1)


def _in_full(space: Space, plan: Plan, problem: Problem) -> Codes:
    """Codes by a search in full precision; supports that it leaves open are AMBIGUOUS."""
    xp = space.xp
    form = StoredRows(space, problem, plan.k_max)
    found = search(space, plan, form, problem, gaps=True)
    safe = certain_steps(space, plan, problem, found, terms=problem.signals.shape[1])
    codes, _ = _refitted(space, plan, problem, found.indices)
    taken = codes.indices >= 0
    open_ = xp.any(taken & ~safe, axis=-1)
    return codes._replace(
        status=xp.where(open_, xp.zeros_like(codes.status) + int(Status.AMBIGUOUS), codes.status)
    )


def error_bounds(space: Space, factor: Any, size: Any, *, terms: int) -> tuple[Any, Any]:
    """delta_t for t = 0 ... K - 1, and the number that has to be small for it to hold: (B, K)."""
    xp, k = space.xp, factor.shape[-1]
    eye = xp.zeros_like(factor) + xp.eye(k, dtype=factor.dtype, device=space.device)
    columns = sum_of_squares(space, xp.matrix_transpose(solve_triangular(
        space, factor, eye, lower=False
    )))  # fmt: skip
    before = xp.cumulative_sum(columns, axis=-1) - columns  # ||R_t^-1||_F^2
    t = xp.arange(k, dtype=space.real_dtype, device=space.device)[None, :]
    step = (terms + t + 3) * (space.eps / 2)
    delta = step * (1 + xp.sqrt(t * before)) ** 2 * size[:, None]
    return delta, step * t * before


def certain_steps(space: Space, plan: Plan, problem: Problem, found: Search, *, terms: int) -> Any:
    """Bool (B, K): whether exact arithmetic takes the same atom in that step."""
    xp = space.xp
    g = square_norms(space, problem)
    size = xp.sqrt(sum_of_squares(space, problem.signals))
    delta, small = error_bounds(space, found.factor, size, terms=terms)
    reach = xp.sqrt(g) if problem.weights is None else xp.sqrt(g) * problem.weights
    # Scores of long atoms err by more.
    errors = take_entries(space, reach, found.indices) + xp.max(reach)
    gaps = found.gaps[:, :, 0] - found.gaps[:, :, 1]
    diagonal = square_of(space, xp.linalg.diagonal(found.factor))
    # What single precision takes for dependent may not be so.
    tau = 2 * plan.floor
    independent = diagonal > tau * take_entries(space, g, found.indices)
    taken = found.indices >= 0
    return taken & independent & (gaps > delta * errors * (1 + _SLACK)) & (small <= _LARGEST)


def _refitted(space: Space, plan: Plan, problem: Problem, indices: Any) -> tuple[Codes, Any]:
    """Least squares on the supports, cut where the tolerance is met.

    Also the number of atoms that the request needs: more than there are if the search ended early.
    """
    xp, y, k = space.xp, problem.signals, plan.k_max
    factors = support_factors(space, problem.dictionary, indices)
    b = (adjoint(xp, factors.q) @ y[:, :, None])[:, :, 0]
    size = xp.sqrt(sum_of_squares(space, y))
    count = xp.sum(xp.astype(factors.used, indices.dtype), axis=-1)
    goal, met, r = problem.counts, size < 0, y
    if problem.tolerances is not None:
        wanted, limit = problem.tolerances > 0, problem.tolerances * size
        met = wanted & (size <= limit)
        goal = xp.where(met, xp.zeros_like(goal), goal)
        for t in range(k):
            r = r - b[:, t, None] * factors.q[:, :, t]
            now = xp.sqrt(sum_of_squares(space, r)) <= limit
            now = now & wanted & ~met & factors.used[:, t]
            goal, met = xp.where(now, xp.zeros_like(goal) + t + 1, goal), met | now
    goal = xp.astype(goal, indices.dtype)
    kept = factors.used & (xp.arange(k, device=space.device)[None, :] < goal[:, None])
    b = xp.where(kept, b, xp.zeros_like(b))
    x = solve_triangular(space, factors.r, b[:, :, None], lower=False)[:, :, 0]
    r = y - (factors.q @ b[:, :, None])[:, :, 0]
    codes = Codes(
        xp.where(kept, indices, -xp.ones_like(indices)),
        xp.where(kept, x, xp.zeros_like(x)),
        xp.sum(xp.astype(kept, indices.dtype), axis=-1),
        xp.sqrt(sum_of_squares(space, r)),
        outcome(space, problem.tolerances, met, count < goal),
    )
    return codes, goal
