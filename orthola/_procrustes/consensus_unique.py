"""Whether the rotations of a consensus are unique beside it: singular values of A_i^H W_i G."""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint, sums_of_squares, wide
from .._core.space import Space
from .consensus_data import Centred, Data, Model
from .consensus_sweep import Found, crosses_of

__all__ = ["unique_rotations"]

_SMALL = 8  # orders whose determinants stay in range


def unique_rotations(space: Space, model: Model, data: Data, points: Centred, found: Found) -> Any:
    """Of each item, all of its rotations together."""
    xp = space.xp
    m, n = data.x.shape[-2:]
    size = xp.sqrt(sums_of_squares(xp, found.consensus))
    if data.weights is not None:
        size = size * xp.sqrt(xp.max(data.weights, axis=(-2, -1)))
    tolerance = 0.5 * space.eps * max(m, n) * xp.sqrt(points.squares) * size[..., None]
    crosses = crosses_of(xp, points, found.consensus)
    if space.eager and n <= _SMALL and bool(xp.all(_surely(space, model, crosses, tolerance))):
        return data.seen
    lowest = _smallest_eigenvalues(space, crosses, found.rotation)
    if model.rotation_only and n > 1:
        # The smaller one is negative where it was turned round.
        unique = lowest[..., 0] + lowest[..., 1] > tolerance
    elif model.rotation_only:
        unique = xp.ones_like(tolerance, dtype=xp.bool)
    else:
        unique = lowest[..., 0] > tolerance
    return xp.all(unique, axis=-1) & data.seen


def _surely(space: Space, model: Model, crosses: Any, tolerance: Any) -> Any:
    """A bound that needs determinants alone: |det M| <= s_n ||M||_F^(n-1)."""
    xp = space.xp
    norm = xp.sqrt(sums_of_squares(xp, crosses))
    unit = xp.where(norm > 0, norm, xp.ones_like(norm))
    volume = xp.linalg.det(crosses / wide(unit))
    # Where M itself turns, that is a bound of s_(n-1) + s_n as well.
    volume = volume if model.rotation_only else xp.abs(volume)
    return volume * norm > tolerance


def _smallest_eigenvalues(space: Space, crosses: Any, r: Any) -> Any:
    """Signed singular values of M_i: the two smallest eigenvalues of R_i^H M_i."""
    xp = space.xp
    h = adjoint(xp, r) @ crosses
    finite = xp.all(xp.isfinite(h), axis=(-2, -1))
    h = xp.where(wide(finite), 0.5 * (h + adjoint(xp, h)), xp.zeros_like(h))
    return xp.linalg.eigvalsh(h)[..., :2]
