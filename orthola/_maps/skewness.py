"""How far an argument is from skew-Hermitian, for callers who want to be told."""

from __future__ import annotations

from typing import Any

from .._core.checks import compute_space, describe
from .._core.linalg import adjoint, products, sums_of_squares, wide
from .._core.space import resolve

__all__ = ["raise_if_not_skew"]

_ROUNDING = 10.0  # times n u ||A||: what forming (X - X^H)/2, or a change of basis, may leave


def raise_if_not_skew(function: str, a: Any) -> None:
    """ValueError with the distance of the worst item; abstract values are not looked at."""
    given, (x,) = resolve(function, a)
    if given.traced or x.ndim < 2 or x.shape[-1] != x.shape[-2] or 0 in x.shape:
        return
    work = compute_space(function, given, None)
    xp = work.xp
    x = products(work).constant(xp.astype(x, work.dtype, copy=False))
    size = xp.max(xp.abs(x), axis=(-2, -1))
    x = x / wide(xp.where(size > 0, size, xp.ones_like(size)))  # squares stay in range
    off = xp.sqrt(sums_of_squares(xp, x + adjoint(xp, x)))
    norm = xp.sqrt(sums_of_squares(xp, x))
    share = xp.reshape(off / xp.where(norm > 0, norm, xp.ones_like(norm)), (-1,))
    share = xp.where(xp.isfinite(share), share, xp.zeros_like(share))  # NaN is another matter
    worst = float(xp.max(share))
    if worst > _ROUNDING * x.shape[-1] * given.eps:
        item = next(i for i in range(share.shape[0]) if float(share[i]) == worst)
        where = f" in the item with flat index {item}" if x.ndim > 2 else ""
        raise ValueError(
            f"{function}: expected skew-Hermitian matrices (check_skew=True), got {describe(a)} "
            f"with ||A + A^H||_F = {worst:.3g} ||A||_F{where}; pass (A - A^H)/2, or leave "
            "check_skew=False, which takes that part itself"
        )
