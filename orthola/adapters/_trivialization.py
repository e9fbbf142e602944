"""Orthonormal columns written from a base: Q = B' F, where F is near E = I[:, :k].

The base B is n x k, and no array of order n is formed: with the reflectors of B = H E diag(s), its
completion is B' = H D, D = diag(s, I), and H = I - W V^H has rank k off the identity. A square
base is its own completion. Training then goes through F alone (dynamic trivialisation:
M. Lezcano-Casado 2019, arXiv:1909.09501), and re-basing puts the present Q in the place of B.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import householder_vectors
from .._core.linalg import adjoint
from .._core.space import resolve
from .._core.triangular import solve_triangular

__all__ = ["Base", "base_at", "carried", "from_base", "generator_norm", "to_base"]


class Base(NamedTuple):
    """Orthonormal columns B and their completion B' = D - W U^H, of which a square B has none."""

    frame: Any  # B, (..., n, k)
    left: Any  # W, (..., n, k), or None
    right: Any  # U = D^H V, (..., n, k), or None
    signs: Any  # the diagonal of D, (..., n), or None


def base_at(frame: Any) -> Base:
    """The base whose columns are these orthonormal ones."""
    space, (frame,) = resolve("orthogonal", frame)
    xp, (n, k) = space.xp, frame.shape[-2:]
    if n == k:
        return Base(frame, None, None, None)
    v, _, signs, _ = householder_vectors(frame)
    eye = xp.eye(n, k, dtype=frame.dtype, device=space.device)
    # The first k columns say W V_1^H = E - B diag(s)^H.
    moved = adjoint(xp, eye - frame * adjoint(xp, signs[..., None]))
    w = adjoint(xp, solve_triangular(space, v[..., :k, :], moved, lower=True, unit=True))
    signs = xp.concat([signs, xp.ones_like(v[..., k:, 0])], axis=-1)
    u = v * adjoint(xp, signs[..., None, :])
    return Base(frame, w, u, signs)


def from_base(base: Base, y: Any) -> Any:
    """B' Y."""
    if base.left is None:
        return base.frame @ y
    return base.signs[..., None] * y - base.left @ (_adjoint(base.right) @ y)


def to_base(base: Base, z: Any) -> Any:
    """B'^H Z."""
    if base.left is None:
        return _adjoint(base.frame) @ z
    conjugate = _adjoint(base.signs[..., None, :])
    return conjugate * z - base.right @ (_adjoint(base.left) @ z)


def _adjoint(x: Any) -> Any:
    space, (x,) = resolve("orthogonal", x)
    return adjoint(space.xp, x)


def generator_norm(x: Any) -> Any:
    """||A||_2 per item, A = X E^H - E X^H for the part of X that is read."""
    space, (x,) = resolve("orthogonal", x)
    xp, k = space.xp, x.shape[-1]
    a = _tangent_at_identity(x)
    if a.shape[-2] > k:
        # [A_11, -X_2^H; X_2, 0] has the norm of the same with R of X_2 = Q R in its place.
        _, r = xp.linalg.qr(a[..., k:, :])
        corner = xp.zeros((*r.shape[:-1], r.shape[-2]), dtype=r.dtype, device=space.device)
        right = xp.concat([-adjoint(xp, r), corner], axis=-2)
        a = xp.concat([xp.concat([a[..., :k, :], r], axis=-2), right], axis=-1)
    return xp.max(xp.linalg.svdvals(a), axis=-1)


def carried(moment: Any, old: Base, new: Base) -> Any:
    """A direction in the parameter at one base, as a direction in the parameter at another.

    The tangent that it stands for is projected to the tangent space at the new base.
    """
    y = to_base(new, from_base(old, _tangent_at_identity(moment)))
    space, _ = resolve("orthogonal", y)
    xp, k = space.xp, y.shape[-1]
    top = 0.5 * (y[..., :k, :] - adjoint(xp, y[..., :k, :]))
    # The lower triangle X_1 of which it is X_1 - X_1^H.
    top = 0.5 * (xp.tril(top) + xp.tril(top, k=-1))
    return xp.concat([top, y[..., k:, :]], axis=-2)


def _tangent_at_identity(x: Any) -> Any:
    """A E = [X_1 - X_1^H; X_2], X_1 lower triangular."""
    space, (x,) = resolve("orthogonal", x)
    xp, k = space.xp, x.shape[-1]
    top = xp.tril(x[..., :k, :])
    return xp.concat([top - adjoint(xp, top), x[..., k:, :]], axis=-2)
