"""X and the signs of a frame Q: the inverse of the Cayley frame.

With D = diag(signs), C = D^H Q_1 and P = (I + C)/2, in the notation of `frame_columns`:

    X_2 = Q_2 P^-1/(2s),   A_11 = (I + s^2 X_2^H X_2 - P^-1)/s = -skew(P^-1)/s

The two forms of A_11 differ by P^-H (Q^H Q - I) P^-1/(4s), the defect of skewness, so they agree
for orthonormal Q; the second one is taken, and status is decided by Q^H Q - I itself.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from .._core.linalg import adjoint, inverse, sums_of_squares
from .._core.space import Space
from .._core.triangular import solve_triangular
from .frame_columns import lower_half
from .orthonormality import nan_where_nonfinite, status_of_frame
from .signed_lu import signed_lu

__all__ = ["frame_coordinates", "judged"]


def frame_coordinates(
    space: Space, scale: float, tolerance: float, q: Any, signs: Any | None
) -> tuple[Any, Any, Any]:
    """(X, signs, status) of Q (..., n, k); without signs, those that need no pivoting."""
    xp, k = space.xp, q.shape[-1]
    top, rest = q[..., :k, :], q[..., k:, :]
    eye = xp.eye(k, dtype=q.dtype, device=space.device)
    if signs is None:
        lu, opposite, _ = signed_lu(space, top)
        signs = -opposite
        # Q_1 + D = D (I + C) = L U, so P^-1 = 2 U^-1 L^-1 D
        half = solve_triangular(space, lu, signs[..., None] * eye, lower=True, unit=True)
        system = 2.0 * solve_triangular(space, lu, half, lower=False)
    else:
        rows = (xp.conj(signs) if space.is_complex else signs)[..., None]
        system = 2.0 * inverse(space, eye + rows * top)
    skew = (adjoint(xp, system) - system) * (0.5 / scale)
    x = xp.concat([lower_half(space, skew), rest @ ((0.5 / scale) * system)], axis=-2)
    return judged(space, tolerance, q, x, signs, xp.sqrt(sums_of_squares(xp, system)))


def judged(
    space: Space, tolerance: float, q: Any, x: Any, signs: Any, size: Any
) -> tuple[Any, Any, Any]:
    """(X, signs, status), NaN where Q is not finite; `size` is ||K||_F."""
    # Beyond this half of the digits are lost; NaN, for a singular system, is not below it.
    usable = size < 1.0 / sqrt(max(q.shape[-2], 1) * space.eps / 2.0)
    status = status_of_frame(space, q, tolerance, usable)
    return *nan_where_nonfinite(space, status, x, signs), status
