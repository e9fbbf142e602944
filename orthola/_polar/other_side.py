"""The larger Hermitian factor, K = A U^H of tall A or H = U^H A of wide A, of any scale."""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint, hermitian_part, wide
from .._core.scaling import largest_entry
from .._core.space import Space

__all__ = ["larger_factor"]


def larger_factor(space: Space, u: Any, a: Any, *, side: str) -> Any:
    """Hermitian part of U^H A (``side="right"``) or A U^H, rounded once if it is subnormal.

    Items whose products could be subnormal, or their sums infinite, are multiplied by a power of
    two before and divided by it afterwards; that changes no digit of the others.
    """
    if 0 in a.shape:
        return hermitian_part(space.xp, _product(space, u, a, side))
    size = largest_entry(space, a)
    one = space.xp.ones_like(size)
    smallest = 2.0**space.smallest_exponent
    lift = space.xp.where(size < smallest * space.eps**-4, one * space.eps**-4, one)
    lift = space.xp.where(size > space.eps / smallest, one * space.eps, lift)
    return hermitian_part(space.xp, _product(space, u, a * wide(lift), side)) * wide(1.0 / lift)


def _product(space: Space, u: Any, a: Any, side: str) -> Any:
    return adjoint(space.xp, u) @ a if side == "right" else a @ adjoint(space.xp, u)
