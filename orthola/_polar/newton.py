"""Scaled Newton iteration X <- (mu X + X^-H / mu)/2 on the triangular factor of A = Q R.

Two estimates, of sigma_1 and sigma_n, fix all scaling factors in advance (Byers and Xu 2008,
doi:10.1137/070699895): the interval [1, h] goes to [1, (sqrt(h) + 1/sqrt(h))/2] in each step, so
six steps reach working precision at condition 1e4 and nine at 1e16. Backward stability of the
scaled iteration: Nakatsukasa and Higham (2012, doi:10.1137/110857544). Its price is an accurate
first inverse: that of R is (triangular), that of A by LU would lose a digit at order 1000.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import Products
from .._core.loops import bounded_while
from .._core.space import Space
from .engine import Factor, converged, normalise, polish, refined_if_needed, series

__all__ = ["newton", "newton_square"]

_LIMIT = 20
_POWER_STEPS = 6
_PRODUCTS_FROM = 1.15  # predicted sigma_1 from which products do better than inverses
_LOST = 1.5  # power of eps: smallest sigma_n / sigma_1 that Newton is trusted with
_MARGIN = 1.05  # power iteration sees sigma_1 and 1/sigma_n from below


class _State(NamedTuple):
    x: Any
    gram: Any  # None while convergence is out of reach
    defect: Any
    top: Any  # predicted: all singular values are in [1/top, top]


def newton(x: Any, ops: Products, *, max_steps: int | None) -> Factor:
    """U = Q polar(R)."""
    limit = _LIMIT if max_steps is None else max_steps
    if limit == 0:
        x, g, size = normalise(ops.load(x), ops)
        return Factor(x, converged(ops.defect(g), ops.space, x.shape[-1]), 0 * size)
    front = ops.triangular_front(x)
    inner = ops.small()
    small = newton_square(
        inner.load(front.factor), inner, limit, front.inverse, front.norms, ops.space
    )
    core = small.unitary
    if front.correction is not None:
        core = ops.product(front.correction, core)
    u = ops.product(front.basis, core)
    if ops.space.eps > 1e-10 or not front.orthonormal:
        # The defects of Q and polar(R) may add up beyond the promise.
        u = refined_if_needed(u, ops)
    # Q is orthonormal to rounding, so U^H A = polar(R)^H R: n x n instead of m x n.
    h, skew = ops.hermitian_and_skew(small.unitary, front.factor)
    return Factor(u, small.certified, small.smallest, h, skew)


def newton_square(
    x: Any,
    ops: Products,
    limit: int,
    inverse: Any | None,
    norms: tuple[Any, Any] | None,
    goal: Space,
) -> Factor:
    """Newton's iteration on square `x`, whose inverse and norms may be known.

    `goal` is the space whose precision is wanted: for less than that of `ops`, fewer steps do.
    """
    xp, n = ops.scalars, x.shape[-1]
    y = ops.inverse(x) if inverse is None else inverse
    if norms is None:
        norms = ops.spectral_norm(x, _POWER_STEPS), ops.spectral_norm(y, _POWER_STEPS)
    top, bottom = _MARGIN * norms[0], 1 / (_MARGIN * norms[1])
    ratio = bottom / top
    state = _step(x, y, ops, 1 / xp.sqrt(top * bottom), xp.sqrt(top / bottom))

    def goes_on(s: _State) -> Any:
        return xp.any(xp.logical_not(converged(s.defect, goal, n) | xp.isnan(s.top)))

    def body(s: _State) -> _State:
        done = converged(s.defect, goal, n)
        if not ops.likely(s.top > _PRODUCTS_FROM):
            # The interval is narrow: a step of order 3 by products is cheaper than an inverse.
            x = series(s.x, ops.deviation(s.gram), ops, 2)
            new = _certified(x, ops, 1 + (s.top * s.top - 1) ** 3)
        else:
            new = _step(s.x, ops.inverse(s.x), ops, xp.ones_like(s.top), s.top)
        return _State(
            ops.choose(done, s.x, new.x),
            new.gram if s.gram is None else ops.choose(done, s.gram, new.gram),
            xp.where(done, s.defect, new.defect),
            new.top,
        )

    state = bounded_while(ops.space, goes_on, body, state, limit=limit - 1)
    # Beyond, singular values between the ends drown in the rounding of the first inverse: U is
    # orthonormal and wrong, as of a matrix of integers with two dependent columns.
    ok = converged(state.defect, goal, n) & (ratio > ops.space.eps**_LOST)
    u = state.x
    if state.gram is not None:
        u = ops.choose(ok, polish(u, state.gram, state.defect, ops), u)
    return Factor(u, ok, ratio)


def _step(x: Any, y: Any, ops: Products, mu: Any, top: Any) -> _State:
    """Newton's step from mu X with singular values in [1/top, top], centred again."""
    xp = ops.scalars
    peak = 0.5 * (top + 1 / top)  # the image is [1, peak]
    root = xp.sqrt(peak)
    x = ops.scaled(ops.newton_average(x, y, mu), 1 / root)
    if ops.likely(root <= _PRODUCTS_FROM):
        return _certified(x, ops, root)
    # The certificate costs a product, and cannot hold yet.
    return _State(x, None, root * float("inf"), root)


def _certified(x: Any, ops: Products, top: Any) -> _State:
    g = ops.gram(x)
    return _State(x, g, ops.defect(g), top)
