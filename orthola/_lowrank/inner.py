"""A weighted inner product x^H G y, G = L L^H: the Euclidean one of L^H x.

Samples go in as L^H x; of what comes out, L^-H takes the basis back, and makes it orthonormal in G.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._core import checks
from .._core.linalg import adjoint, sums_of_squares
from .._core.space import Space, resolve
from .finish import with_signs
from .state import SVDConfig, accumulators

__all__ = [
    "InnerProduct",
    "backward",
    "forward",
    "same_inner_product",
    "taken_back",
    "weighted",
]

# L of shape (d, d), the diagonal of one (d,), or a function f(x, inverse=False) of (d, n) arrays.
InnerProduct = Any | Callable[..., Any]


def weighted(
    function: str,
    space: Space,
    config: SVDConfig,
    block: Any,
    weights: Any,
    inner_product: InnerProduct | None,
) -> tuple[Any, Any]:
    """The block of samples L^H x, laid out as it was, and rounding errors with these weights."""
    if inner_product is None:
        return block, 0.0
    xp = space.xp
    columns = adjoint(xp, block) if config.axis == 0 else block
    out = forward(function, space, columns, inner_product)
    if callable(inner_product):
        size = math.sqrt(config.features) * _norm(space, out)
    elif inner_product.ndim == 1:
        size = _norm(space, out)
    else:
        # The product may be much smaller than its terms.
        size = math.sqrt(config.features) * _norm(space, columns) * _norm(space, inner_product)
    size = size if weights is None else size * xp.max(xp.sqrt(weights))
    return adjoint(xp, out) if config.axis == 0 else out, 2.0 * space.eps * size


def taken_back(
    function: str,
    space: Space,
    config: SVDConfig,
    basis: Any,
    mean: Any,
    inner_product: InnerProduct,
) -> tuple[Any, Any]:
    """Basis and mean of samples, from those of L^H x."""
    xp = space.xp
    turns = config.axis == 0 and space.is_complex
    mean = xp.conj(mean) if turns else mean
    mean = backward(function, space, mean[:, None], inner_product)[:, 0]
    basis = with_signs(space, backward(function, space, basis, inner_product))
    return basis, xp.conj(mean) if turns else mean


def forward(function: str, space: Space, columns: Any, inner_product: InnerProduct) -> Any:
    """L^H X for X (d, n)."""
    if callable(inner_product):
        return _called(function, space, columns, inner_product, inverse=False)
    root = _root(function, space, columns.shape[0], inner_product)
    if root.ndim == 1:
        return (
            space.xp.conj(root)[:, None] * columns if space.is_complex else root[:, None] * columns
        )
    return adjoint(space.xp, root) @ columns


def backward(function: str, space: Space, columns: Any, inner_product: InnerProduct) -> Any:
    """L^-H X for X (d, n)."""
    if callable(inner_product):
        return _called(function, space, columns, inner_product, inverse=True)
    root = _root(function, space, columns.shape[0], inner_product)
    if root.ndim == 1:
        root = space.xp.conj(root) if space.is_complex else root
        return columns / root[:, None]
    return space.xp.linalg.solve(adjoint(space.xp, root), columns)


def same_inner_product(one: InnerProduct | None, two: InnerProduct | None) -> bool:
    """Whether two streams measure alike."""
    if one is two:
        return True
    if one is None or two is None or callable(one) or callable(two):
        return False
    space, (mine, theirs) = resolve("IncrementalSVD.merge", one, two)
    return mine.shape == theirs.shape and bool(space.xp.all(mine == theirs))


def _root(function: str, space: Space, d: int, inner_product: Any) -> Any:
    given, (root,) = resolve(function, inner_product)
    if tuple(root.shape) not in ((d,), (d, d)):
        raise ValueError(
            f"{function}: expected inner_product of shape ({d}, {d}), L of G = L L^H, or ({d},), "
            f"its diagonal, got {checks.describe(root)}"
        )
    if given.is_complex and not space.is_complex:
        raise ValueError(
            f"{function}: expected a real inner_product for {space.dtype_name}, got "
            f"{given.dtype_name}; give complex data"
        )
    return space.xp.astype(root, space.dtype, copy=False)


def _called(
    function: str, space: Space, columns: Any, apply: Callable[..., Any], *, inverse: bool
) -> Any:
    _, (out,) = resolve(function, apply(columns, inverse=inverse))
    if tuple(out.shape) != tuple(columns.shape):
        raise ValueError(
            f"{function}: expected inner_product to return shape {tuple(columns.shape)}, got "
            f"{checks.describe(out)}"
        )
    return space.xp.astype(out, space.dtype, copy=False)


def _norm(space: Space, x: Any) -> Any:
    """Frobenius norm in double precision; entries near the ends of the range do not harm."""
    xp, acc = space.xp, accumulators(space)
    most = xp.max(xp.abs(x))
    some = xp.where(most > 0, most, xp.ones_like(most))
    squares = xp.astype(sums_of_squares(xp, x / some), acc.dtype)
    return xp.sqrt(squares) * xp.astype(some, acc.dtype)
