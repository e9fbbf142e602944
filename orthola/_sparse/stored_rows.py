"""The form with a Gram matrix: rows W[t, n] = <q_t, a_n> are kept, so d is known for every atom.

Row t costs t + 1 multiply-adds per atom, N k^2/2 in all (Rubinstein, Zibulevsky and Elad 2008,
Technion CS-2008-08, with the rows stored). The new column of R is read off, never solved for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import conjugate
from .._core.space import Space
from .finish import improved, padded_solution, sum_of_squares, true_residual
from .problem import Problem, put, span, take_rows

__all__ = ["StoredRows"]


class _Piece(NamedTuple):
    nu2: Any  # (B,) squared norm of what is left of the atom
    column: Any  # (B, t) coordinates of the atom in the basis so far


class StoredRows:
    """How `orthola._sparse.greedy` gets the rows W, from the Gram matrix."""

    def __init__(self, space: Space, problem: Problem, k_max: int) -> None:
        self.space, self.problem, self.k_max = space, problem, k_max

    @property
    def atom_tile(self) -> int:
        """Atoms to a tile: all of them, as the Gram matrix holds all."""
        return int(self.problem.gram.shape[0])

    def start(self) -> Any:
        """W, (B, K, N)."""
        y, n = self.problem.signals, self.problem.gram.shape[0]
        return self.space.xp.zeros(
            (y.shape[0], self.k_max, n), dtype=y.dtype, device=self.space.device
        )

    def split(self, t: Any, choice: Any, w: Any) -> _Piece:
        """The chosen atoms in the basis so far: l_i = <q_i, a_j> = W[i, j]."""
        xp, index = self.space.xp, choice.index[:, None, None]
        column = xp.take_along_axis(w[:, span(t), :], index, axis=2)[:, :, 0]
        return _Piece(choice.d, column)

    def extend(self, t: Any, choice: Any, piece: _Piece, nu: Any, active: Any, w: Any) -> Any:
        """W with row t, that row as tiles, and beta = <q_t, r>; zero where not active."""
        xp, space = self.space.xp, self.space
        row = take_rows(space, self.problem.gram, choice.index)
        if not isinstance(t, int) or t > 0:
            l = conjugate(xp, piece.column)
            row = row - (l[:, None, :] @ w[:, span(t), :])[:, 0, :]
        row = xp.where(active[:, None], row / nu[:, None], xp.zeros_like(row))
        beta = xp.where(active, choice.c / nu, xp.zeros_like(choice.c))
        return put(w, t, row), (row,), beta

    def solved(self, state: Any) -> Any:
        """Coefficients, improved from the data."""
        x = padded_solution(self.space, state.factor, state.rhs)
        y, a = self.problem.signals, self.problem.dictionary
        return improved(self.space, y, a, state.indices, state.factor, x)

    def residual_square(self, state: Any) -> Any:
        """||y - x A_S||^2 from the data: the recursion for it loses digits."""
        y, a = self.problem.signals, self.problem.dictionary
        r = true_residual(self.space, y, a, state.indices, self.solved(state))
        return sum_of_squares(self.space, r)
