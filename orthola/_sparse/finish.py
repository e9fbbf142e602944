"""What follows the search: coefficients from the triangular factor, and the true residual."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.errors import Status
from .._core.linalg import conjugate
from .._core.space import Space
from .._core.triangular import solve_triangular
from .problem import take_rows

__all__ = [
    "Codes", "Factors",
    "improved", "outcome", "padded_solution", "square_of", "sum_of_squares",
    "support_factors", "true_residual",
]  # fmt: skip


class Codes(NamedTuple):
    """What a pursuit returns: the fields of `orthola.OMPResult`."""

    indices: Any  # (B, K), -1 beyond the atoms in use
    coefficients: Any  # (B, K), 0 there
    n_active: Any  # (B,)
    residual_norm: Any  # (B,)
    status: Any  # (B,) int32


def square_of(space: Space, x: Any) -> Any:
    """|x|^2 of every entry, real."""
    xp = space.xp
    return xp.real(x) ** 2 + xp.imag(x) ** 2 if space.is_complex else x * x


def sum_of_squares(space: Space, x: Any) -> Any:
    """||x||^2 along the last axis."""
    return space.xp.sum(square_of(space, x), axis=-1)


def padded_solution(space: Space, factor: Any, rhs: Any) -> Any:
    """X with R x = b; padding has ones on the diagonal of R and zeros in b."""
    return solve_triangular(space, factor, rhs[:, :, None], lower=False)[:, :, 0]


def improved(space: Space, signals: Any, dictionary: Any, indices: Any, factor: Any, x: Any) -> Any:
    """X corrected once from the data: dx = R^-1 R^-H conj(A_S) (y - x A_S).

    This makes the triangular factor of a Gram matrix as good as one from QR (corrected
    seminormal equations: A. Bjoerck, doi:10.1016/0024-3795(87)90101-7).
    """
    xp = space.xp
    r = true_residual(space, signals, dictionary, indices, x)
    parts = []
    for t in range(x.shape[1]):
        atoms = take_rows(space, dictionary, indices[:, t])
        parts.append(xp.sum(conjugate(xp, atoms) * r, axis=-1))
    left = xp.stack(parts, axis=-1)
    left = xp.where(indices >= 0, left, xp.zeros_like(left))
    left = solve_triangular(space, factor, left[:, :, None], lower=False, adjoint=True)
    return x + padded_solution(space, factor, left[:, :, 0])


def true_residual(space: Space, signals: Any, dictionary: Any, indices: Any, x: Any) -> Any:
    """Y - x A_S, atom by atom: (B, K, M) is never an intermediate. Padding has x = 0."""
    r = signals
    for t in range(x.shape[1]):
        r = r - x[:, t, None] * take_rows(space, dictionary, indices[:, t])
    return r


def outcome(space: Space, tolerances: Any | None, met: Any, exhausted: Any) -> Any:
    """Status per signal; a tolerance of 0 is none."""
    xp = space.xp
    codes = xp.zeros_like(exhausted, dtype=xp.int32)
    full = codes + int(Status.EXHAUSTED)
    if tolerances is None:
        return xp.where(exhausted, full, codes)
    short = xp.where(tolerances > 0, codes + int(Status.TOLERANCE_NOT_MET), codes)
    return xp.where(met, codes, xp.where(exhausted, full, short))


class Factors(NamedTuple):
    """A_S^T = Q R, with directions outside the data for the padding."""

    q: Any  # (B, M, K)
    r: Any  # (B, K, K) upper, regular
    used: Any  # (B, K)


def support_factors(space: Space, dictionary: Any, indices: Any) -> Factors:
    """Orthonormal bases of the supports, by Householder QR of the atoms themselves."""
    xp = space.xp
    used = indices >= 0
    atoms = take_rows(space, dictionary, indices)
    atoms = xp.where(used[:, :, None], atoms, xp.zeros_like(atoms))
    eye = xp.eye(indices.shape[1], dtype=atoms.dtype, device=space.device)
    padding = xp.where(used[:, :, None], xp.zeros_like(eye), eye)
    tall = xp.matrix_transpose(xp.concat([atoms, padding], axis=2))
    q, r = xp.linalg.qr(tall)
    return Factors(q[:, : dictionary.shape[1], :], r, used)
