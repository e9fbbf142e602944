"""Scaled Newton iteration X <- (mu X + X^-H / mu)/2 on the triangular factor of A = Q R.

Two estimates, of sigma_1 and sigma_n, fix all scaling factors in advance (Byers and Xu 2008,
doi:10.1137/070699895): the interval [1, h] goes to [1, (sqrt(h) + 1/sqrt(h))/2] in each step, so
six steps reach working precision at condition 1e4 and nine at 1e16. Backward stability of the
scaled iteration: Nakatsukasa and Higham (2012, doi:10.1137/110857544). Its price is an accurate
first inverse: that of R is (triangular), that of A by LU would lose a digit at order 1000.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import Products, adjoint, hermitian_part
from .._core.loops import bounded_while
from .engine import Factor, converged, normalise, polish, refined

__all__ = ["newton"]

_LIMIT = 20
_POWER_STEPS = 4
_NEAR = 1e-3  # predicted distance from 1 from which the certificate is worth its product
_MARGIN = 1.2  # power iteration sees sigma_1 and 1/sigma_n from below


class _State(NamedTuple):
    x: Any
    gram: Any  # None while convergence is out of reach
    defect: Any
    top: Any  # predicted largest singular value; the smallest is 1 after the first step


def newton(x: Any, ops: Products, *, max_steps: int | None) -> Factor:
    """U = Q polar(R)."""
    limit = _LIMIT if max_steps is None else max_steps
    if limit == 0:
        x, g, size = normalise(ops.load(x), ops)
        return Factor(x, converged(ops.defect(g), ops.space, x.shape[-1]), 0 * size)
    b, c, r, inverse = ops.triangular_front(x)
    inner = ops.small()
    small = _square(inner.load(r), inner, limit=limit, inverse=inverse)
    u = b @ (small.unitary if c is None else c @ small.unitary)
    if ops.space.eps > 1e-10:
        # In single precision the defects of Q and polar(R) would add up beyond the promise.
        u = refined(u, ops)
    # Q is orthonormal to rounding, so U^H A = polar(R)^H R: n x n instead of m x n.
    h = hermitian_part(ops.xp, adjoint(ops.xp, small.unitary) @ r)
    return Factor(u, small.certified, small.smallest, h)


def _square(x: Any, ops: Products, *, limit: int, inverse: Any | None) -> Factor:
    space, xp, n = ops.space, ops.xp, x.shape[-1]
    y = ops.inverse(x) if inverse is None else inverse
    top = _MARGIN * ops.spectral_norm(x, _POWER_STEPS)
    bottom = 1 / (_MARGIN * ops.spectral_norm(y, _POWER_STEPS))
    ratio = bottom / top
    x = ops.newton_average(x, y, 1 / xp.sqrt(top * bottom))
    peak = 0.5 * (xp.sqrt(top / bottom) + xp.sqrt(ratio))
    state = _predict(x, ops, peak)

    def goes_on(s: _State) -> Any:
        return xp.any(~converged(s.defect, space, n) & ~xp.isnan(s.top))

    def body(s: _State) -> _State:
        done = converged(s.defect, space, n)
        root = xp.sqrt(s.top)
        x = ops.newton_average(s.x, ops.inverse(s.x), 1 / root)
        new = _predict(x, ops, 0.5 * (root + 1 / root))
        return _State(
            ops.choose(done, s.x, new.x),
            new.gram if s.gram is None else ops.choose(done, s.gram, new.gram),
            xp.where(done, s.defect, new.defect),
            new.top,
        )

    state = bounded_while(space, goes_on, body, state, limit=limit - 1)
    ok = converged(state.defect, space, n)
    if state.gram is None:
        return Factor(state.x, ok, ratio)
    return Factor(ops.choose(ok, polish(state.x, state.gram, state.defect, ops), state.x), ok, ratio)


def _predict(x: Any, ops: Products, top: Any) -> _State:
    """The iterate with its certificate, which costs a product, where that can be of use."""
    if ops.likely(top - 1 <= _NEAR):
        g = ops.gram(x)
        return _State(x, g, ops.defect(g), top)
    return _State(x, None, top * float("inf"), top)
