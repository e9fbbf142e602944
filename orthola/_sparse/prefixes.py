"""Least squares on every prefix of a support, from one QR decomposition of its atoms."""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space
from .._core.triangular import solve_triangular
from .finish import sum_of_squares, support_factors

__all__ = ["prefix_codes"]


def prefix_codes(space: Space, signals: Any, dictionary: Any, indices: Any) -> tuple[Any, Any]:
    """Coefficients (B, K, K), row t with t + 1 atoms, and norms of residuals (B, K + 1).

    Rows beyond the atoms in use are zero, and the norms stay what they are.
    """
    xp, k = space.xp, indices.shape[1]
    factors = support_factors(space, dictionary, indices)
    b = (adjoint(xp, factors.q) @ signals[:, :, None])[:, :, 0]
    b = xp.where(factors.used, b, xp.zeros_like(b))
    eye = xp.zeros_like(factors.r) + xp.eye(k, dtype=factors.r.dtype, device=space.device)
    inverse = solve_triangular(space, factors.r, eye, lower=False)
    # x with t + 1 atoms is the sum of the first t + 1 columns of R^-1, times those of b.
    terms = xp.matrix_transpose(inverse * b[:, None, :])
    x = xp.cumulative_sum(terms, axis=1)
    x = xp.where(factors.used[:, :, None], x, xp.zeros_like(x))
    r, squares = signals, [sum_of_squares(space, signals)]
    for t in range(k):
        r = r - b[:, t, None] * factors.q[:, :, t]
        squares.append(sum_of_squares(space, r))
    return x, xp.stack(squares, axis=-1)
