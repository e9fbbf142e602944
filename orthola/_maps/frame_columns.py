"""First k columns of the Cayley transform of A = X E^H - E X^H, by k x k matrices alone.

With X = [X_1; X_2], X_1 lower triangular, and A_11 = X_1 - X_1^H, eliminating the lower block of
I - sA leaves

    K = I - s A_11 + s^2 X_2^H X_2,   P = K^-1,   cayley(A) E = [2P - I; 2s X_2 P]

K has Hermitian part >= I, so ||P||_2 <= 1. An error D of K costs orthonormality 2 P^H (D + D^H) P:
nothing where X is small, or large in all directions, but u ||s X||^2 where it is large in few. That
is seen from K and P, and such items are computed in factored form instead.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint, inverse
from .._core.loops import bounded_while
from .._core.space import Space
from .frame_factors import frame_by_factors, skew_block

__all__ = ["ACCEPTED", "frame_columns", "frame_system", "lower_half"]

# Estimated error, in n u, up to which K serves: ||Q^H Q - I||_2 was at most 8 times the estimate.
ACCEPTED = 2.0


def frame_columns(space: Space, scale: float, x: Any) -> Any:
    """Q (..., n, k) of X (..., n, k), n >= k >= 1. Items with NaN become NaN."""
    xp, k = space.xp, x.shape[-1]
    eye = xp.eye(k, dtype=x.dtype, device=space.device)
    p, error = _inverse_with_error(space, frame_system(space, scale, x))
    q = xp.concat([2.0 * p - eye, x[..., k:, :] @ (2.0 * scale * p)], axis=-2)
    # Written so that NaN, from an overflow of the squares, counts as doubtful.
    doubtful = ~(error <= ACCEPTED * x.shape[-2])

    def more_carefully(state: tuple[Any, Any]) -> tuple[Any, Any]:
        q, doubtful = state
        q = xp.where(doubtful[..., None, None], frame_by_factors(space, scale, x), q)
        return q, xp.zeros_like(doubtful)

    return bounded_while(space, lambda s: xp.any(s[1]), more_carefully, (q, doubtful), limit=1)[0]


def frame_system(space: Space, scale: float, x: Any) -> Any:
    """K."""
    xp, k = space.xp, x.shape[-1]
    eye, rest = xp.eye(k, dtype=x.dtype, device=space.device), x[..., k:, :]
    return eye - scale * skew_block(space, x) + scale**2 * (adjoint(xp, rest) @ rest)


def lower_half(space: Space, x: Any) -> Any:
    """Lower triangle with half the diagonal: X_1 of A_11, and the adjoint of that map."""
    return 0.5 * (space.xp.tril(x) + space.xp.tril(x, k=-1))


def _inverse_with_error(space: Space, system: Any) -> tuple[Any, Any]:
    """P, and ||P^H D P||_F / u to be expected of the errors of K.

    With C = diag(K)^(1/2), independent errors of u max|C^-1 K C^-1| in that matrix, which is what
    Gram matrices and eliminations have. Without C graded columns would spoil each other.
    """
    xp = space.xp
    diagonal = xp.linalg.diagonal(system)
    unit = 1.0 / xp.sqrt(xp.real(diagonal) if space.is_complex else diagonal)
    rows, columns = unit[..., :, None], unit[..., None, :]
    scaled = rows * system * columns
    half = inverse(space, scaled) * columns  # C P
    size = xp.sum(_squared(space, half), axis=(-2, -1))
    return rows * half, size * xp.sqrt(xp.max(_squared(space, scaled), axis=(-2, -1)))


def _squared(space: Space, x: Any) -> Any:
    """|x|^2, entry by entry."""
    return space.xp.real(x) ** 2 + space.xp.imag(x) ** 2 if space.is_complex else x * x
