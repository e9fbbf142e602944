"""The form without a Gram matrix: an orthonormal basis and the residual are kept.

One product B x M x N per step, tile by tile of atoms, gives <q_t, a_n> for all atoms: with it the
correlations and what is left of every atom are updated. The new direction is orthogonalised
twice, so it is orthonormal to rounding, however dependent the atom is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import conjugate
from .._core.space import Space
from .finish import padded_solution, sum_of_squares
from .problem import Problem, put, span, take_rows

__all__ = ["ResidualForm"]


class _Rows(NamedTuple):
    basis: Any  # Q, (B, K, M)
    residual: Any  # (B, M)


class _Piece(NamedTuple):
    nu2: Any
    column: Any
    rest: Any  # (B, M), the atom without its part in the basis


class ResidualForm:
    """How `orthola._sparse.greedy` gets the rows W, from the data."""

    def __init__(self, space: Space, problem: Problem, k_max: int, atom_tile: int) -> None:
        self.space, self.problem, self.k_max = space, problem, k_max
        self.atom_tile = max(atom_tile, 1)

    def start(self) -> _Rows:
        """An empty basis; the residual is the signal."""
        y = self.problem.signals
        basis = self.space.xp.zeros(
            (y.shape[0], self.k_max, y.shape[1]), dtype=y.dtype, device=self.space.device
        )
        return _Rows(basis, y)

    def split(self, t: Any, choice: Any, rows: _Rows) -> _Piece:
        """The chosen atoms in the basis so far, and what is left of them."""
        space = self.space
        basis = rows.basis[:, span(t), :]
        v = take_rows(space, self.problem.dictionary, choice.index)
        column = space.xp.zeros_like(basis[:, :, 0])
        for _ in range(2):  # Kahan and Parlett: twice is enough
            part = (conjugate(space.xp, basis) @ v[:, :, None])[:, :, 0]
            v = v - (part[:, None, :] @ basis)[:, 0, :]
            column = column + part
        return _Piece(sum_of_squares(space, v), column, v)

    def extend(self, t: Any, choice: Any, piece: _Piece, nu: Any, active: Any, rows: _Rows) -> Any:
        """The basis with q_t, row t of W as tiles, and beta = <q_t, r>; zero where not active."""
        xp = self.space.xp
        q = xp.where(active[:, None], piece.rest / nu[:, None], xp.zeros_like(piece.rest))
        row = conjugate(xp, q)
        beta = xp.sum(row * rows.residual, axis=-1)
        a, tiles = self.problem.dictionary, []
        for start in range(0, a.shape[0], self.atom_tile):
            stop = min(start + self.atom_tile, a.shape[0])
            tiles.append(row @ xp.matrix_transpose(a[start:stop, :]))
        after = _Rows(put(rows.basis, t, q), rows.residual - beta[:, None] * q)
        return after, tuple(tiles), beta

    def solved(self, state: Any) -> Any:
        """Coefficients: R comes from an orthogonalisation."""
        return padded_solution(self.space, state.factor, state.rhs)

    def residual_square(self, state: Any) -> Any:
        """||r||^2."""
        return sum_of_squares(self.space, state.rows.residual)
