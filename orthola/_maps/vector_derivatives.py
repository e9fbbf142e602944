"""Derivatives of Q -> (V, tau, signs), from Q - [diag(s); 0] = V U with unit lower trapezoid V.

With V = [L; V_2], dQ = [dQ_1; dQ_2] and N = L^-1 (dQ_1 - diag(ds)) U^-1,

    dL = L stril(N),   dU = triu(N) U,   dV_2 = (dQ_2 - V_2 dU) U^-1
    dtau_j = -tau_j^2 Re(v_j^H dv_j)

Real signs are constant. Complex ones move, ds_j = i theta_j s_j: the pivot u_jj has the phase of
-s_j, so theta_j = Im N_jj, a triangular system for the real numbers theta,

    (I + Re(B)) theta = Im diag(L^-1 dQ_1 U^-1),   B_jl = (L^-1)_jl (U^-1)_lj s_l   (l <= j)

with 1 + B_jj = |p_j|/(1 + |p_j|): singular at a zero pivot only, where the phase jumps.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space
from .._core.triangular import solve_triangular

__all__ = ["vectors_pullback", "vectors_tangent"]


def vectors_tangent(
    space: Space, q: Any, v: Any, tau: Any, signs: Any, dq: Any
) -> tuple[Any, Any, Any]:
    """Tangents of V, tau and the signs along dQ."""
    xp, k = space.xp, v.shape[-1]
    low, up = v[..., :k, :], _upper(space, q, v, signs)
    n = _from_right(space, up, _from_left(space, low, dq[..., :k, :]))
    dsigns = xp.zeros_like(signs)
    if space.is_complex:
        diagonal = xp.imag(xp.linalg.diagonal(n))[..., None]
        angles = solve_triangular(space, _system(space, low, up, signs), diagonal, lower=True)
        dsigns = 1j * xp.astype(angles[..., 0], signs.dtype) * signs
        n = n - _from_right(space, up, _from_left(space, low, dsigns[..., None] * _eye(space, up)))
    dl = low @ xp.tril(n, k=-1)
    dv2 = _from_right(space, up, dq[..., k:, :]) - v[..., k:, :] @ xp.triu(n)
    dv = xp.concat([dl, dv2], axis=-2)
    return dv, -(tau**2) * _column_products(space, v, dv), dsigns


def vectors_pullback(
    space: Space, q: Any, v: Any, tau: Any, signs: Any, bars: tuple[Any, Any, Any]
) -> Any:
    """Cotangent of Q from those of V, tau and the signs, any of which may be None."""
    xp, k = space.xp, v.shape[-1]
    vbar, taubar, sbar = bars
    low, up = v[..., :k, :], _upper(space, q, v, signs)
    vbar = xp.zeros_like(v) if vbar is None else vbar
    if taubar is not None:
        vbar = vbar - v * (tau**2 * taubar)[..., None, :]
    rest, lower = v[..., k:, :], vbar[..., k:, :]
    n = xp.tril(adjoint(xp, low) @ vbar[..., :k, :], k=-1) - xp.triu(adjoint(xp, rest) @ lower)
    if space.is_complex:
        # theta moves s_j itself, and Q_1 - diag(s) the other way
        moved = -xp.linalg.diagonal(_between(space, low, up, n))
        moved = moved if sbar is None else moved + sbar
        along = xp.imag(moved * xp.conj(signs))[..., None]
        system = _system(space, low, up, signs)
        angles = solve_triangular(space, system, along, lower=True, adjoint=True)
        n = n + 1j * xp.astype(angles, n.dtype) * _eye(space, up)
    below = adjoint(xp, solve_triangular(space, up, adjoint(xp, lower), lower=False))
    return xp.concat([_between(space, low, up, n), below], axis=-2)


def _upper(space: Space, q: Any, v: Any, signs: Any) -> Any:
    """U, which is no output of the map."""
    k = v.shape[-1]
    shifted = q[..., :k, :] - signs[..., None] * _eye(space, v)
    return space.xp.triu(_from_left(space, v[..., :k, :], shifted))


def _system(space: Space, low: Any, up: Any, signs: Any) -> Any:
    """I + Re(B)."""
    xp, eye = space.xp, _eye(space, up)
    inverse_low = _from_left(space, low, xp.broadcast_to(eye, up.shape))
    inverse_up = _from_right(space, up, xp.broadcast_to(eye, up.shape))
    b = inverse_low * xp.matrix_transpose(inverse_up) * signs[..., None, :]
    return xp.real(eye) + xp.real(b)


def _from_left(space: Space, low: Any, x: Any) -> Any:
    """L^-1 X."""
    return solve_triangular(space, low, x, lower=True, unit=True)


def _from_right(space: Space, up: Any, x: Any) -> Any:
    """X U^-1."""
    xp = space.xp
    return adjoint(xp, solve_triangular(space, up, adjoint(xp, x), lower=False, adjoint=True))


def _between(space: Space, low: Any, up: Any, n: Any) -> Any:
    """L^-H N U^-H."""
    xp = space.xp
    left = solve_triangular(space, low, n, lower=True, adjoint=True, unit=True)
    return adjoint(xp, solve_triangular(space, up, adjoint(xp, left), lower=False))


def _eye(space: Space, like: Any) -> Any:
    return space.xp.eye(like.shape[-1], dtype=like.dtype, device=space.device)


def _column_products(space: Space, x: Any, y: Any) -> Any:
    """Re(x_j^H y_j) of the columns."""
    xp = space.xp
    if space.is_complex:
        return xp.sum(xp.real(x) * xp.real(y) + xp.imag(x) * xp.imag(y), axis=-2)
    return xp.sum(x * y, axis=-2)
