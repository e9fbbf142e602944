"""`Products` for half precision: operands stored in half, sums and small matrices in float32."""

from __future__ import annotations

from typing import Any

from .linalg import Products, adjoint, products, wide
from .space import Space

__all__ = ["HalfProducts"]


class HalfProducts(Products):
    """Half-precision operands; the small side stays in float32 and is rounded once per product.

    Libraries with a half product that accumulates in float32 use it; NumPy and array-api-strict,
    which have none, multiply the widened operands, which gives the same numbers.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.single = space.with_dtype("float32")

    def _widen(self, x: Any) -> Any:
        return self.xp.astype(x, self.single.dtype, copy=False)

    def _round(self, x: Any) -> Any:
        return self.xp.astype(x, self.space.dtype, copy=False)

    def small(self) -> Products:
        return products(self.single)

    def product(self, x: Any, y: Any) -> Any:
        """X Y for half operands, as float32."""
        if self.space.name == "jax":
            return _jax_product(x, y, self.single.dtype)
        if self.space.name == "torch" and x.device.type == "cuda":
            return _torch_product(x, y, self.single.dtype)
        return self._widen(x) @ self._widen(y)

    def identity(self, like: Any) -> Any:
        return self.xp.eye(like.shape[-1], dtype=self.single.dtype, device=self.space.device)

    def gram(self, x: Any) -> Any:
        return self.product(adjoint(self.xp, x), x)

    def tail(self, g: Any, c: tuple[Any, ...]) -> Any:
        return super().tail(self._widen(g), c)

    def times(self, x: Any, q: Any) -> Any:
        # Rounding the wide-ranging Q once would disturb the large singular directions: two terms.
        high = self._round(q)
        low = self._round(q - self._widen(high))
        return self._round(self.product(x, high) + self.product(x, low))

    def multiply_add(self, x: Any, s: Any, alpha: Any, beta: Any) -> Any:
        # beta X stays outside S: the identity is never added to a stored half matrix.
        return self._round(
            wide(beta) * self._widen(x) + wide(alpha) * self.product(x, self._round(s))
        )


def _jax_product(x: Any, y: Any, dtype: Any) -> Any:
    """Half operands and a float32 result; compiled for a CPU, XLA has no such product."""
    from jax import lax, numpy

    return lax.platform_dependent(
        x,
        y,
        cpu=lambda a, b: a.astype(dtype) @ b.astype(dtype),
        default=lambda a, b: numpy.matmul(a, b, preferred_element_type=dtype),
    )


def _torch_product(x: Any, y: Any, dtype: Any) -> Any:
    """CuBLAS product with half operands and a float32 result."""
    import torch

    if x.ndim == 2:
        return torch.mm(x, y, out_dtype=dtype)
    flat = torch.bmm(x.flatten(0, -3), y.flatten(0, -3), out_dtype=dtype)
    return flat.reshape(*x.shape[:-1], y.shape[-1])
