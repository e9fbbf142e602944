"""The space that columns span, to a relative tolerance, as orthonormal columns followed by zeros.

Zero columns keep the declared size: Q Q^H is the projector whatever the rank, and shapes do not
depend on values.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.errors import Status
from .._core.linalg import wide
from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space

__all__ = ["Span", "span"]


class Span(NamedTuple):
    """Orthonormal columns of one stack of matrices."""

    basis: Any  # (..., m, p), p = min(m, n)
    sigma: Any  # (..., p), descending, all of them
    live: Any  # bool (..., p): which columns of the basis are there
    status: Any  # int32 (...)


def span(space: Space, a: Any, tol: float | None) -> Span:
    """The left singular vectors of singular values above tol times the largest; NaN items are 0."""
    xp, batch, (m, n) = space.xp, tuple(a.shape[:-2]), tuple(a.shape[-2:])
    p, device = min(m, n), space.device
    if 0 in a.shape:
        nothing = xp.zeros((*batch, p), dtype=space.real_dtype, device=device)
        basis = xp.zeros((*batch, m, p), dtype=a.dtype, device=device)
        ok = xp.zeros(batch, dtype=xp.int32, device=device)
        return Span(basis, nothing, nothing > 0, ok)
    size = largest_entry(space, a)
    finite = xp.isfinite(size)
    usable = finite & (size > 0)
    exponent = power_of_two_exponent(space, xp.where(usable, size, xp.ones_like(size)))
    x = scale_by_power_of_two(space, xp.where(wide(usable), a, xp.zeros_like(a)), -exponent)
    basis, sigma, _ = xp.linalg.svd(x, full_matrices=False)
    floor = max(m, n) * space.eps if tol is None else tol
    live = (sigma > floor * sigma[..., :1]) & usable[..., None]
    basis = xp.where(live[..., None, :], basis, xp.zeros_like(basis))
    code = xp.astype(~xp.all(live, axis=-1), xp.int32) * int(Status.RANK_DEFICIENT)
    status = xp.where(finite, code, xp.full_like(code, int(Status.NONFINITE)))
    sigma = scale_by_power_of_two(space, sigma[..., None], exponent)[..., 0]
    return Span(basis, sigma, live, status)
