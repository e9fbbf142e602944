"""LU factors of W - [diag(s); 0], the signs s chosen on the way so that no pivoting is needed.

The pivot p_j of the elimination is moved away from zero by its own phase, s_j = -p_j/|p_j|, to
modulus 1 + |p_j|. For orthonormal W, |p_j| <= 1 and |L_ij| <= 1 (Ballard et al. 2014,
doi:10.1109/IPDPS.2014.120), so the elimination is stable. It is behind the inverses of the
Householder and Cayley maps.
"""

from __future__ import annotations

from typing import Any

from .._core.dispatch import find_kernel, load
from .._core.linalg import adjoint
from .._core.loops import bounded_while
from .._core.options import current
from .._core.space import Space
from .._core.triangular import solve_triangular

__all__ = ["signed_lu"]

_BLOCK = 32


def signed_lu(space: Space, w: Any) -> tuple[Any, Any, Any]:
    """Eliminate W - [diag(s); 0] = L U without pivoting: (lu, signs, excess).

    W is (..., m, k), m >= k, and is not written to; no half precision. `lu` holds the unit lower
    trapezoid L below the diagonal, U on and above it; `signs` (..., k), of the dtype of W, are
    -p_j/|p_j| for the pivots p_j, and -1 where p_j = 0; `excess` (...) is the largest |p_j| - 1,
    positive beyond rounding only if W was not orthonormal. NaN stays in its item. No derivative
    is attached here.
    """
    kernel = find_kernel("signed_lu", space.name, space) if current().kernels else None
    if kernel is not None:
        return load(kernel.target)(w, threads=current().threads)  # type: ignore[no-any-return]
    xp, k = space.xp, w.shape[-1]
    if k == 0:
        signs = xp.zeros((*w.shape[:-2], 0), dtype=w.dtype, device=space.device)
        return w, signs, xp.full(w.shape[:-2], -1.0, dtype=space.real_dtype, device=space.device)
    lu, signs = _eliminate(space, w)
    # u_jj = p_j - s_j has the modulus 1 + |p_j|.
    pivots = xp.abs(xp.linalg.diagonal(lu[..., :k, :]))
    return lu, signs, xp.max(pivots, axis=-1) - 2.0


def _eliminate(space: Space, w: Any) -> tuple[Any, Any]:
    """By halves of the columns, so that nearly all work is in matrix products.

    S. Toledo 1997, doi:10.1137/S0895479896297744.
    """
    xp, k = space.xp, w.shape[-1]
    if k <= _BLOCK:
        return _panel(space, w)
    h = _BLOCK * ((k // 2 + _BLOCK - 1) // _BLOCK)
    left, signs = _eliminate(space, w[..., :, :h])
    top = solve_triangular(space, left[..., :h, :], w[..., :h, h:], lower=True, unit=True)
    rest, more = _eliminate(space, w[..., h:, h:] - left[..., h:, :] @ top)
    right = xp.concat([top, rest], axis=-2)
    return xp.concat([left, right], axis=-1), xp.concat([signs, more], axis=-1)


def _panel(space: Space, w: Any) -> tuple[Any, Any]:
    """A few columns: LU of the diagonal block, then L_2 = W_2 U^-1."""
    xp, k = space.xp, w.shape[-1]
    block, signs = _diagonal_block(space, w[..., :k, :])
    if w.shape[-2] == k:
        return block, signs
    # U^H L_2^H = W_2^H
    rows = adjoint(xp, w[..., k:, :])
    below = adjoint(xp, solve_triangular(space, block, rows, lower=False, adjoint=True))
    return xp.concat([block, below], axis=-2), signs


def _diagonal_block(space: Space, block: Any) -> tuple[Any, Any]:
    xp = space.xp
    index = xp.arange(block.shape[-1], device=space.device)

    def column(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        j, t, signs = state
        row, at, after = t[..., j, :], index == j, index > j
        sign = _away_from(space, row[..., j])
        pivot = (row[..., j] - sign)[..., None]
        zero = xp.zeros_like(row)
        below = xp.where(after, t[..., :, j] / pivot, zero)
        t = t - below[..., :, None] * xp.where(after, row, zero)[..., None, :]
        # What is left of the diagonal or above it in this column stays.
        new = xp.where(after, below, xp.where(at, pivot, t[..., :, j]))
        t = xp.where(at, new[..., :, None], t)
        return j + 1, t, xp.where(at, sign[..., None], signs)

    start = (0, block, xp.zeros_like(block[..., 0, :]))
    _, block, signs = bounded_while(space, lambda _: True, column, start, limit=block.shape[-1])
    return block, signs


def _away_from(space: Space, p: Any) -> Any:
    """-p/|p| per item, -1 for zero."""
    xp = space.xp
    one = xp.ones_like(p)
    if not space.is_complex:
        return xp.where(p == 0, -one, -xp.sign(p))
    # The modulus of a subnormal number has few digits, and its reciprocal overflows.
    lift = 2.0 ** (-space.smallest_exponent // 2)
    lifted = p * xp.where(xp.abs(p) < 1.0, lift * one, one)
    size = xp.abs(lifted)
    zero = size == 0
    return xp.where(zero, -one, -lifted / xp.where(zero, xp.ones_like(size), size))
