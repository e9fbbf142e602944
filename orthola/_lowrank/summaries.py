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

import numpy as np

from .._core.linalg import adjoint, sums_of_squares
from .._core.space import Space

__all__ = [
    "Decomposed",
    "decomposed",
    "gram_of_union",
    "overlaps",
    "rounding",
    "union_of",
    "union_values",
]


class Decomposed(NamedTuple):
    """Squares of all directions, descending, and a way to the factors of the leading ones."""

    squares: Any  # (n, c)
    parts: tuple[Any, ...]  # stacks (n, d, .) or lists: K = [parts] right, where that is there
    right: Any | None  # (n, ., c)

    def factors(self, space: Space, rows: Any, kept: int) -> list[Any]:
        """K of the leading directions of some items, in memory of their own."""
        xp = space.xp
        if self.right is None:
            (whole,) = self.parts
            return [xp.asarray(whole[n, :, :kept], copy=True) for n in rows]
        found = []
        for n in rows:
            right, start, k = self.right[n, :, :kept], 0, None
            for part in self.parts:
                one = part[n] if isinstance(part, list) else part[n, ...]
                stop = start + one.shape[-1]
                more = one @ right[start:stop, :]
                k, start = more if k is None else k + more, stop
            found.append(k)
        return found


def rounding(space: Space, d: int, columns: int, exact: bool) -> tuple[float, float]:
    """Errors of one decomposition of norm one: in the matrix, and in squares.

    2 sqrt(columns) u is what decompositions by reflections were seen to keep with a margin; a Gram
    matrix has inner products of length d, and the sum of c eigenvalues moves by sqrt(c) times its
    error.
    """
    linear = 2.0 * math.sqrt(columns) * space.eps
    return linear, 0.0 if exact else 2.0 * (math.sqrt(d) + columns) * space.eps


def decomposed(space: Space, x: Any, *, exact: bool) -> Decomposed:
    """The squared singular values and left directions of a stack of blocks (n, d, b)."""
    xp, (d, b) = space.xp, tuple(x.shape[-2:])
    if b == 1:
        return Decomposed(sums_of_squares(xp, x)[..., None], (x,), None)
    if exact:
        u, s, _ = xp.linalg.svd(x, full_matrices=False)
        return Decomposed(s * s, (u * xp.astype(s, x.dtype)[..., None, :],), None)
    if b <= d:
        return Decomposed(*_descending(space, adjoint(xp, x) @ x, (x,)))
    w, _, u = _descending(space, x @ adjoint(xp, x), ())
    return Decomposed(w, (u * xp.astype(xp.sqrt(w), x.dtype)[..., None, :],), None)


def overlaps(space: Space, a: list[Any], b: list[Any]) -> Any:
    """All K_a^H K_b (n, ., .) for factors of one shape each: what pairs have to know."""
    xp = space.xp
    if space.name != "numpy":
        return adjoint(xp, xp.stack(a)) @ xp.stack(b)
    # Products of single factors where they lie: stacks would cost more to make than to multiply.
    found = np.empty((len(a), a[0].shape[1], b[0].shape[1]), a[0].dtype)
    for one, two, out in zip(a, b, found, strict=True):
        np.dot(one.conj().T if space.is_complex else one.T, two, out=out)
    return found


def gram_of_union(space: Space, of_a: Any, of_b: Any, cross: Any) -> Any:
    """Gram matrices of [K_a K_b], with the squares of both and `overlaps` known.

    The columns of a factor are orthogonal, so that the squares are the diagonal blocks.
    """
    xp = space.xp
    upper = xp.concat([_diagonal(space, of_a, cross.dtype), cross], axis=-1)
    back = adjoint(xp, cross)
    lower = xp.concat([back, _diagonal(space, of_b, cross.dtype)], axis=-1)
    return xp.concat([upper, lower], axis=-2)


def union_values(space: Space, gram: Any) -> Any:
    """Squares of all directions of a union alone: less than half the work."""
    values = space.xp.linalg.eigvalsh(gram)
    return space.xp.clip(space.xp.flip(values, axis=-1), min=0.0)


def union_of(space: Space, gram: Any, a: list[Any], b: list[Any]) -> Decomposed:
    """The decompositions of [K_a K_b] from their Gram matrices."""
    return Decomposed(*_descending(space, gram, (a, b)))


def _diagonal(space: Space, values: Any, dtype: Any) -> Any:
    xp = space.xp
    eye = xp.eye(values.shape[-1], dtype=dtype, device=space.device)
    return eye * xp.astype(values, dtype)[..., None, :]


def _descending(space: Space, h: Any, parts: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...], Any]:
    """Eigenvalues, not below 0, and vectors."""
    xp = space.xp
    w, v = xp.linalg.eigh(h)
    return xp.clip(xp.flip(w, axis=-1), min=0.0), parts, xp.flip(v, axis=-1)
