"""Exact polar factor of tall single-precision items through their Gram matrix in double.

Squaring the condition number costs nothing here: the Gram matrix, its inverse square root and
(where the condition asks for it) the last product are done in float64, so the orthogonality error
is about cond(A)^2 times the unit roundoff of float64. Items beyond cond 1e4 are not certified.
"""

from __future__ import annotations

from typing import Any

from .._core.blas import lower_cholesky
from .._core.blas_products import BlasProducts
from .._core.linalg import Products, adjoint, hermitian_part
from .engine import Factor
from .newton import newton_square

__all__ = ["gram"]

_SMALLEST = 1e-4  # of sigma_n / sigma_1
_GENTLE = 0.2  # of sigma_n / sigma_1: from here on single precision after the Gram matrix will do


def gram(x: Any, ops: Products, double: Products) -> Factor:
    """U = A M with M = (A^H A)^(-1/2), and H = (A^H A) M."""
    if isinstance(ops, BlasProducts) and isinstance(double, BlasProducts):
        return _in_place(x, ops, double)
    xp = ops.xp
    y = xp.astype(x, double.space.dtype)
    eigenvalues, v = xp.linalg.eigh(adjoint(xp, y) @ y)
    tiny = _SMALLEST**2 * eigenvalues[..., -1:]
    ok = eigenvalues[..., 0] > tiny[..., 0]
    root = xp.sqrt(xp.maximum(eigenvalues, tiny))
    vh = adjoint(xp, v)
    u = y @ ((v / root[..., None, :]) @ vh)
    h = hermitian_part(xp, (v * root[..., None, :]) @ vh)
    ratio = xp.sqrt(xp.clip(eigenvalues[..., 0], min=0.0) / eigenvalues[..., -1])
    return Factor(
        xp.astype(u, x.dtype),
        ok,
        xp.astype(ratio, ops.space.real_dtype),
        xp.astype(h, x.dtype),
    )


def _in_place(x: Any, ops: BlasProducts, double: BlasProducts) -> Factor:
    """One matrix: M = R^-1 polar(R) with R from the Cholesky factor of the Gram matrix."""
    xp = ops.xp
    factor = lower_cholesky(double.gram_of_single(x))
    if factor is None:
        return Factor(xp.zeros_like(x), xp.asarray(False), xp.zeros((), dtype=ops.space.real_dtype))
    r, inverse, norms = double.from_lower(factor)
    ratio = 1 / (norms[0] * norms[1])
    inner = double.small()
    small = newton_square(inner.load(r), inner, 20, inner.load(inverse), norms, ops.space)
    m = double.product(inverse, small.unitary)
    gentle = ratio >= _GENTLE
    u = ops.product(x, m.astype(x.dtype)) if gentle else double.product_with_single(x, m)
    h = double.hermitian_product(small.unitary, r).astype(x.dtype)
    ok = xp.asarray(bool(ratio > _SMALLEST) and bool(small.certified))
    return Factor(u, ok, xp.asarray(ratio, dtype=ops.space.real_dtype), h)
