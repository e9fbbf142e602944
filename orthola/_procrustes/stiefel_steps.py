"""Majorisation with momentum on matrices with orthonormal columns, from many starts at once.

f(Q) = tr(Omega Q^H G Q) - 2 Re tr(Omega Q^H N), with rho >= ||G|| ||Omega||, lies below a function
that is linear in Q and equal to it at any Y; its minimiser is polar(N Omega + rho Y - G Y Omega)
(Koschat and Swayne 1991, doi:10.1007/BF02294460). Y runs ahead of Q as far as Nesterov's sequence
says, and back to Q where f would have risen, which keeps the descent monotone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import adjoint, inner_product, sums_of_squares, wide
from .._core.loops import bounded_while
from .._core.space import Space

__all__ = ["Problem", "Walk", "descent", "slope"]


class Problem(NamedTuple):
    """The quadratic function; all have an axis for the starts."""

    g: Any  # (..., 1, p, p)
    n: Any  # (..., 1, p, k)
    metric: Any | None  # (..., 1, k, k); None: I
    rho: Any  # (..., 1)


class Walk(NamedTuple):
    """Where every start has come to."""

    q: Any  # (..., S, p, k)
    last: Any  # where it was before
    gq: Any  # G Q
    g_last: Any
    value: Any  # (..., S)
    gradient: Any  # (..., S), relative
    ahead: Any  # (..., S): steps since Y was Q
    moving: Any  # bool (..., S)
    steps: Any  # integer


def descent(space: Space, problem: Problem, q: Any, *, tol: float, max_steps: int) -> Walk:
    """Steps until the gradient is small, or nothing but rounding is left to gain."""
    xp = space.xp
    gq = problem.g @ q
    value = _value(xp, problem, q, gq)
    gradient = slope(xp, problem, q, gq)
    first = Walk(
        q, q, gq, gq, value, gradient, xp.zeros_like(value), gradient > tol,
        xp.zeros_like(gradient[..., 0], dtype=xp.int32),
    )  # fmt: skip

    noise = 4 * space.eps * q.shape[-2] * _size(xp, problem)

    def step(old: Walk) -> Walk:
        weight = wide(old.ahead / (old.ahead + 3))
        y = old.q + weight * (old.q - old.last)
        gy = old.gq + weight * (old.gq - old.g_last)
        downhill = wide(problem.rho) * y + _by_metric(problem, problem.n - gy)
        q = _polar(downhill)
        gq = problem.g @ q
        value, gradient = _value(xp, problem, q, gq), slope(xp, problem, q, gq)
        # Near a minimum f is flat to sqrt(u): what decides there is the gradient.
        same = (value <= old.value + noise) & (gradient < old.gradient)
        better = old.moving & ((value <= old.value) | same)
        # A step from Q itself that does not help leaves nothing to do.
        moving = old.moving & (better | (old.ahead > 0))
        moving = moving & ~(better & (gradient <= tol))
        w = wide(better)
        return Walk(
            xp.where(w, q, old.q), xp.where(w, old.q, old.last),
            xp.where(w, gq, old.gq), xp.where(w, old.gq, old.g_last),
            xp.where(better, value, old.value), xp.where(better, gradient, old.gradient),
            xp.where(better, old.ahead + 1, xp.zeros_like(old.ahead)), moving,
            old.steps + xp.astype(xp.any(old.moving, axis=-1), old.steps.dtype),
        )  # fmt: skip

    return bounded_while(space, lambda walk: xp.any(walk.moving), step, first, limit=max_steps)


def slope(xp: Any, problem: Problem, q: Any, gq: Any) -> Any:
    """Norm of the gradient along the manifold, relative to the sizes that it is made of."""
    d = _by_metric(problem, gq - problem.n)
    inner = adjoint(xp, q) @ d
    d = d - 0.5 * (q @ (inner + adjoint(xp, inner)))
    size = _size(xp, problem)
    return xp.sqrt(sums_of_squares(xp, d)) / xp.where(size > 0, size, xp.ones_like(size))


def _size(xp: Any, problem: Problem) -> Any:
    return xp.sqrt(sums_of_squares(xp, _by_metric(problem, problem.n))) + problem.rho


def _value(xp: Any, problem: Problem, q: Any, gq: Any) -> Any:
    return inner_product(xp, q, _by_metric(problem, gq - 2 * problem.n))


def _by_metric(problem: Problem, x: Any) -> Any:
    return x if problem.metric is None else x @ problem.metric


def _polar(x: Any) -> Any:
    from .. import polar

    return polar(x, check_finite=False).unitary
