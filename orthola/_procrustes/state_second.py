"""One Newton step for the fit of a stream, from a second look at the data.

The errors of the first rotation are formed from the points, and keep what their sums have lost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import adjoint, inner_product, wide
from .._core.scaling import scale_by_power_of_two
from .._core.space import Space
from .moments import Points, cross_product, pieces, squared_norm
from .refine import fitted_scale, turned
from .state_solve import Fit, Question, factors
from .units import times_power

__all__ = ["Second", "improved", "look_again"]


class Second(NamedTuple):
    """Sums over the errors of a rotation R."""

    c: Any  # (..., n, n), A^H W (B - s A R), s the best scale
    squares: Any  # (...) ||W^(1/2) (c_a A R - c_b B)||_F^2, as the model has it


def look_again(space: Space, question: Question, fit: Fit, points: Points) -> Second:
    """The errors of `fit` on some of the points, which are in the caller's units."""
    xp, state, r = space.xp, fit.state, fit.solution.rotation
    a, b, w, *_ = points
    shift_a, shift_b, shift_w = (-state.exponents[..., k] for k in range(3))
    if not (space.eager and not bool(xp.any(state.exponents != 0))):
        a, b = scale_by_power_of_two(space, a, shift_a), scale_by_power_of_two(space, b, shift_b)
        w = None if w is None else times_power(space, w, shift_w[..., None])
    means = (state.mean_a, state.mean_b) if question.translation else (None, None)
    best = fitted_scale(xp, r, state.cross, state.squares_a)
    of_a, of_b, _ = factors(space, question, fit)
    c, squares = xp.zeros_like(state.cross), xp.zeros_like(state.squares_a)
    for x, y, column in pieces(space, Points(a, b, w, *means)):
        moved = x @ r
        e = y - wide(best) * moved
        c = c + cross_product(space, x, e if column is None else column * e, split=False)
        e = wide(of_a) * moved - wide(of_b) * y
        squares = squares + squared_norm(space, e, column)
    return Second(c, squares)


def improved(space: Space, question: Question, fit: Fit, second: Second) -> tuple[Fit, Any]:
    """The fit after the Newton step, and its squared residual in the units of the state.

    At the end of the step the quadratic model has fallen by c_a c_b Re <skew(C), X>: the residual
    keeps the digits of the one that was formed from the data.
    """
    xp, solution = space.xp, fit.solution
    c = adjoint(xp, solution.rotation) @ second.c
    rotation, x = turned(space, solution, c, fit.tolerance)
    skew = 0.5 * (c - adjoint(xp, c))
    inner = inner_product(xp, skew, x)
    of_a, of_b, _ = factors(space, question, fit)
    squares = second.squares - of_a * of_b * inner
    squares = xp.where(squares > 0, squares, xp.zeros_like(squares))
    return fit._replace(solution=solution._replace(rotation=rotation)), squares
