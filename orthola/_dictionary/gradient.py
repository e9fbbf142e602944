"""The objective sum |c|^p of codes c = y A^H, and its gradient."""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space

__all__ = ["gradient", "nuclear_norm", "powers"]


def powers(p: float, c: Any, size: Any) -> Any:
    """W = C |C|^(p-2) for |C| in `size`; by products for p = 3 and 4, real or complex."""
    if p == 3.0:
        return c * size
    if p == 4.0:
        return c * (size * size)
    return c * size ** (p - 2.0)


def gradient(space: Space, p: float, a: Any, y: Any) -> tuple[Any, Any]:
    """Mean over rows of sum |c|^p, and its gradient p W^H Y / b in A."""
    xp = space.xp
    c = y @ adjoint(xp, a)
    size = xp.abs(c)
    w = powers(p, c, size)
    share = p / y.shape[-2]
    value = xp.sum(size * xp.abs(w), axis=(-2, -1)) / y.shape[-2]
    return value, share * (adjoint(xp, w) @ y)


def nuclear_norm(space: Space, x: Any) -> Any:
    """Sum of the singular values: the largest Re <X, S> over the ball."""
    return space.xp.sum(space.xp.linalg.svdvals(x), axis=-1)
