"""Exact polar factor of tall single-precision items through their Gram matrix in double.

Squaring the condition number costs nothing here: the Gram matrix, its polar work and (where the
condition asks for it) the last product are done in float64, so the orthogonality error is about
cond(A)^2 times the unit roundoff of float64. Items beyond cond 1e4 are not certified.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import Products, adjoint, hermitian_part
from .engine import Factor

__all__ = ["gram"]

_SMALLEST = 1e-4  # of sigma_n / sigma_1


def gram(x: Any, ops: Products, double: Products) -> Factor:
    """U = A V L^(-1/2) V^H from A^H A = V L V^H, all in the double-precision operations."""
    xp = ops.xp
    y = xp.astype(x, double.space.dtype)
    eigenvalues, v = xp.linalg.eigh(adjoint(xp, y) @ y)
    top = eigenvalues[..., -1]
    tiny = _SMALLEST**2 * eigenvalues[..., -1:]
    ok = eigenvalues[..., 0] > tiny[..., 0]
    lam = xp.maximum(eigenvalues, tiny)
    root = xp.sqrt(lam)
    vh = adjoint(xp, v)
    u = y @ ((v / root[..., None, :]) @ vh)
    h = hermitian_part(xp, (v * root[..., None, :]) @ vh)
    ratio = xp.sqrt(xp.clip(eigenvalues[..., 0], min=0) / top)
    return Factor(
        xp.astype(u, x.dtype),
        ok,
        xp.astype(ratio, ops.space.real_dtype),
        xp.astype(h, x.dtype),
    )
