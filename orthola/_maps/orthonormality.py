"""The status of an inverse map: whether its argument was finite and orthonormal."""

from __future__ import annotations

from typing import Any

from .._core.dispatch import find_kernel, load
from .._core.errors import Status
from .._core.linalg import products
from .._core.options import current
from .._core.space import Space

__all__ = ["nan_where_nonfinite", "status_of_frame", "tolerance"]

_ALLOWED = 50.0


def tolerance(space: Space, q: Any) -> float:
    """Largest ||Q^H Q - I||_F that rounding to the dtype of Q explains: 50 m u."""
    return float(_ALLOWED * max(*q.shape[-2:], 1) * space.eps / 2.0)


def status_of_frame(space: Space, q: Any, tolerance: float, usable: Any = None) -> Any:
    """OK, or BOUND_VIOLATED (not orthonormal, or not `usable`), or NONFINITE, per item.

    The Gram matrix is formed for this: no check of the pivots alone finds every defect.
    """
    xp = space.xp
    kernel = find_kernel("frame_status", space.name, space) if current().kernels else None
    if kernel is not None:
        code = load(kernel.target)(q, tolerance, threads=current().threads)
    else:
        code = _status(space, q, tolerance)
    if usable is None:
        return code
    spoiled = (code == int(Status.OK)) & ~usable
    return xp.where(spoiled, xp.full_like(code, int(Status.BOUND_VIOLATED)), code)


def _status(space: Space, q: Any, tolerance: float) -> Any:
    xp, ops = space.xp, products(space)
    defect = ops.defect(ops.gram(q))
    code = xp.zeros_like(defect, dtype=xp.int32)
    code = xp.where(defect <= tolerance, code, xp.full_like(code, int(Status.BOUND_VIOLATED)))
    finite = xp.all(xp.isfinite(q), axis=(-2, -1))
    return xp.where(finite, code, xp.full_like(code, int(Status.NONFINITE)))


def nan_where_nonfinite(space: Space, status: Any, *outputs: Any) -> tuple[Any, ...]:
    """The outputs with NaN in all of an item whose status is NONFINITE."""
    xp = space.xp
    bad = status == int(Status.NONFINITE)
    if not products(space).likely(bad):
        return outputs
    return tuple(
        xp.where(xp.reshape(bad, (*bad.shape, *(1,) * (x.ndim - bad.ndim))), float("nan") * x, x)
        for x in outputs
    )
