"""The fit that the sums of a stream stand for.

The same calculation as for points in memory, except that no residual can be formed: it follows
from ||s A R - B||^2 = s^2 ||A||^2 + ||B||^2 - 2 s Re tr(R^H M), which loses half of the digits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.errors import Status
from .._core.linalg import adjoint, inner_product, wide
from .._core.space import Space
from .moments import squared_norm
from .refine import fitted_scale
from .solve import Solution, rank_tolerance, solve
from .state import State, cancelled
from .units import times_power

__all__ = ["Fit", "Question", "answer", "begin", "factors"]


class Question(NamedTuple):
    """What is to be fitted."""

    rotation_only: bool
    scaling: bool
    translation: bool
    completion: str


class Fit(NamedTuple):
    """A solved problem in the units of the state."""

    state: State  # about the origin if there is no translation
    solution: Solution
    tolerance: Any
    finite: Any  # bool (...)
    cancelled: Any  # bool (...): too much was taken out of the stream


def begin(space: Space, question: Question, state: State) -> Fit:
    """The rotation from the cross product."""
    xp, bad = space.xp, cancelled(space, state)
    if not question.translation:
        state = _about_origin(space, state)
    n = state.cross.shape[-1]
    finite = xp.isfinite(state.weight + state.squares_a + state.squares_b)
    finite = finite & xp.all(xp.isfinite(state.cross), axis=(-2, -1))
    eye = xp.eye(n, dtype=space.dtype, device=space.device)
    state = state._replace(cross=xp.where(wide(finite), state.cross, eye))
    # What was subtracted may have left a square below zero.
    p, q = (xp.where(x > 0, x, xp.zeros_like(x)) for x in (state.squares_a, state.squares_b))
    order = xp.where(state.rows > n, state.rows, xp.full_like(state.rows, float(n)))
    tolerance = xp.where(finite, order * rank_tolerance(space, 1, p, q, 1), xp.zeros_like(p))
    state = state._replace(squares_a=p, squares_b=q)
    solution = solve(
        space, state.cross, tolerance, rotation_only=question.rotation_only,
        completion=question.completion,
    )  # fmt: skip
    return Fit(state, solution, tolerance, finite, bad)


def _about_origin(space: Space, state: State) -> State:
    """The sums that were never centred."""
    xp, w = space.xp, state.weight
    rows = state.mean_a[..., None, :], state.mean_b[..., None, :]
    cross = state.cross + wide(w) * (adjoint(xp, rows[0]) @ rows[1])
    p, q = (w * squared_norm(space, row, None) for row in rows)
    zero = xp.zeros_like(state.mean_a)
    return state._replace(
        mean_a=zero, mean_b=zero, squares_a=state.squares_a + p, squares_b=state.squares_b + q,
        cross=cross,
    )  # fmt: skip


def factors(space: Space, question: Question, fit: Fit) -> tuple[Any, Any, Any]:
    """c_a, c_b and e: the model c_a A R + t ~ c_b B in the units of the state, times 2^e."""
    xp, state = space.xp, fit.state
    unit_a, unit_b = state.exponents[..., 0], state.exponents[..., 1]
    one = xp.ones_like(state.squares_a)
    if question.scaling:
        scale = fitted_scale(xp, fit.solution.rotation, state.cross, state.squares_a)
        return scale, one, unit_b
    e = xp.maximum(unit_a, unit_b)
    return times_power(space, one, unit_a - e), times_power(space, one, unit_b - e), e


def answer(space: Space, question: Question, fit: Fit, squares: Any = None) -> tuple[Any, ...]:
    """Rotation, scale, translation, residual, gap, reflection gain; rank, unique, status.

    `squares` is the squared residual where it is known better than by the norms.
    """
    xp, (state, solution, _, finite, bad) = space.xp, fit
    r = solution.rotation
    of_a, of_b, e = factors(space, question, fit)
    unit_a, unit_b, unit_w = (state.exponents[..., k] for k in range(3))
    if squares is None:
        inner = inner_product(xp, r, state.cross)
        squares = of_a * of_a * state.squares_a + of_b * of_b * state.squares_b
        squares = squares - 2.0 * of_a * of_b * inner
        squares = xp.where(squares > 0, squares, xp.zeros_like(squares))
    residual = times_power(space, xp.sqrt(squares), e + unit_w // 2)
    scale = times_power(space, of_a, unit_b - unit_a) if question.scaling else xp.ones_like(of_a)
    row = of_b[..., None] * state.mean_b
    row = row - of_a[..., None] * (state.mean_a[..., None, :] @ r)[..., 0, :]
    row = times_power(space, row, e[..., None])
    total = unit_a + unit_b + unit_w
    gap, gain = (times_power(space, x, total) for x in (solution.gap, solution.reflection_gain))
    code = xp.full_like(solution.rank, int(Status.RANK_DEFICIENT))
    code = xp.where(solution.unique, xp.full_like(code, int(Status.OK)), code)
    code = xp.where(bad, xp.full_like(code, int(Status.BOUND_VIOLATED)), code)
    code = xp.where(finite, code, xp.full_like(code, int(Status.NONFINITE)))
    known = []
    for x in (r, scale, row, residual, gap, gain):
        shape = (*finite.shape, *(1,) * (x.ndim - finite.ndim))
        known.append(xp.where(xp.reshape(finite, shape), x, xp.full_like(x, float("nan"))))
    rank = xp.where(finite, solution.rank, xp.zeros_like(solution.rank))
    return (*known, rank, solution.unique & finite, xp.astype(code, xp.int32))
