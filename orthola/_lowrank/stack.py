"""The left singular vectors of K = [U S, A] by Householder QR: no decision about ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space

__all__ = ["left_vectors", "orthonormal", "small_svd"]


def left_vectors(space: Space, wide: Space, k: Any) -> tuple[Any, Callable[[int, int], Any]]:
    """All singular values of K (d, n), and a function that gives left singular vectors i ... j - 1.

    The vectors are orthonormal to rounding whatever the rank of K is, also for K = 0.
    """
    xp = space.xp
    d, n = k.shape
    if d < n:  # K = L Q^H
        triangle = adjoint(xp, xp.linalg.qr(adjoint(xp, k))[1])
        u, s = small_svd(wide, triangle)
        return s, lambda i, j: xp.astype(orthonormal(xp, u[:, i:j]), space.dtype, copy=False)
    q, triangle = xp.linalg.qr(k)
    u, s = small_svd(wide, triangle)
    return s, lambda i, j: q @ xp.astype(orthonormal(xp, u[:, i:j]), space.dtype, copy=False)


def orthonormal(xp: Any, u: Any) -> Any:
    """One Newton step to the polar factor, for columns that are orthonormal to rounding.

    Small decompositions leave some ten roundings; over many truncations these would add up.
    """
    return u + 0.5 * (u - u @ (adjoint(xp, u) @ u))


def small_svd(wide: Space, a: Any) -> tuple[Any, Any]:
    """Left singular vectors and singular values of a small matrix, in the precision of `wide`."""
    xp = wide.xp
    u, s, _ = xp.linalg.svd(xp.astype(a, wide.dtype, copy=False), full_matrices=False)
    return u, s
