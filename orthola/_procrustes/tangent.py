"""Derivatives of a fit in closed form, both modes, finite at repeated singular values.

With M = A_c^H W B_c, H = R^H M (Hermitian) and a tangent dM (section 3 of Gawlik and Leok 2017,
doi:10.1137/16M108971X, for the polar factor; a flip of the smallest direction changes nothing in
it but the sign of that eigenvalue of H):

    dR = R X,   H X + X H = R^H dM - dM^H R,

a map that is its own adjoint. Scale and residual are values at an optimum, so the derivatives
with respect to R drop out of theirs (envelope theorem), as do those of the means from M. A scale of
0 is held at its bound: its derivative is 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import adjoint, hermitian_part, inner_product, real_part, wide
from .._core.space import Space
from .lyapunov import solve_lyapunov
from .plan import Plan

__all__ = ["fit_pullback", "fit_tangent", "rotation_tangent"]

_EXACT = 64.0  # a residual of so many roundings is that of an exact fit: derivative 0


class _State(NamedTuple):
    """What both modes need, in the dtype of the sums."""

    x: Any  # centred A
    y: Any  # centred B
    w: Any | None  # weights as a column
    weight: Any  # (..., 1, 1)
    mean_a: Any  # (..., 1, n)
    cross: Any
    squares: Any  # (...) ||W^(1/2) A_c||^2, 1 where it is zero
    error: Any  # s A_c R - B_c, divided by the residual; 0 for an exact fit


def rotation_tangent(space: Space, rotation: Any, cross: Any, t: Any) -> Any:
    """Tangent of R along the tangent `t` of M, and cotangent of M for the cotangent `t` of R."""
    xp = space.xp
    h = hermitian_part(xp, adjoint(xp, rotation) @ cross)
    k = adjoint(xp, rotation) @ t
    return rotation @ solve_lyapunov(space, h, k - adjoint(xp, k))


def fit_tangent(space: Space, plan: Plan, inputs: Any, outputs: Any, tangents: Any) -> Any:
    """Tangents of rotation, scale, translation and residual."""
    xp, work = space.xp, space.with_dtype(plan.work)
    r, scale, *_ = outputs
    state = _state(work, plan, inputs, outputs)
    da, db = (xp.astype(t, work.dtype, copy=False) for t in tangents[:2])
    dw = _column(work, tangents[2]) if len(tangents) > 2 else None
    x, y, w, weight = state.x, state.y, state.w, state.weight
    wx, wy = _by(w, x), _by(w, y)
    mu_a = mu_b = 0 * state.mean_a
    if plan.translation:
        mu_a, mu_b = (_rows(xp, _by(w, t)) for t in (da, db))
        if dw is not None:
            mu_a, mu_b = mu_a + _rows(xp, dw * x), mu_b + _rows(xp, dw * y)
        mu_a, mu_b = mu_a / weight, mu_b / weight
    # The sums of wx and wy are zero if there are means: those of da and db drop out.
    dm = adjoint(xp, da) @ wy + adjoint(xp, wx) @ db
    squares = 2 * inner_product(xp, wx, da)
    residual = inner_product(xp, _by(w, state.error), wide(scale) * (da @ r) - db)
    if dw is not None:
        dm = dm + adjoint(xp, x) @ (dw * y)
        squares = squares + inner_product(xp, x, dw * x)
        residual = residual + 0.5 * outputs[3] * inner_product(xp, state.error, dw * state.error)
    dr = rotation_tangent(work, r, state.cross, dm)
    ds = xp.zeros_like(scale)
    if plan.scaling:
        ds = _free(xp, scale, (inner_product(xp, r, dm) - scale * squares) / state.squares)
    moved = wide(ds) * (state.mean_a @ r) + wide(scale) * (mu_a @ r + state.mean_a @ dr)
    dt = (mu_b - moved if plan.translation else mu_b)[..., 0, :]
    return dr, ds, dt, residual


def fit_pullback(space: Space, plan: Plan, inputs: Any, outputs: Any, bars: Any) -> Any:
    """Cotangents of the points and weights; those of the outputs may be None."""
    xp, work = space.xp, space.with_dtype(plan.work)
    r, scale, *_ = outputs
    rbar, sbar, tbar, ebar = bars
    state = _state(work, plan, inputs, outputs)
    x, y, w = state.x, state.y, state.w
    mean_a = mean_b = mbar = qbar = None
    if tbar is not None and plan.translation:
        row = tbar[..., None, :]
        back = row @ adjoint(xp, r)
        mean_a, mean_b = -wide(scale) * back, row
        sbar = _sum(sbar, -inner_product(xp, state.mean_a, back))
        rbar = _sum(rbar, -wide(scale) * (adjoint(xp, state.mean_a) @ row))
    if sbar is not None and plan.scaling:
        share = _free(xp, scale, sbar / state.squares)
        mbar, qbar = wide(share) * r, wide(-2.0 * scale * share)
    if rbar is not None:
        mbar = _sum(mbar, rotation_tangent(work, r, state.cross, rbar))
    abar, bbar, wbar = xp.zeros_like(x), xp.zeros_like(y), real_part(xp, xp.zeros_like(x[..., :1]))
    if mbar is not None:
        step = x @ mbar
        abar, bbar, wbar = abar + y @ adjoint(xp, mbar), bbar + step, wbar + _by_row(xp, step, y)
    if qbar is not None:
        abar, wbar = abar + qbar * x, wbar + 0.5 * qbar * _by_row(xp, x, x)
    if ebar is not None:
        e = wide(ebar) * state.error
        abar, bbar = abar + wide(scale) * (e @ adjoint(xp, r)), bbar - e
        wbar = wbar + 0.5 * wide(outputs[3]) * _by_row(xp, e, state.error)
    if mean_a is not None:
        abar, bbar = abar + mean_a / state.weight, bbar + mean_b / state.weight
        wbar = wbar + (_by_row(xp, x, mean_a) + _by_row(xp, y, mean_b)) / state.weight
    abar, bbar = (
        xp.astype(_by(w, t), given.dtype, copy=False)
        for t, given in zip((abar, bbar), inputs, strict=False)
    )
    if w is None:
        return abar, bbar
    return abar, bbar, xp.astype(wbar[..., 0], inputs[2].dtype, copy=False)


def _state(work: Space, plan: Plan, inputs: Any, outputs: Any) -> _State:
    xp = work.xp
    x, y = (xp.astype(t, work.dtype, copy=False) for t in inputs[:2])
    w = _column(work, inputs[2]) if len(inputs) > 2 else None
    rows = xp.zeros_like(real_part(xp, x[..., :1])) + 1.0
    weight = xp.sum(rows if w is None else real_part(xp, w), axis=(-2, -1))
    weight = wide(xp.where(weight > 0, weight, xp.ones_like(weight)))
    mean_a = mean_b = 0 * x[..., :1, :]
    if plan.translation:
        mean_a, mean_b = _rows(xp, _by(w, x)) / weight, _rows(xp, _by(w, y)) / weight
        x, y = x - mean_a, y - mean_b
    wx, wy = _by(w, x), _by(w, y)
    squares, others = inner_product(xp, x, wx), inner_product(xp, y, wy)
    r, scale, _, residual, *_ = outputs
    size = scale * scale * squares + others
    # Squared, because a root has no derivative at 0; the comparison itself has none.
    none = residual * residual <= (_EXACT * work.eps) ** 2 * size
    divisor = xp.where(none, xp.ones_like(residual), residual)
    share = xp.where(none, xp.zeros_like(residual), 1 / divisor)
    error = wide(share) * (wide(scale) * (x @ r) - y)
    some = xp.where(squares > 0, squares, xp.ones_like(squares))
    return _State(x, y, w, weight, mean_a, adjoint(xp, x) @ wy, some, error)


def _free(xp: Any, scale: Any, x: Any) -> Any:
    """X where the scale is not held at 0, else 0."""
    return xp.where(scale == 0, xp.zeros_like(x), x)


def _column(work: Space, w: Any) -> Any:
    return work.xp.astype(real_part(work.xp, w), work.real_dtype, copy=False)[..., :, None]


def _by(w: Any | None, x: Any) -> Any:
    return x if w is None else w * x


def _sum(x: Any, y: Any) -> Any:
    return y if x is None else x + y


def _rows(xp: Any, x: Any) -> Any:
    return xp.sum(x, axis=-2, keepdims=True)


def _by_row(xp: Any, x: Any, y: Any) -> Any:
    """Re <x_i, y_i> for the rows of each item, as a column."""
    return xp.sum(real_part(xp, xp.conj(x) * y), axis=-1, keepdims=True)
