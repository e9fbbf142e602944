"""Polar factor from the singular value decomposition: reference, fallback, completion."""

from __future__ import annotations

from typing import Any

from .._core.blas import lean_svd
from .._core.blas_products import BlasProducts
from .._core.linalg import Products
from .engine import Factor, refined

__all__ = ["svd", "svd_partial"]


def svd(x: Any, ops: Products) -> Factor:
    """U = P Q^H from A = P S Q^H; every null direction is completed by the decomposition."""
    p, s, qh = _decompose(x, ops)
    xp = ops.xp
    u = p @ qh
    if ops.space.eps > 1e-10:
        # Single-precision LAPACK leaves a defect of ten to a hundred u; this step removes it.
        u = refined(u, ops)
    return Factor(u, xp.isfinite(s[..., 0]), _ratio(xp, s))


def svd_partial(x: Any, ops: Products) -> Factor:
    """The canonical partial isometry A H^+: null directions are mapped to zero."""
    p, s, qh = _decompose(x, ops)
    xp = ops.xp
    tolerance = max(x.shape[-2:]) * ops.space.eps
    kept = xp.astype(s > tolerance * s[..., :1], x.dtype)
    return Factor((p * kept[..., None, :]) @ qh, xp.isfinite(s[..., 0]), _ratio(xp, s))


def _decompose(x: Any, ops: Products) -> tuple[Any, Any, Any]:
    if isinstance(ops, BlasProducts):
        thin = lean_svd(ops.load(x))
        if thin is not None:
            return thin
    p, s, qh = ops.xp.linalg.svd(x, full_matrices=False)
    return p, s, qh


def _ratio(xp: Any, s: Any) -> Any:
    top = s[..., 0]
    return s[..., -1] / xp.where(top > 0, top, xp.ones_like(top))
