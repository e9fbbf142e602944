"""Derivatives of the Cayley frame and of its inverse: matrix products, no system to be solved.

Notation of `frame_columns`; P = (I + Q_1)/2 and Q_2 = 2s X_2 P give P from Q:

    dK = -s (dX_1 - dX_1^H) + s^2 (dX_2^H X_2 + X_2^H dX_2)
    dQ_1 = -2 P dK P,   dQ_2 = (2s dX_2 - Q_2 dK) P
    Kbar = -(2 P^H Q_1bar + Q_2^H Q_2bar) P^H
    X_1bar = -s tril(Kbar - Kbar^H),   X_2bar = 2s Q_2bar P^H + s^2 X_2 (Kbar + Kbar^H)

For the inverse, C = D^H Q_1 with the signs D held fixed, P = (I + C)/2, and K = P^-1 comes from X:

    dX_2 = (dQ_2/(2s) - X_2 dP) K,   dA_11 = skew(K dP K)/s,   dP = D^H dQ_1/2

A bar is a cotangent for <A, B> = Re tr(A^H B).
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space
from .frame_columns import frame_system, lower_half

__all__ = ["frame_pullback", "frame_tangent", "inverse_pullback", "inverse_tangent"]


def frame_tangent(space: Space, scale: float, x: Any, q: Any, dx: Any) -> Any:
    """Tangent of Q along dX."""
    xp, k = space.xp, x.shape[-1]
    p = 0.5 * (q[..., :k, :] + _eye(space, x))
    lower = xp.tril(dx[..., :k, :])
    h = scale * (adjoint(xp, x[..., k:, :]) @ dx[..., k:, :])
    dk = scale * (h + adjoint(xp, h) - lower + adjoint(xp, lower))
    top = -2.0 * (p @ dk @ p)
    rest = (2.0 * scale * dx[..., k:, :] - q[..., k:, :] @ dk) @ p
    return xp.concat([top, rest], axis=-2)


def frame_pullback(space: Space, scale: float, x: Any, q: Any, qbar: Any) -> Any:
    """Cotangent of X from that of Q; zero where X is not read."""
    xp, k = space.xp, x.shape[-1]
    ph = adjoint(xp, 0.5 * (q[..., :k, :] + _eye(space, x)))
    below = qbar[..., k:, :]
    kbar = (2.0 * (ph @ qbar[..., :k, :]) + adjoint(xp, q[..., k:, :]) @ below) @ ph
    mirror = adjoint(xp, kbar)
    top = xp.tril(scale * (kbar - mirror))
    rest = below @ (2.0 * scale * ph) - x[..., k:, :] @ (scale**2 * (kbar + mirror))
    return xp.concat([top, rest], axis=-2)


def inverse_tangent(space: Space, scale: float, x: Any, signs: Any, dq: Any) -> Any:
    """Tangent of X along dQ."""
    xp, n = space.xp, x.shape[-1]
    k = frame_system(space, scale, x)
    dp = 0.5 * _conj(space, signs)[..., None] * dq[..., :n, :]
    g = k @ dp @ k
    top = lower_half(space, (g - adjoint(xp, g)) * (0.5 / scale))
    rest = ((0.5 / scale) * dq[..., n:, :] - x[..., n:, :] @ dp) @ k
    return xp.concat([top, rest], axis=-2)


def inverse_pullback(space: Space, scale: float, x: Any, signs: Any, xbar: Any) -> Any:
    """Cotangent of Q from that of X."""
    xp, n = space.xp, x.shape[-1]
    kh = adjoint(xp, frame_system(space, scale, x))
    half = lower_half(space, xbar[..., :n, :])
    below = xbar[..., n:, :] @ kh
    pbar = (0.5 / scale) * (kh @ (half - adjoint(xp, half)) @ kh)
    pbar = pbar - adjoint(xp, x[..., n:, :]) @ below
    return xp.concat([0.5 * signs[..., None] * pbar, (0.5 / scale) * below], axis=-2)


def _eye(space: Space, like: Any) -> Any:
    return space.xp.eye(like.shape[-1], dtype=like.dtype, device=space.device)


def _conj(space: Space, x: Any) -> Any:
    return space.xp.conj(x) if space.is_complex else x
