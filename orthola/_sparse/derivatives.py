"""Derivatives of codes: least squares on a support that stays as it is.

With Phi = A_S^T, r = y - Phi x and G_S = Phi^H Phi,

    dx = G_S^-1 (Phi^H (dy - dPhi x) + dPhi^H r),   d||r|| = Re r^H (dy - dPhi x) / ||r||,

because Phi^H r = 0. Selection is constant piece by piece; padding contributes zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import conjugate, real_part
from .._core.space import Space
from .._core.triangular import solve_triangular
from .finish import Factors, sum_of_squares, support_factors
from .problem import take_rows

__all__ = ["codes_pullback", "codes_tangent"]

_EXACT = 64.0  # a residual of so many roundings is that of an exact fit: derivative 0


class _Support(NamedTuple):
    factors: Factors
    atoms: Any  # (B, K, M), zero at padding
    x: Any  # (B, K)
    r: Any  # (B, M)
    direction: Any  # r/||r||, 0 for an exact fit


def codes_tangent(space: Space, y: Any, a: Any, outputs: Any, dy: Any, da: Any) -> tuple[Any, Any]:
    """Tangents of coefficients and residual norm, for signals (B, M) and one dictionary."""
    xp = space.xp
    support = _support(space, y, a, outputs)
    indices = outputs[2]
    used = support.factors.used[:, :, None]
    moved = take_rows(space, da, indices)
    moved = xp.where(used, moved, xp.zeros_like(moved))  # dPhi^T
    change = dy - _combined(support.x, moved)
    right = _correlated(space, support.atoms, change) + _correlated(space, moved, support.r)
    along = real_part(xp, xp.sum(conjugate(xp, support.direction) * change, axis=-1))
    return _solved(space, support.factors, right), along


def codes_pullback(
    space: Space, y: Any, a: Any, outputs: Any, xbar: Any | None, ebar: Any | None
) -> tuple[Any, Any]:
    """Cotangents of signals and dictionary; those of the outputs may be None."""
    xp = space.xp
    support = _support(space, y, a, outputs)
    ybar, rows = xp.zeros_like(support.r), xp.zeros_like(support.atoms)
    if xbar is not None:
        xbar = xp.where(support.factors.used, xbar, xp.zeros_like(xbar))
        w = _solved(space, support.factors, xbar)
        ybar = _combined(w, support.atoms)
        rows = conjugate(xp, w)[:, :, None] * support.r[:, None, :]
    if ebar is not None:
        ybar = ybar + ebar[:, None] * support.direction
    rows = rows - conjugate(xp, support.x)[:, :, None] * ybar[:, None, :]
    index = xp.reshape(outputs[2], (-1,))
    used = (index >= 0)[:, None]
    rows = xp.reshape(rows, (-1, a.shape[1]))
    rows = xp.where(used, rows, xp.zeros_like(rows))
    # Reverse mode with cotangents is asked for by the one library that has this method.
    abar = xp.zeros_like(a).index_add(0, xp.maximum(index, xp.zeros_like(index)), rows)
    return ybar, abar


def _support(space: Space, y: Any, a: Any, outputs: Any) -> _Support:
    xp = space.xp
    x, norm, indices = outputs[:3]
    factors = support_factors(space, a, indices)
    atoms = take_rows(space, a, indices)
    atoms = xp.where(factors.used[:, :, None], atoms, xp.zeros_like(atoms))
    r = y - _combined(x, atoms)
    # Signals that are not finite have no code and no derivative.
    sound = xp.isfinite(norm)
    r = xp.where(sound[:, None], r, xp.zeros_like(r))
    size = xp.where(sound, norm, xp.zeros_like(norm))
    yy = sum_of_squares(space, xp.where(sound[:, None], y, xp.zeros_like(y)))
    some = size * size > (_EXACT * space.eps) ** 2 * yy
    share = xp.where(some, 1 / xp.where(some, size, xp.ones_like(size)), xp.zeros_like(size))
    return _Support(factors, atoms, x, r, share[:, None] * r)


def _solved(space: Space, factors: Factors, right: Any) -> Any:
    """G_S^-1 b = R^-1 R^-H b; padding stays what it is."""
    half = solve_triangular(space, factors.r, right[:, :, None], lower=False, adjoint=True)
    full = solve_triangular(space, factors.r, half, lower=False)[:, :, 0]
    return space.xp.where(factors.used, full, space.xp.zeros_like(full))


def _combined(x: Any, atoms: Any) -> Any:
    """Phi x, (B, M)."""
    return (x[:, None, :] @ atoms)[:, 0, :]


def _correlated(space: Space, atoms: Any, v: Any) -> Any:
    """Phi^H v, (B, K)."""
    return (conjugate(space.xp, atoms) @ v[:, :, None])[:, :, 0]
