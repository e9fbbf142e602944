r"""First k columns of exp(A) for A = [A_11, -X_2^H; X_2, 0], without any n x n matrix.

Values: with the thin QR factorisation X_2 = Q R,

    exp(A) E = [I, 0; 0, Q] exp([A_11, -R^H; R, 0]) [I; 0],

the exponential of a skew-Hermitian matrix of order at most 2k. QR has no derivative where X_2 has
dependent columns (at X_2 = 0, where training starts), but exp(A) E has. Derivatives therefore use
that A maps [F; X_2 G] to [A_11 F - C G; X_2 F], C = X_2^H X_2: with Y = X_2/c for any scale c > 0,

    exp(A) E = [F; Y G],   [F; G] = exp(N) [I; 0],   N = [A_11, -c Y^H Y; c I, 0],

a smooth function of A_11 and X_2. N is not normal, so this form is not used for the values.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.autodiff import Rule, apply
from .._core.linalg import adjoint, products, sums_of_squares
from .._core.scaling import power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space
from .exponential_derivatives import exponential_derivative
from .exponential_engine import run
from .squaring import Plan, exponential, plan_for

__all__ = ["first_columns"]


class Static(NamedTuple):
    """Static options: an upper bound of ||A||_2, if there is one."""

    norm_bound: float | None


def first_columns(space: Space, a11: Any, x2: Any, norm_bound: float | None) -> tuple[Any, Any]:
    """Rows 1 ... k of exp(A) E, and the other rows; both differentiable where the library can."""
    top, bottom = apply(_COLUMNS, space, Static(norm_bound), a11, x2)
    return top, bottom


def _primal(space: Space, static: Any, arrays: Any) -> tuple[Any, Any]:
    (a11, x2), xp = arrays, space.xp
    k = a11.shape[-1]
    plan = plan_for(space, static.norm_bound, unitary=True)
    if 0 in x2.shape:
        return run(space, plan, (a11,)), xp.zeros_like(x2)
    finite = xp.all(xp.isfinite(x2), axis=(-2, -1))[..., None, None]
    q, r = xp.linalg.qr(xp.where(finite, x2, xp.zeros_like(x2)))  # LAPACK is given no NaN
    r = xp.where(finite, r, xp.full_like(r, float("nan")))
    rows = r.shape[-2]
    corner = xp.zeros((*r.shape[:-2], rows, rows), dtype=r.dtype, device=space.device)
    w = run(space, plan, (_blocks(xp, a11, -adjoint(xp, r), r, corner),))
    return w[..., :k, :k], q @ w[..., k:, :k]


def _pullback(space: Space, static: Any, inputs: Any, outputs: Any, bars: Any) -> tuple[Any, Any]:
    (a11, x2), xp = inputs, space.xp
    k = a11.shape[-1]
    z1, z2 = (xp.zeros_like(x) if z is None else z for z, x in zip(bars, inputs, strict=True))
    if 0 in x2.shape:
        plan = plan_for(space, static.norm_bound, unitary=True)
        return exponential_derivative(space, plan, adjoint(xp, a11), z1), xp.zeros_like(x2)
    plan, n, y, exponent = _system(space, static, a11, x2)
    g = exponential_derivative(space, plan, n)[..., k:, :k]
    wbar = xp.concat([z1, adjoint(xp, y) @ z2], axis=-2)
    wbar = xp.concat([wbar, xp.zeros_like(wbar)], axis=-1)
    nbar = exponential_derivative(space, plan, adjoint(xp, n), wbar)
    of_gram = nbar[..., :k, k:]  # times -c, and Y = X_2/c
    through_gram = y @ (of_gram + adjoint(xp, of_gram))
    direct = scale_by_power_of_two(space, z2 @ adjoint(xp, g), -exponent)
    return nbar[..., :k, :k], direct - through_gram


def _tangent(
    space: Space, static: Any, inputs: Any, outputs: Any, tangents: Any
) -> tuple[Any, Any]:
    (a11, x2), (da11, dx2), xp = inputs, tangents, space.xp
    k = a11.shape[-1]
    if 0 in x2.shape:
        plan = plan_for(space, static.norm_bound, unitary=True)
        return exponential(space, plan, (a11, da11))[1], xp.zeros_like(x2)
    plan, n, y, exponent = _system(space, static, a11, x2)
    dy = scale_by_power_of_two(space, dx2, -exponent)
    dg = scale_by_power_of_two(space, adjoint(xp, dy) @ y + adjoint(xp, y) @ dy, exponent)
    none = xp.zeros_like(a11)
    w, dw = exponential(space, plan, (n, _blocks(xp, da11, -dg, none, none)))
    return dw[..., :k, :k], dy @ w[..., k:, :k] + y @ dw[..., k:, :k]


def _system(space: Space, static: Any, a11: Any, x2: Any) -> tuple[Plan, Any, Any, Any]:
    """The plan for N, N, Y = X_2/c, and the exponent of c = 2^e."""
    xp = space.xp
    if static.norm_bound is None:
        plan = plan_for(space, None, unitary=False)
        size = xp.sqrt(sums_of_squares(xp, products(space).constant(x2)))
        size = xp.where(xp.isfinite(size) & (size > 0), size, xp.ones_like(size))
    else:
        # c <= 2 bound, so ||N|| <= ||A_11|| + max(c, ||X_2||^2 / c) is at most this
        plan = plan_for(space, 3.0 * static.norm_bound, unitary=False)
        size = xp.full(
            x2.shape[:-2], static.norm_bound, dtype=space.real_dtype, device=space.device
        )
    exponent = power_of_two_exponent(space, size)
    y = scale_by_power_of_two(space, x2, -exponent)
    eye = xp.broadcast_to(products(space).identity(a11), a11.shape)
    gram = scale_by_power_of_two(space, adjoint(xp, y) @ y, exponent)
    below = scale_by_power_of_two(space, eye, exponent)
    return plan, _blocks(xp, a11, -gram, below, xp.zeros_like(a11)), y, exponent


def _blocks(xp: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    upper, lower = xp.concat([a, b], axis=-1), xp.concat([c, d], axis=-1)
    return xp.concat([upper, lower], axis=-2)


def _outline(space: Space, arrays: Any) -> tuple[Any, Any]:
    a11, x2 = arrays
    return space.xp.empty_like(a11), space.xp.empty_like(x2)


_COLUMNS = Rule(
    "exponential_columns", Static, _primal, _outline, _pullback, _tangent,
    smooth=2, reads_outputs=False,
)  # fmt: skip
