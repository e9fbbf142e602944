"""Means, squared norms and cross product of two sets of points, in as wide a dtype as there is.

The centred sums are those of the corrected two-pass algorithm (Chan, Golub and LeVeque 1983,
doi:10.1080/00031305.1983.10483115): what rounding left of the mean is measured in the second
pass and taken off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .._core import linalg
from .._core.linalg import adjoint, adjoint_product, sums_of_squares
from .._core.space import Space

__all__ = ["Moments", "Points", "cross_product", "moments", "pieces", "squared_norm"]

_PIECES = 16  # pieces of rows at most: they are written out when a function is traced
_ROWS = 256  # rows of a piece at least, and rows that are summed one after the other
_NUMBERS = 2**18  # numbers of a piece at least


class Points(NamedTuple):
    """Two sets of points, as they are given, and how they are centred."""

    a: Any  # (..., m, n)
    b: Any  # (..., m, n)
    weights: Any | None  # (..., m), real
    mean_a: Any | None = None  # (..., n); None: not centred
    mean_b: Any | None = None


class Moments(NamedTuple):
    """What a fit needs to know of its points; for centred points if there are means."""

    weight: Any  # (...) sum of the weights
    mean_a: Any  # (..., n)
    mean_b: Any
    squares_a: Any  # (...) ||W^(1/2) A||_F^2
    squares_b: Any
    cross: Any  # (..., n, n), A^H W B


def pieces(space: Space, points: Points) -> Iterator[tuple[Any, Any, Any | None]]:
    """Centred rows of A and B, and their weights as a column, in the dtype of `space`.

    A few rows at a time: a wider copy of all of them never exists.
    """
    xp, (a, b, w, mean_a, mean_b) = space.xp, points
    m, n = a.shape[-2:]
    rows = m
    if a.dtype != space.dtype or w is not None or mean_a is not None:
        batch = 1
        for k in a.shape[:-2]:
            batch *= k
        rows = max(_ROWS, -(-m // _PIECES), _NUMBERS // max(1, n * batch))
    for start in range(0, m, rows):
        stop = min(start + rows, m)
        x = xp.astype(a[..., start:stop, :], space.dtype, copy=False)
        y = xp.astype(b[..., start:stop, :], space.dtype, copy=False)
        if mean_a is not None and mean_b is not None:
            x, y = x - mean_a[..., None, :], y - mean_b[..., None, :]
        column = None
        if w is not None:
            column = xp.astype(w[..., start:stop], space.real_dtype, copy=False)[..., :, None]
        yield x, y, column


def moments(
    space: Space, points: Points, *, translation: bool, split: bool
) -> tuple[Moments, Points]:
    """Sums over all points, and the points with their means if `translation`."""
    xp, (a, b, w, *_) = space.xp, points
    *batch, m, n = a.shape
    weight = xp.full(tuple(batch), float(m), dtype=space.real_dtype, device=space.device)
    if w is not None:
        weight = _sum_rows(
            space, xp.astype(w, space.real_dtype, copy=False)[..., :, None], split
        )[..., 0]  # fmt: skip
    some = xp.where(weight > 0, weight, xp.ones_like(weight))[..., None]
    mean_a = mean_b = xp.zeros((*batch, n), dtype=space.dtype, device=space.device)
    if translation:
        for x, y, column in pieces(space, Points(a, b, w)):
            mean_a = mean_a + _sum_rows(space, _times(column, x), split)
            mean_b = mean_b + _sum_rows(space, _times(column, y), split)
        mean_a, mean_b = mean_a / some, mean_b / some
        points = Points(a, b, w, mean_a, mean_b)
    cross = None
    squares_a = squares_b = xp.zeros(tuple(batch), dtype=space.real_dtype, device=space.device)
    rest_a = rest_b = xp.zeros((*batch, n), dtype=space.dtype, device=space.device)
    for x, y, column in pieces(space, points):
        wx, wy = _times(column, x), _times(column, y)
        product = cross_product(space, x, wy, split=split)
        cross = product if cross is None else cross + product
        squares_a = squares_a + squared_norm(space, x, column, split=split)
        squares_b = squares_b + squared_norm(space, y, column, split=split)
        if translation:
            rest_a = rest_a + _sum_rows(space, wx, split)
            rest_b = rest_b + _sum_rows(space, wy, split)
    if translation:
        off_a, off_b = rest_a / some, rest_b / some
        mean_a, mean_b = mean_a + off_a, mean_b + off_b
        points = Points(a, b, w, mean_a, mean_b)
        cross = cross - adjoint(xp, rest_a[..., None, :]) @ off_b[..., None, :]
        squares_a = squares_a - some[..., 0] * sums_of_squares(xp, off_a[..., None, :])
        squares_b = squares_b - some[..., 0] * sums_of_squares(xp, off_b[..., None, :])
    return Moments(weight, mean_a, mean_b, squares_a, squares_b, cross), points


def squared_norm(space: Space, x: Any, column: Any | None, *, split: bool = False) -> Any:
    """Weighted sum of |x|^2 over the rows and columns of each item."""
    xp = space.xp
    if not split and column is None:
        return linalg.squared_norm(space, x)
    sizes = xp.real(x) ** 2 + xp.imag(x) ** 2 if space.is_complex else x * x
    return xp.sum(_sum_rows(space, _times(column, sizes), split), axis=-1)


def cross_product(space: Space, x: Any, y: Any, *, split: bool) -> Any:
    """X^H Y; if `split`, as a tree of sums over blocks of rows."""
    xp, rows = space.xp, _block(x)
    if not split or x.shape[-2] <= rows:
        return adjoint_product(space, x, y)
    blocks = x.shape[-2] // rows
    done = blocks * rows
    parts = adjoint(xp, _blocks(xp, x, rows)) @ _blocks(xp, y, rows)
    rest = adjoint(xp, x[..., done:, :]) @ y[..., done:, :]
    return _tree(xp, parts) + rest


def _sum_rows(space: Space, x: Any, split: bool) -> Any:
    xp, rows = space.xp, _block(x)
    if not split or x.shape[-2] <= rows:
        return xp.sum(x, axis=-2)
    done = x.shape[-2] // rows * rows
    parts = xp.sum(_blocks(xp, x, rows), axis=-2, keepdims=True)
    return _tree(xp, parts)[..., 0, :] + xp.sum(x[..., done:, :], axis=-2)


def _block(x: Any) -> int:
    """Rows per block: the products of all blocks together are no larger than X."""
    return max(_ROWS, int(x.shape[-1]))


def _blocks(xp: Any, x: Any, rows: int) -> Any:
    blocks = x.shape[-2] // rows
    shape = (*x.shape[:-2], blocks, rows, x.shape[-1])
    return xp.reshape(x[..., : blocks * rows, :], shape)


def _tree(xp: Any, parts: Any) -> Any:
    """Sum over axis -3 by halves: the error grows with the logarithm of the count."""
    while parts.shape[-3] > 1:
        half = parts.shape[-3] // 2
        pairs = parts[..., :half, :, :] + parts[..., half : 2 * half, :, :]
        odd = parts[..., 2 * half :, :, :]
        parts = pairs if odd.shape[-3] == 0 else xp.concat([pairs, odd], axis=-3)
    return parts[..., 0, :, :]


def _times(column: Any | None, x: Any) -> Any:
    return x if column is None else column * x
