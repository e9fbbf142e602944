"""One Newton step on the orthogonal group, with the residual formed from the data.

Forming M squares the condition of the data; the residual E = B - s A R still holds the digits that
M has lost. With R^H M = V S V^H, to first order

    R_new = R exp(V X V^H),   X_ij = K_ij / (s_i + s_j),   K = V^H (C - C^H) V,   C = R^H A^H W E.

The divisors are those of M. The Gauss-Newton variant, with the squared singular values of A, is as
good on exact fits and diverges with noise. There is no test whether the objective went down: it is
flat to sqrt(u), and such a test turns good steps away.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import (
    adjoint,
    adjoint_product,
    inner_product,
    product,
    quotient,
    sums_of_squares,
    wide,
)
from .._core.space import Space
from .moments import Moments, Points, cross_product, pieces
from .solve import Solution

__all__ = [
    "ENOUGH",
    "FAR",
    "fitted_scale",
    "newton_step",
    "turned",
    "worth_refining",
]

# Rounding of M turns R by about n u s_1/gap: up to this ratio that is as good as it gets.
ENOUGH = 100.0
# With the best scale (Re tr R^H M)^2 = (1 - ||E||^2/||B||^2) ||A||^2 ||B||^2. A step makes that
# rounding smaller by ||E||/||B||: from an eighth on there is too little to win.
FAR = 1.0 - 2.0**-6


def worth_refining(space: Space, solution: Solution, sums: Moments) -> Any:
    """Items whose rotation may have lost digits that a step wins back."""
    xp, s = space.xp, solution.singular
    n = s.shape[-1]
    if space.is_complex:
        closest = 2.0 * s[..., -1]
    elif n == 1:
        return xp.zeros_like(s[..., 0], dtype=xp.bool)
    else:
        closest = s[..., -2] + s[..., -1]
    inner = xp.sum(s, axis=-1) / (xp.sqrt(sums.squares_a) * xp.sqrt(sums.squares_b))
    return (s[..., 0] > ENOUGH * closest) & (inner * inner >= FAR)


def fitted_scale(xp: Any, rotation: Any, cross: Any, squares_a: Any) -> Any:
    """The best factor >= 0 of A, max(Re tr(R^H M), 0)/||A||^2; 0 where A is 0.

    The trace is a sum of singular values, the last of them perhaps with a minus. So it is below 0
    by rounding only, but for rotations of a line, of which there is one: a factor below 0 would be
    the reflection that was forbidden.
    """
    inner = inner_product(xp, rotation, cross)
    some, zero = squares_a > 0, xp.zeros_like(inner)
    divisor = xp.where(some, squares_a, xp.ones_like(inner))
    return xp.where(some & ~(inner < 0), inner / divisor, zero)


def newton_step(
    space: Space, points: Points, solution: Solution, cross: Any, squares_a: Any, tolerance: Any,
    *, split: bool,
) -> Any:  # fmt: skip
    """R after one step; it stays in its component of the orthogonal group."""
    xp = space.xp
    r = solution.rotation
    # The best scale, asked for or not: it makes E, hence the rounding, smallest.
    scaled = wide(fitted_scale(xp, r, cross, squares_a)) * r
    c = xp.zeros_like(cross)
    for x, y, column in pieces(space, points):
        e = y - product(space, x, scaled)
        c = c + cross_product(space, x, e if column is None else column * e, split=split)
    return turned(space, solution, adjoint_product(space, r, c), tolerance)[0]


def turned(space: Space, solution: Solution, c: Any, tolerance: Any) -> tuple[Any, Any]:
    """R after the step that C = R^H A^H W E asks for, and the skew V X V^H of that step."""
    xp = space.xp
    r, v, s = solution.rotation, solution.v, solution.singular
    k = adjoint_product(space, v, product(space, c - adjoint(xp, c), v))
    total = s[..., :, None] + s[..., None, :]
    n = s.shape[-1]
    floor = 0.5 * space.eps * n * s[..., :1, None]
    floor = xp.where(floor > 0, floor, xp.ones_like(floor))
    # Between two negligible directions nothing is known: R stays as it was completed.
    known = total > tolerance[..., None, None]
    omega = xp.where(known, k / xp.maximum(total, floor), xp.zeros_like(k))
    omega = product(space, product(space, v, omega), adjoint(xp, v))
    omega = 0.5 * (omega - adjoint(xp, omega))
    size = xp.sqrt(sums_of_squares(xp, omega))
    omega = omega / wide(xp.maximum(size, xp.ones_like(size)))
    eye = xp.eye(n, dtype=r.dtype, device=space.device)
    # Cayley: (I - X/2)^-1 (I + X/2) is orthogonal to rounding for skew X.
    return product(space, r, quotient(space, eye - 0.5 * omega, eye + 0.5 * omega)), omega
