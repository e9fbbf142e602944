"""The Cayley frame by QR factors: orthonormal to rounding for any X, graded, rank-deficient, huge.

In the notation of `frame_columns`, [I; s X_2] = F R with orthonormal F gives K = R^H (I - S) R,
S = s R^-H A_11 R^-1 skew-Hermitian, and F_1 = R^-1, so

    Q = F (I + cayley(S)) F_1^H - E

with no square of a norm. The small transform is unitary for any S too: I - S and I + S have the
same Gram matrix I - S^2, hence the same triangular factor T, and with I -+ S = U_-+ T

    cayley(S) = (I + S)(I - S)^-1 = U_+ U_-^H

which is the common factor T cancelled, and not inverted.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space
from .._core.triangular import solve_triangular

__all__ = ["frame_by_factors", "skew_block", "with_positive_factor"]


def frame_by_factors(space: Space, scale: float, x: Any) -> Any:
    """Q (..., n, k) of X (..., n, k), n >= k >= 1."""
    xp, k = space.xp, x.shape[-1]
    eye = xp.eye(k, dtype=x.dtype, device=space.device)
    b = scale * skew_block(space, x)
    if x.shape[-2] == k:  # F = R = I
        return _transform(space, b)
    f, r = xp.linalg.qr(xp.concat([xp.broadcast_to(eye, b.shape), scale * x[..., k:, :]], axis=-2))
    right = adjoint(xp, solve_triangular(space, r, adjoint(xp, b), lower=False, adjoint=True))
    s = solve_triangular(space, r, right, lower=False, adjoint=True)
    small = _transform(space, 0.5 * s - 0.5 * adjoint(xp, s))
    q = f @ ((small + eye) @ adjoint(xp, f[..., :k, :]))
    return xp.concat([q[..., :k, :] - eye, q[..., k:, :]], axis=-2)


def skew_block(space: Space, x: Any) -> Any:
    """A_11; what is above the diagonal of X, and the real part on it, are not read."""
    xp, k = space.xp, x.shape[-1]
    # The real parts of a complex diagonal cancel.
    lower = xp.tril(x[..., :k, :], k=0 if space.is_complex else -1)
    return lower - adjoint(xp, lower)


def _transform(space: Space, s: Any) -> Any:
    """cayley(S) for exactly skew-Hermitian S, unitary to rounding."""
    eye = space.xp.eye(s.shape[-1], dtype=s.dtype, device=space.device)
    minus = with_positive_factor(space, eye - s)
    return with_positive_factor(space, eye + s) @ adjoint(space.xp, minus)


def with_positive_factor(space: Space, y: Any) -> Any:
    """Q of Y = Q R with the diagonal of R positive, which makes it unique."""
    xp = space.xp
    q, r = xp.linalg.qr(y)
    diagonal = xp.linalg.diagonal(r)
    size = xp.abs(diagonal)
    phases = diagonal / xp.where(size > 0, size, xp.ones_like(size))
    return q * phases[..., None, :]
