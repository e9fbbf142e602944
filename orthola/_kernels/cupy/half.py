"""`HalfProducts` for CuPy: half operands, sums in float32, each result rounded once.

In steps of degree 3 and 5 the Gram matrix is rounded to half where it is squared. That is below the
error which the rounding of X makes anyway, and keeps all products on the fast units.
"""

from __future__ import annotations

from typing import Any

from ..._core import tuning
from ..._core.half import HalfProducts
from .gemm import gemm
from .mirror import mirrored
from .products import lower_triangle
from .tensor_symmetric import symmetric, tensor_cores

__all__ = ["CupyHalfProducts"]


class CupyHalfProducts(HalfProducts):
    """Operations on float16 and bfloat16 CuPy arrays; Gram matrices are float32, lower triangle."""

    def load(self, x: Any) -> Any:
        import cupy

        return cupy.ascontiguousarray(x)

    def product(self, x: Any, y: Any) -> Any:
        return gemm(x, y, dtype="float32")

    def gram(self, x: Any) -> Any:
        return lower_triangle(x, x, dtype="float32")

    def full(self, g: Any) -> Any:
        return mirrored((1.0, g), out=g)

    def tail(self, g: Any, c: tuple[Any, ...]) -> Any:
        """As in `Products`, with both triangles, and rounded for the product that follows."""
        if len(c) > 2:
            # Degree 7 and 9 have coefficients in the hundreds, which cancel: float32 throughout.
            return self.small().tail(self.full(g), c)
        if len(c) == 1:
            return self._rounded((c[0], g))
        h = self._rounded((1.0, g))
        return self._rounded((c[0], g), (c[1], lower_triangle(h, h, dtype="float32")))

    def gram_tail(self, x: Any, c: tuple[Any, ...]) -> Any:
        """Two launches where our own product is the faster one; G is rounded before both uses."""
        if len(c) > 2 or not _own_product(x):
            return super().gram_tail(x, c)
        if len(c) == 1:
            return symmetric(x, x, alpha=c[0])
        h = symmetric(x, x)
        return symmetric(h, h, alpha=c[1], c=h, beta=c[0])

    def _rounded(self, *terms: tuple[float, Any]) -> Any:
        import cupy

        out = cupy.empty(terms[0][1].shape, dtype=self.space.dtype)
        return mirrored(*terms, out=out)

    def multiply_add(self, x: Any, s: Any, alpha: Any, beta: Any) -> Any:
        # One rounding, at the end: cuBLAS adds beta X to the sums in float32.
        return gemm(x, self._round(s), x.copy(order="C"), alpha=alpha, beta=beta)

    def times(self, x: Any, q: Any) -> Any:
        high = self._round(q)
        low = self._round(q - self._widen(high))
        return self._round(gemm(x, low, self.product(x, high), beta=1.0))


def _own_product(x: Any) -> bool:
    least = tuning.gpu_limits(x.dtype.name).tensor_order
    return least is not None and x.shape[-1] >= least and tensor_cores(x.device.id)
