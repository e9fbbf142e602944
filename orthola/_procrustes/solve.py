"""From the cross product M = A^H W B to the orthogonal factor, and how far it is unique.

With M = U S V^H the best R is U V^H (Schoenemann 1966, doi:10.1007/BF02289451). Among rotations,
where det(U V^H) < 0, the last column of U and the smallest singular value change their signs
(Umeyama 1991, doi:10.1109/34.88573).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import adjoint, product
from .._core.loops import bounded_while
from .._core.space import Space

__all__ = ["Solution", "rank_tolerance", "solve"]


class Solution(NamedTuple):
    """R, and R^H M = V S V^H."""

    rotation: Any  # (..., n, n)
    v: Any  # (..., n, n)
    singular: Any  # (..., n), descending; the last one negative where R had to flip it
    rank: Any  # (...) integer
    gap: Any  # (...) s_(n-1) + s_n, the last one with its sign
    reflection_gain: Any  # (...) 4 s_n where it was flipped, else 0
    unique: Any  # (...) bool


def rank_tolerance(space: Space, rows: int, squares_a: Any, squares_b: Any, order: int) -> Any:
    """Singular values of M up to here are rounding: max(m, n) u ||A||_F ||B||_F."""
    xp = space.xp
    # Two roots, since the product of squares leaves the range first.
    size = xp.sqrt(squares_a) * xp.sqrt(squares_b)
    return 0.5 * space.eps * max(rows, order) * size


def solve(
    space: Space, cross: Any, tolerance: Any, *, rotation_only: bool, completion: str,
    parts: Any = None, nothing: Any = None,
) -> Solution:  # fmt: skip
    """Nearest orthogonal matrix or rotation to finite `cross`; `tolerance` says what is zero.

    A completion replaces directions up to `nothing` alone, which is `tolerance` or less: between
    the two a direction may be lost, but has digits that may be right. `parts` is the singular
    value decomposition of `cross` where it is known already.
    """
    xp, n = space.xp, cross.shape[-1]
    u, s, vh = xp.linalg.svd(cross, full_matrices=False) if parts is None else parts
    if rotation_only:
        u, s = flipped(space, u, s, xp.linalg.det(product(space, u, vh)) < 0)
    rotation = product(space, u, vh)
    kept = xp.abs(s) > tolerance[..., None]
    rank = xp.sum(xp.astype(kept, xp.int32), axis=-1, dtype=xp.int32)
    last = s[..., -1]
    gap = s[..., -2] + last if n > 1 else xp.abs(last)
    if rotation_only:
        unique = (gap > tolerance) & (rank >= n - 1)
        if n == 1:
            unique = xp.ones_like(unique)  # SO(1) has one element
    else:
        unique = rank == n
    gain = xp.where((last < 0) & kept[..., -1], -4.0 * last, xp.zeros_like(last))
    if completion == "nearest" and n > 1:
        # SO(n) has nothing to choose while only one singular value is negligible.
        kept = xp.abs(s) > (tolerance if nothing is None else nothing)[..., None]
        filled = xp.sum(xp.astype(kept, xp.int32), axis=-1, dtype=xp.int32)
        open_ = filled < (n - 1 if rotation_only else n)

        def complete(_: Any) -> Any:
            found = _completed(space, u, vh, kept, rotation_only)
            return xp.where(open_[..., None, None], found, rotation)

        rotation = bounded_while(space, lambda _: xp.any(open_), complete, rotation, limit=1)
    return Solution(rotation, adjoint(xp, vh), s, rank, gap, gain, unique)


def _completed(space: Space, u: Any, vh: Any, kept: Any, rotation_only: bool) -> Any:
    """Of all U Q V^H that are as good, the one nearest to I.

    Q is free on the negligible directions, where the nearest is the polar factor of U^H V.
    """
    xp = space.xp
    k = xp.astype(kept, u.dtype)
    o = 1 - k
    inner = adjoint(xp, vh @ u)
    t = o[..., :, None] * inner * o[..., None, :]
    # On the directions kept Q is I. Twice I: none of them is the smallest direction of T.
    t = t + 2 * k[..., None, :] * xp.eye(u.shape[-1], dtype=u.dtype, device=space.device)
    x, _, zh = xp.linalg.svd(t, full_matrices=False)
    if rotation_only:
        x, _ = flipped(space, x, x[..., 0, :], xp.linalg.det(x @ zh) < 0)
    return u @ (x @ zh) @ vh


def flipped(space: Space, u: Any, s: Any, where: Any) -> tuple[Any, Any]:
    """The last column of U and the last singular value with the other sign, item by item."""
    xp, n = space.xp, u.shape[-1]
    one = xp.ones_like(s[..., :1])
    sign = xp.where(where[..., None], -one, one)
    signs = xp.concat([xp.ones_like(s[..., : n - 1]), sign], axis=-1)
    return u * signs[..., None, :], s * signs
