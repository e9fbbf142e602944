"""A basis that has been turned many times, brought back to orthonormal columns where it drifts.

Each rotation leaves rounding errors of about sqrt(q) / 2 units in U^H U, twice as many where it
takes in as many columns as there are, and they add up. They are measured every few truncations,
and one Newton step to the polar factor removes them.
"""

from __future__ import annotations

import numpy as np

from .._core.blas import routines
from .._core.space import Space
from .state import SVDState

__all__ = ["ALWAYS", "tended"]

_EVERY, _EVERY_WIDE = 8, 4  # truncations between two looks: of few columns, and of many
_WIDE = 32  # columns in one truncation
ALWAYS = _EVERY
_MOST = 40.0  # units of rounding in the norm of U^H U - I; some are to come before the next look


def tended(space: Space, state: SVDState, truncations: int, columns: int = 0) -> SVDState:
    """The state, its basis orthonormal to rounding; NumPy, after so many more truncations.

    `columns` were taken in by each of them.
    """
    r = int(state.rank)
    every = _EVERY_WIDE if columns >= _WIDE else _EVERY
    if r == 0 or int(state.position) % every + truncations < every:
        return state
    u = state.factor[:, :r]
    fn = routines(u.dtype)
    drift = np.tril(fn.rank_k(1.0, u, trans=2 if fn.complex else 1, lower=1))
    np.einsum("ii->i", drift)[...] -= 1.0
    drift += np.tril(drift, -1).conj().T
    if not np.linalg.norm(drift) > _MOST * space.eps:
        return state
    factor = np.array(state.factor, order="F")
    factor[:, :r] = fn.gemm(-0.5, u, drift, beta=1.0, c=factor[:, :r])
    # U S moves by U drift S / 2, where U and its correction have columns of about unit length.
    moved = 0.6 * np.float64(np.linalg.norm(drift * state.sigma[:r]))
    return state._replace(factor=factor, allowance=state.allowance + moved)
