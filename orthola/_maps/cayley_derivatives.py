"""Derivatives of the Cayley map and its inverse: two matrix products each, no solve.

With C = D^H Q, T = s A (Q = D C), and signs that are constants:

    dC = (s/2) (I + C) dA (I + C)         Abar = skew((s/2) (I + C)^H Cbar (I + C)^H)
    dA = skew((I - T) dC (I - T)) / (2s)  Cbar = (I + T) skew(Abar) (I + T) / (2s)

The maps project on skew-Hermitian matrices, and so do these; they hold for changes of Q in any
direction. Kept for the way back are Q alone, and A alone. A bar is a cotangent for
<X, Y> = Re tr(X^H Y). Matrix products throughout, so they can be differentiated again: the first
pair in all directions, the second one along orthonormal matrices.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space
from .cayley_plan import skew_part

__all__ = ["cayley_pullback", "cayley_tangent", "inverse_pullback", "inverse_tangent"]


def cayley_tangent(space: Space, scale: float, q: Any, signs: Any | None, da: Any) -> Any:
    """The change of Q for a change dA of any kind."""
    w = _one_plus_c(space, q, signs)
    return _rows(space, signs, w @ skew_part(space, da, 0.5 * scale) @ w)


def cayley_pullback(space: Space, scale: float, q: Any, signs: Any | None, qbar: Any) -> Any:
    """Abar from Qbar."""
    w = adjoint(space.xp, _one_plus_c(space, q, signs))
    return skew_part(space, w @ _rows_back(space, signs, qbar) @ w, 0.5 * scale)


def inverse_tangent(space: Space, scale: float, a: Any, signs: Any | None, dq: Any) -> Any:
    """The change of A for a change dQ of any kind."""
    w = _identity(space, a) - scale * a
    return skew_part(space, w @ _rows_back(space, signs, dq) @ w, 0.5 / scale)


def inverse_pullback(space: Space, scale: float, a: Any, signs: Any | None, abar: Any) -> Any:
    """Qbar from Abar."""
    w = _identity(space, a) + scale * a
    return _rows(space, signs, w @ skew_part(space, abar, 0.5 / scale) @ w)


def _one_plus_c(space: Space, q: Any, signs: Any | None) -> Any:
    return _identity(space, q) + _rows_back(space, signs, q)


def _identity(space: Space, like: Any) -> Any:
    return space.xp.eye(like.shape[-1], dtype=like.dtype, device=space.device)


def _rows(space: Space, signs: Any | None, x: Any) -> Any:
    """D X."""
    return x if signs is None else signs[..., :, None] * x


def _rows_back(space: Space, signs: Any | None, x: Any) -> Any:
    """D^H X."""
    if signs is None:
        return x
    return (space.xp.conj(signs) if space.is_complex else signs)[..., :, None] * x
