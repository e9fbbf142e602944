"""`Products` for CuPy: direct cuBLAS calls, symmetric products by blocks, Cholesky inverses.

Nothing here looks at a value, so a plan without branches never waits for the device.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..._core import tuning
from ..._core.linalg import Products, hermitian_part, wide
from ..._core.space import Space
from .cholesky import inverse_factor
from .gemm import gemm
from .mirror import mirrored
from .scalars import DeviceScalars
from .symmetric import lower_product, recursion_depth

__all__ = ["CupyProducts", "lower_triangle"]


class CupyProducts(Products):
    """Matrix operations on single and double precision CuPy arrays.

    Every array that these methods make has contiguous rows. ``tf32=True`` lets float32 products
    round their factors to 11 bits; nothing else does, whatever CuPy's own switch says.
    """

    def __init__(self, space: Space, *, tf32: bool = False) -> None:
        super().__init__(space)
        self.scalars = DeviceScalars(space.xp)
        self.tf32 = tf32

    def load(self, x: Any) -> Any:
        import cupy

        return cupy.ascontiguousarray(x)

    def gram(self, x: Any) -> Any:
        return self.symmetric_product(x, x)

    def symmetric_product(self, x: Any, y: Any) -> Any:
        """X^H Y where that is Hermitian: the lower blocks, then mirrored."""
        g = lower_triangle(x, y, tf32=self.tf32)
        return mirrored((1.0, g), out=g)

    def commuting_product(self, g: Any, h: Any) -> Any:
        return self.symmetric_product(g, h)

    def inverse_shifted(self, g: Any, c: Any) -> Any:
        limits = tuning.gpu_limits(self.space.dtype_name)
        z = self.identity(g) + wide(c) * g
        return self.gram(inverse_factor(z, batched_order=limits.batched_order))

    def add_inverse(self, x: Any, w: Any, alpha: Any, beta: Any) -> Any:
        return self.multiply_add(x, w, alpha, beta)

    def multiply_add(self, x: Any, s: Any, alpha: Any, beta: Any) -> Any:
        fixed = [isinstance(scalar, float) for scalar in (alpha, beta)]
        if all(fixed):
            out = x.copy(order="C") if beta else None
            return gemm(x, s, out, alpha=alpha, beta=beta, tf32=self.tf32)
        y = self.product(x, s)
        if any(fixed):
            return wide(beta) * x + wide(alpha) * y
        return _combination()(wide(beta), x, wide(alpha), y, y)

    def product(self, x: Any, y: Any) -> Any:
        return gemm(x, y, tf32=self.tf32)

    def hermitian_product(self, u: Any, x: Any) -> Any:
        return hermitian_part(self.xp, gemm(u, x, adjoint=True, tf32=self.tf32))


def lower_triangle(x: Any, y: Any, *, dtype: str | None = None, tf32: bool = False) -> Any:
    """X^H Y where that is Hermitian, valid on and below the diagonal (and in places above).

    `dtype` names another dtype of the result: float32 for factors of half precision.
    """
    import cupy
    from cupy.lib.stride_tricks import as_strided

    n, batch = x.shape[-1], x.shape[:-2]
    limits = tuning.gpu_limits(x.dtype.name)
    depth = recursion_depth(n, limits.symmetric_block, limits.symmetric_depth)
    if x.ndim > 3:
        x, y = (a.reshape(-1, *a.shape[-2:]) for a in (x, y))
    out = cupy.empty((*x.shape[:-2], n, n), dtype=dtype or x.dtype)

    def product(x: Any, y: Any, out: Any) -> Any:
        return gemm(x, y, out, adjoint=True, tf32=tf32)

    lower_product(x, y, out, depth=depth, gemm=product, as_strided=as_strided)
    return out.reshape(*batch, n, n)


@lru_cache(maxsize=1)
def _combination() -> Any:
    """B x + a y in one pass, with scalars for each item."""
    import cupy

    return cupy.ElementwiseKernel(
        "R b, T x, R a, T y", "T z", "z = T(b) * x + T(a) * y", "orthola_combination"
    )
