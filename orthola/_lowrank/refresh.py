"""Squares added up in a basis of the first samples: small singular values keep their digits.

With Z = Q^H A, the rounding of H = sum Z Z^H is relative to sqrt(H_ii H_jj). Where Q nearly
diagonalises, H = D C D with a well conditioned C of unit diagonal, and the Cholesky factor of C
gives singular values of D chol(C) that are right in proportion to each. J. Demmel, K. Veselic,
doi:10.1137/0613074. Where C gets ill conditioned, the samples so far become a triangle, in time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .._core.blas import lower_cholesky, routines
from .._core.linalg import adjoint
from .._core.loops import bounded_while
from .._core.space import Space, resolve
from .._core.triangular import solve_triangular
from .appending import Part, counted, rounding
from .exact import appended_rows
from .stack import orthonormal, small_svd
from .state import Flag, SVDConfig, SVDState

__all__ = ["as_triangle", "decomposition", "grown", "scaled_halves", "triangular", "with_room"]

_AT_ONCE = 512  # columns per product: sums of products stay short
_SURE = 1e-6  # relative uncertainty of squares from which on a triangle is better


def grown(space: Space, config: SVDConfig, state: SVDState, part: Part) -> SVDState:
    """With columns (d, n), Fortran-ordered, that may be overwritten; NumPy."""
    d, n = part.columns.shape
    basis, h = _halves(state.factor)
    if _is_turned(np, state.factor):
        new = h.copy(order="F")
        fn = routines(new.dtype)
        z = fn.gemm(1.0, basis, part.columns, trans_a=2 if fn.complex else 1)
        for start in range(0, n, _AT_ONCE):
            piece = np.asfortranarray(z[:, start : start + _AT_ONCE])
            new = fn.rank_k(1.0, piece, beta=1.0, c=new, lower=1, overwrite_c=1)
        new = np.tril(new) + np.tril(new, -1).conj().T
        if float(_uncertain(space, state, new, n)[0]) < _SURE:
            # A rounded product, a basis orthonormal to rounding: errors of these columns alone.
            own = 2.0 * rounding(space, d, part.energy)
            part = part._replace(allowance=part.allowance + own)
            factor = np.concatenate([basis, new], axis=1)
            return counted(space, state._replace(factor=factor), part, 0.0, 0.0)
        flags = state.flags | np.asarray(int(Flag.FOLDED), state.flags.dtype)
        state = triangular(space, state)._replace(flags=flags)
        basis, h = _halves(state.factor)
    step = rounding(space, n + d, state.energy + part.energy)
    triangle = appended_rows(basis, np.array(part.columns.conj().T, order="F"))
    state = counted(space, state, part, step, 0.0)
    enough = int(state.columns) + n >= 2 * d and bool(np.max(np.abs(triangle)) ** 2 > 0)
    if int(state.flags) & int(Flag.FOLDED) or not enough:
        return state._replace(factor=np.concatenate([triangle, h], axis=1))
    u, s = small_svd(space, triangle)
    factor = np.concatenate([orthonormal(np, u), np.diag(s**2).astype(u.dtype)], axis=1)
    return state._replace(
        factor=factor, allowance=state.allowance + rounding(space, d, state.energy)
    )


def triangular(space: Space, state: SVDState) -> SVDState:
    """The same with a factor [R^H, 0]; its rounding is counted."""
    return bounded_while(
        space,
        lambda s: _is_turned(space.xp, s.factor),
        lambda s: _folded(space, s),
        state,
        limit=1,
    )


def as_triangle(space: Space, config: SVDConfig, state: SVDState) -> tuple[SVDConfig, SVDState]:
    """Config and state of the engine that keeps a triangle."""
    state = triangular(space, state)
    return replace(config, engine="exact-r"), state._replace(factor=_halves(state.factor)[0])


def with_room(space: Space, state: SVDState) -> SVDState:
    """A state of that engine as one of this."""
    factor = space.xp.concat([state.factor, space.xp.zeros_like(state.factor)], axis=1)
    return state._replace(factor=factor)


def decomposition(space: Space, state: SVDState) -> tuple[Any, Any, Any, SVDState]:
    """(vectors, singular values, relative uncertainty of their squares, state)."""
    xp = space.xp
    zero = xp.zeros_like(state.energy)
    if not space.eager or not bool(_is_turned(xp, state.factor)):
        state = triangular(space, state)
        vectors, sigma = small_svd(space, _halves(state.factor)[0])
        return vectors, sigma, zero, state
    basis, h = _halves(state.factor)
    uncertain, scale, lower = _uncertain(space, state, h)
    u, sigma = small_svd(space, xp.astype(scale[:, None], lower.dtype) * lower)
    return basis @ u, sigma, uncertain, state


def scaled_halves(factor: Any, plain: Any, squared: Any) -> Any:
    """The factor of data times a number: a triangle goes with it, H with its square."""
    space, _ = resolve("orthola", factor)
    xp = space.xp
    first, second = _halves(factor)
    after = squared(second)
    # Without squares the other half is a triangle: that of squares which vanished is zero.
    basis = xp.where(xp.max(xp.abs(after)) > 0, first, xp.zeros_like(first))
    first = xp.where(_is_turned(xp, factor), basis, plain(first))
    return xp.concat([first, after], axis=1)


def _halves(factor: Any) -> tuple[Any, Any]:
    d = factor.shape[0]
    return factor[:, :d], factor[:, d:]


def _is_turned(xp: Any, factor: Any) -> Any:
    """Whether there is a basis and H, not a triangle."""
    d = factor.shape[0]
    return xp.max(xp.abs(factor[:, d:])) > 0


def _folded(space: Space, state: SVDState) -> SVDState:
    """Q H Q^H as R^H R: H = D L L^H D, known up to D L (I + Y) with small Y."""
    xp = space.xp
    basis, h = _halves(state.factor)
    uncertain, scale, lower = _uncertain(space, state, h)
    rows = adjoint(xp, basis @ (xp.astype(scale[:, None], lower.dtype) * lower))
    triangle = adjoint(xp, xp.linalg.qr(rows)[1])
    steps = 3.0 * rounding(space, basis.shape[0], state.energy)
    steps = steps + uncertain * xp.sqrt(state.energy)
    factor = xp.concat([triangle, xp.zeros_like(h)], axis=1)
    return state._replace(factor=factor, allowance=state.allowance + steps)


def _uncertain(space: Space, state: SVDState, h: Any, more: int = 0) -> tuple[Any, Any, Any]:
    """(relative uncertainty of squares, D, L) with H = D L L^H D, and `more` columns to be counted.

    All entries of C are known to gamma, so those of L^-1 dC L^-H are at most gamma times the
    squared norm of row sums of abs(L^-1). Infinite where H has no such factor.
    """
    xp, kind = space.xp, state.energy.dtype
    d = h.shape[0]
    index = xp.arange(d, device=space.device)
    on = index[:, None] == index[None, :]
    zero, one = xp.zeros_like(h), xp.ones_like(h)
    diagonal = xp.sum(xp.where(on, h, zero), axis=1)
    scale = xp.sqrt(xp.real(diagonal) if space.is_complex else diagonal)
    inverse = xp.astype(1.0 / xp.where(scale > 0, scale, xp.ones_like(scale)), h.dtype)
    lower = _cholesky(space, xp.where(on, one, h * inverse[:, None] * inverse[None, :]))
    if lower is None:
        return xp.full_like(state.energy, float("inf")), scale, one
    inside = xp.abs(solve_triangular(space, lower, xp.where(on, one, zero), lower=True))
    squares = xp.astype(xp.sum(xp.sum(inside, axis=1) ** 2), kind)
    # Products of 512 columns, sums of those, forgetting, and the factorisation.
    terms = _AT_ONCE + (xp.astype(state.columns, kind) + more) / _AT_ONCE + 2.0 * d + 8.0
    terms = terms + 4.0 * xp.astype(state.position, kind)
    return (4.0 if space.is_complex else 1.0) * space.eps * terms * squares, scale, lower


def _cholesky(space: Space, c: Any) -> Any | None:
    """L with L L^H = C, or None; what other libraries get was positive definite in NumPy."""
    if space.name != "numpy":
        return space.xp.linalg.cholesky(c)
    lower = lower_cholesky(np.array(c, order="F"))
    return None if lower is None else np.tril(lower)
