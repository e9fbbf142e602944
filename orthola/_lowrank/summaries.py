"""Summaries of blocks and their union: what a stack of small decompositions keeps and discards.

A summary of the columns M is a factor K with orthogonal columns and M M^H = K K^H + E E^H; with
M V = K for orthonormal V, the squared norm of E is what was discarded, added up over all merges,
whatever the tree. Hence the squares beyond number r, kept or discarded, bound the squared error of
the best rank r. Everything here works on stacks of equal shapes.

Decompositions come from Gram matrices, whose rounding is an error in squares, or from singular
values, whose rounding is an error of the matrix.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .._core.linalg import adjoint, sums_of_squares
from .._core.space import Space

__all__ = ["Decomposed", "decomposed", "overlap", "rounding", "union_of"]


class Decomposed(NamedTuple):
    """Squares of all directions, descending, and a way to the factor of the leading ones."""

    squares: Any  # (..., c)
    left: Any  # (..., d, b) or (..., d, d): K = left @ right where `right` is there
    right: Any | None  # (..., b, c)

    def factor(self, kept: int) -> Any:
        """K of the leading directions."""
        if self.right is None:
            return self.left[..., :kept]
        return self.left @ self.right[..., :kept]


def rounding(space: Space, d: int, columns: int, exact: bool) -> tuple[float, float]:
    """Errors of one decomposition of norm one: in the matrix, and in squares.

    2 sqrt(columns) u is what decompositions by reflections were seen to keep with a margin; a Gram
    matrix has inner products of length d, and the sum of c eigenvalues moves by sqrt(c) times its
    error.
    """
    linear = 2.0 * math.sqrt(columns) * space.eps
    return linear, 0.0 if exact else 2.0 * (math.sqrt(d) + columns) * space.eps


def decomposed(space: Space, x: Any, *, exact: bool) -> Decomposed:
    """The squared singular values and left directions of a stack of blocks (..., d, b)."""
    xp, (d, b) = space.xp, tuple(x.shape[-2:])
    if b == 1:
        return Decomposed(sums_of_squares(xp, x)[..., None], x, None)
    if exact:
        u, s, _ = xp.linalg.svd(x, full_matrices=False)
        return Decomposed(s * s, u * xp.astype(s, x.dtype)[..., None, :], None)
    if b <= d:
        return _by_gram(space, adjoint(xp, x) @ x, x)
    w, u = _descending(space, x @ adjoint(xp, x))
    return Decomposed(w, u * xp.astype(xp.sqrt(w), x.dtype)[..., None, :], None)


def overlap(space: Space, a: Any, b: Any) -> Any:
    """K_a^H K_b: all that two summaries have to know of each other."""
    return adjoint(space.xp, a) @ b


def union_of(
    space: Space, a: Any, b: Any, of_a: Any, of_b: Any, cross: Any, *, exact: bool
) -> Decomposed:
    """The decomposition of [K_a K_b], with the squares of both and `overlap` known.

    The columns of a factor are orthogonal, so that the squares are the diagonal blocks.
    """
    xp = space.xp
    both = xp.concat([a, b], axis=-1)
    if exact:
        return decomposed(space, both, exact=True)
    upper = xp.concat([_diagonal(space, of_a, cross.dtype), cross], axis=-1)
    back = adjoint(xp, cross)
    lower = xp.concat([back, _diagonal(space, of_b, cross.dtype)], axis=-1)
    return _by_gram(space, xp.concat([upper, lower], axis=-2), both)


def _diagonal(space: Space, values: Any, dtype: Any) -> Any:
    xp = space.xp
    eye = xp.eye(values.shape[-1], dtype=dtype, device=space.device)
    return eye * xp.astype(values, dtype)[..., None, :]


def _by_gram(space: Space, gram: Any, x: Any) -> Decomposed:
    w, v = _descending(space, gram)
    return Decomposed(w, x, v)


def _descending(space: Space, h: Any) -> tuple[Any, Any]:
    """Eigenvalues, not below 0, and vectors."""
    xp = space.xp
    w, v = xp.linalg.eigh(h)
    return xp.clip(xp.flip(w, axis=-1), min=0.0), xp.flip(v, axis=-1)
