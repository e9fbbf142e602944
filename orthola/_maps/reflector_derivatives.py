"""Derivatives of Q E and Q X for Q = I - V S, S = M^-1 D V^H: matrix products and solves alone.

With Z = V^H X (V_1^H for the columns of Q) and G = V^H V, as in `reflectors`:

    dS = M^-1 [diag(dtau) (Z - striu(G) S) + D (dZ - striu(dG) S)]
    Y = M^-H Sbar,  Sbar = -V^H Obar,  Zbar = D^H Y,  Mbar = -striu(Y S^H),  W = D^H Mbar
    Vbar = -Obar S^H + X Zbar^H + V (W + W^H)
    taubar = rowsum(Y o conj(Z)) + rowsum(Mbar o conj(striu(G))),   Xbar = Obar + V Zbar

A bar is a cotangent for <A, B> = Re tr(A^H B). Where tau = 2/||v||^2, column j of Vbar loses
tau_j^2 Re(taubar_j) v_j. All of it can be differentiated again.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint, adjoint_product, product
from .._core.space import Space
from .._core.triangular import solve_triangular
from .reflectors import Reflectors, coefficients, explicit, moved, scaled_columns

__all__ = ["apply_pullback", "apply_tangent", "product_pullback", "product_tangent"]


def product_pullback(
    space: Space,
    v: Any,
    tau: Any | None,
    obar: Any,
    *,
    packed: bool,
    moderate: bool = False,
) -> tuple[Any, ...]:
    """Cotangents of V, and of tau if it is given, from that of the first columns of Q."""
    xp, r = space.xp, explicit(space, v, tau, packed, moderate)
    m, columns = obar.shape[-2:]
    z = adjoint(xp, r.v[..., :columns, :])
    s, zbar, w, taubar = _pulled_back(space, r, z, -adjoint_product(space, r.v, obar), False)
    top = adjoint(xp, zbar)
    rest = xp.zeros((*top.shape[:-2], m - columns, top.shape[-1]), dtype=top.dtype,
                    device=space.device)  # fmt: skip
    vbar = xp.concat([top, rest], axis=-2) - product(space, obar, adjoint(xp, s))
    vbar = vbar + product(space, r.v, w)
    return _as_given(space, r, vbar, taubar, tau is None, packed)


def apply_pullback(
    space: Space,
    v: Any,
    tau: Any | None,
    x: Any,
    obar: Any,
    *,
    conjugate: bool,
    packed: bool,
    right: bool,
    moderate: bool = False,
) -> tuple[Any, ...]:
    """Cotangents of V, tau if it is given, and X from that of Q X or Q^H X."""
    xp, r = space.xp, explicit(space, v, tau, packed, moderate)
    z, sbar = coefficients(space, r.v, x, right), -coefficients(space, r.v, obar, right)
    s, zbar, w, taubar = _pulled_back(space, r, z, sbar, conjugate)
    if right:  # X^H and Obar^H are at hand
        vbar = adjoint(xp, product(space, zbar, x) - product(space, s, obar))
    else:
        vbar = product(space, x, adjoint(xp, zbar)) - product(space, obar, adjoint(xp, s))
    vbar = vbar + product(space, r.v, w)
    xbar = moved(space, obar, r.v, -zbar, right)
    return *_as_given(space, r, vbar, taubar, tau is None, packed), xbar


def _pulled_back(
    space: Space, r: Reflectors, z: Any, sbar: Any, conjugate: bool
) -> tuple[Any, Any, Any, Any]:
    """(S, Zbar, W + W^H, taubar). For S = D^H M^-H Z, Z and Sbar change their roles."""
    xp, tau = space.xp, r.tau[..., :, None]
    conj_tau = xp.conj(tau) if space.is_complex else tau
    g = xp.triu(adjoint_product(space, r.v, r.v), k=1)
    a, b = (sbar, z) if conjugate else (z, sbar)
    forward = solve_triangular(space, tau * g, tau * a, lower=False, unit=True)
    y = solve_triangular(space, tau * g, b, lower=False, adjoint=True, unit=True)
    backward = conj_tau * y
    mbar = -xp.triu(product(space, y, adjoint(xp, forward)), k=1)
    w = conj_tau * mbar
    taubar = _row_products(space, y, a) + _row_products(space, mbar, g)
    s, zbar = (backward, forward) if conjugate else (forward, backward)
    return s, zbar, w + adjoint(xp, w), taubar


def _as_given(
    space: Space, r: Reflectors, vbar: Any, taubar: Any, tied: bool, packed: bool
) -> tuple[Any, ...]:
    """Cotangents of the arguments from those of the explicit columns and factors."""
    xp = space.xp
    if tied:
        real = xp.astype(xp.real(taubar), taubar.dtype) if space.is_complex else taubar
        vbar = vbar - r.v * (r.tau**2 * real)[..., None, :]
        if r.exponent is not None:
            vbar = scaled_columns(space, vbar, -r.exponent)
    if packed:
        vbar = xp.tril(vbar, k=-1)
    return (vbar,) if tied else (vbar, taubar)


def product_tangent(
    space: Space, v: Any, tau: Any | None, dv: Any, dtau: Any | None, columns: int, packed: bool
) -> Any:
    """Tangent of the first columns of Q."""
    xp, r = space.xp, explicit(space, v, tau, packed)
    dv, dtau = _explicit_tangent(space, r, dv, dtau, packed)
    z, dz = (adjoint(xp, x[..., :columns, :]) for x in (r.v, dv))
    s, ds = _moving_times(space, r, z, dv, dtau, dz, False)
    return -(dv @ s + r.v @ ds)


def apply_tangent(
    space: Space,
    v: Any,
    tau: Any | None,
    x: Any,
    dv: Any,
    dtau: Any | None,
    dx: Any,
    *,
    conjugate: bool,
    packed: bool,
    right: bool,
) -> Any:
    """Tangent of Q X or Q^H X."""
    r = explicit(space, v, tau, packed)
    dv, dtau = _explicit_tangent(space, r, dv, dtau, packed)
    z = coefficients(space, r.v, x, right)
    dz = coefficients(space, dv, x, right) + coefficients(space, r.v, dx, right)
    s, ds = _moving_times(space, r, z, dv, dtau, dz, conjugate)
    return moved(space, moved(space, dx, dv, s, right), r.v, ds, right)


def _moving_times(
    space: Space, r: Reflectors, z: Any, dv: Any, dtau: Any, dz: Any, conjugate: bool
) -> tuple[Any, Any]:
    """S and dS."""
    xp, tau, dtau = space.xp, r.tau[..., :, None], dtau[..., :, None]
    gram, half = adjoint(xp, r.v) @ r.v, adjoint(xp, r.v) @ dv
    g, dg = xp.triu(gram, k=1), xp.triu(half + adjoint(xp, half), k=1)
    if conjugate:
        conj_tau, conj_dtau = (xp.conj(t) if space.is_complex else t for t in (tau, dtau))
        u = solve_triangular(space, tau * g, z, lower=False, adjoint=True, unit=True)
        dmu = adjoint(xp, g) @ (conj_dtau * u) + adjoint(xp, dg) @ (conj_tau * u)
        du = solve_triangular(space, tau * g, dz - dmu, lower=False, adjoint=True, unit=True)
        return conj_tau * u, conj_dtau * u + conj_tau * du
    s = solve_triangular(space, tau * g, tau * z, lower=False, unit=True)
    moving = dtau * (z - g @ s) + tau * (dz - dg @ s)
    return s, solve_triangular(space, tau * g, moving, lower=False, unit=True)


def _explicit_tangent(
    space: Space, r: Reflectors, dv: Any, dtau: Any | None, packed: bool
) -> tuple[Any, Any]:
    """Tangents of the explicit columns and factors from those of the arguments."""
    xp = space.xp
    if packed:
        dv = xp.tril(dv, k=-1)
    if dtau is not None:
        return dv, dtau
    if r.exponent is not None:
        dv = scaled_columns(space, dv, -r.exponent)
    if space.is_complex:
        inner = xp.real(r.v) * xp.real(dv) + xp.imag(r.v) * xp.imag(dv)
    else:
        inner = r.v * dv
    dtau = -(r.tau**2) * xp.astype(xp.sum(inner, axis=-2), r.tau.dtype, copy=False)
    return dv, dtau


def _row_products(space: Space, x: Any, y: Any) -> Any:
    """rowsum(X o conj(Y))."""
    return space.xp.sum(x * (space.xp.conj(y) if space.is_complex else y), axis=-1)
