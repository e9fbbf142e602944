"""Least squares on the unit sphere: t = c/(e + mu) of norm one, mu >= 0, for many columns at once.

With e_i = s_i^2 - s_n^2 and c = S U^H b. 1/||t(mu)|| is a concave and rising function of mu, so
Newton's method for 1/||t|| = 1 never passes the root when it starts below (section 3 of More and
Sorensen 1983, doi:10.1137/0904038). If ||t(0)|| < 1, as it can only be where c vanishes with e,
the last singular direction makes up for the rest: the hard case.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import wide
from .._core.loops import bounded_while
from .._core.space import Space
from .rows import Rows

__all__ = ["on_the_sphere"]

_MOST = 100  # steps; six or so are usual
_NEGLIGIBLE = 8.0  # roundings of the largest: what is smaller is zero in the hard case


class _Root(NamedTuple):
    mu: Any  # (..., 1, k)
    moving: Any  # bool (..., 1, k)


def on_the_sphere(space: Space, rows: Rows) -> tuple[Any, Any]:
    """(..., n, k) coordinates of norm one of each column, and whether an item has one answer."""
    xp = space.xp
    s = rows.singular[..., :, None]
    least = s[..., -1:, :]
    e = (s - least) * (s + least)
    c = s * rows.images
    size = xp.abs(c)
    small = _NEGLIGIBLE * space.eps * s.shape[-2]
    top = wide(xp.max(s, axis=(-2, -1)))
    flat = e <= small * top * top
    nothing = size <= small * top * xp.max(xp.abs(rows.images), axis=-2, keepdims=True)
    # Where neither is known from zero, the quotient 0/0 is left to the hard case.
    c = xp.where(flat & nothing, xp.zeros_like(c), c)
    e = xp.where(flat, xp.zeros_like(e), e)
    size = xp.abs(c)
    below = xp.max(size - e, axis=-2, keepdims=True)
    start = xp.where(below > 0, below, xp.zeros_like(below))
    hard = (start == 0) & (_norm(xp, _quotient(xp, size, e, start)) < 1)

    def step(root: _Root) -> _Root:
        t = _quotient(xp, size, e, root.mu)
        norm = _norm(xp, t)
        slope = xp.sum(_quotient(xp, t * t, e, root.mu), axis=-2, keepdims=True)
        some = xp.where(slope > 0, slope, xp.ones_like(slope))
        # psi = 1/norm, psi' = slope/norm^3.
        further = xp.where(slope > 0, (norm - 1) * norm * norm / some, xp.zeros_like(norm))
        moving = root.moving & (further > 2 * space.eps * root.mu)
        return _Root(xp.where(moving, root.mu + further, root.mu), moving)

    root = bounded_while(
        space, lambda root: xp.any(root.moving), step, _Root(start, ~hard), limit=_MOST
    )
    t = _quotient(xp, c, e, root.mu)
    norm = _norm(xp, t)
    missing = xp.where(hard, 1 - norm * norm, xp.zeros_like(norm))
    last = xp.where(hard, xp.sqrt(xp.where(missing > 0, missing, xp.zeros_like(missing))), missing)
    t = xp.concat([t[..., :-1, :], t[..., -1:, :] + last], axis=-2)
    unique = xp.all(~hard | (last <= small), axis=(-2, -1))
    return t / _norm(xp, t), unique


def _quotient(xp: Any, c: Any, e: Any, mu: Any) -> Any:
    """c/(e + mu), and 0 for 0/0."""
    total = e + mu
    some = xp.where(total > 0, total, xp.ones_like(total))
    return xp.where(total > 0, c / some, xp.zeros_like(c))


def _norm(xp: Any, t: Any) -> Any:
    return xp.sqrt(xp.sum(xp.abs(t) ** 2, axis=-2, keepdims=True))
