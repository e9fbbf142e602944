"""Real orthogonal Q: other signs for which the entries of its inverse Cayley image are at most 1.

With Q = D (I + T) (I - T)^-1, changing the signs d_i and d_j multiplies |det(I + D Q)| by T_ij^2.
Flipping the pair of the largest entry while that is above 1 therefore ends (Biborski,
arXiv:2601.16271; O'Dorney, Linear Algebra Appl. 2014).
"""

from __future__ import annotations

from typing import Any

from .._core.dispatch import find_kernel, load
from .._core.linalg import wide
from .._core.loops import bounded_while
from .._core.options import current
from .._core.space import Space

__all__ = ["flip_limit", "flip_pairs"]


def flip_limit(space: Space, n: int) -> float:
    """Entries up to this are taken for 1, so that no pair is flipped for ever by rounding."""
    return 1.0 + 2.0 * n * space.eps


def flip_pairs(space: Space, t: Any, signs: Any) -> tuple[Any, Any, Any]:
    """(T, signs, flips) with |T_ij| <= 1 for real skew T (..., n, n) and its signs (..., n).

    At most n flips per item; `flips` (...) counts them. Each is a rank-two update of T, so where
    there were many, T is best computed again from the signs. NaN stays as it is.
    """
    kernel = find_kernel("flip_pairs", space.name, space) if current().kernels else None
    limit = flip_limit(space, t.shape[-1])
    if kernel is not None:
        function = load(kernel.target)
        return function(t, signs, limit=limit, threads=current().threads)  # type: ignore[no-any-return]
    xp, n = space.xp, t.shape[-1]
    index = xp.arange(n, device=space.device)
    places = n * index[:, None] + index

    def wants(t: Any) -> Any:
        return xp.max(xp.abs(t), axis=(-2, -1)) > limit

    def flip(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        t, signs, flips = state
        sizes, wanted = xp.abs(t), wants(t)
        largest = sizes == wide(xp.max(sizes, axis=(-2, -1)))
        place = xp.min(xp.where(largest, places, n * n - 1), axis=(-2, -1))[..., None]
        i, j = index == place // n, index == place % n
        new = _flipped(space, t, i, j)
        chosen = (i | j) & wanted[..., None]
        return (
            xp.where(wide(wanted), new, t),
            xp.where(chosen, -signs, signs),
            flips + xp.astype(wanted, xp.int32),
        )

    flips = xp.zeros(t.shape[:-2], dtype=xp.int32, device=space.device)
    state = (t, signs, flips)
    return bounded_while(space, lambda s: xp.any(wants(s[0])), flip, state, limit=n)


def _flipped(space: Space, t: Any, i: Any, j: Any) -> Any:
    """T after the flip of one pair per item; i and j mark its places (..., n).

    With P = {i, j} and B the rest: T'_PP = T_PP^-1, T'_PB = T_PP^-1 T_PB, T'_BP = -T_BP T_PP^-1,
    T'_BB = T_BB - T_BP T_PP^-1 T_PB.
    """
    xp = space.xp
    e, f = xp.astype(i, t.dtype), xp.astype(j, t.dtype)
    p, q = (e[..., None, :] @ t)[..., 0, :], (f[..., None, :] @ t)[..., 0, :]  # rows i and j
    pivot = xp.sum(p * f, axis=-1)
    safe = xp.where(pivot == 0, xp.ones_like(pivot), pivot)[..., None]
    p, q = p / safe, q / safe
    rest = xp.where(i | j, xp.zeros_like(p), xp.ones_like(p))
    inside = t + safe[..., None] * (_outer(q, p) - _outer(p, q))
    border = _outer(f, rest * p) - _outer(e, rest * q) - _outer(e, f) / safe[..., None]
    return inside * _outer(rest, rest) + border - xp.matrix_transpose(border)


def _outer(x: Any, y: Any) -> Any:
    return x[..., :, None] * y[..., None, :]
