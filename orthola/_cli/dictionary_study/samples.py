"""Real rows to learn from and to be judged on: patches of photographs, or the user's own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..failure import Failure
from ..matrices import Problem
from ..photographs import photographs as pictures
from ..photographs import some_patches

__all__ = ["Samples", "from_problem", "photographs"]

Array = np.ndarray[Any, Any]
_SIDE = 8
_HELD_OUT = 4  # one row in so many


class Samples(NamedTuple):
    """Rows, and the cosine transform that needs no learning."""

    name: str
    title: str
    learn: Array
    held_out: Array
    cosines: Array  # the orthonormal cosine transform of such rows


def photographs(*, quick: bool, dtype: str, seed: int = 0) -> Samples:
    """8 x 8 patches, less their mean, of the two photographs that come with scikit-learn."""
    count = 20_000 if quick else 80_000
    rows = some_patches(pictures(), _SIDE, count, seed=seed).astype(dtype)
    line = _cosines(_SIDE)
    kept = count - count // _HELD_OUT
    title = f"{_SIDE} × {_SIDE} patches of two photographs"
    return Samples("photographs", title, rows[:kept], rows[kept:], np.kron(line, line))


def from_problem(problem: Problem, *, seed: int = 0) -> Samples:
    """Rows of a file in random order; every fourth is held out."""
    matrix = problem.matrix
    m, n = matrix.shape
    kept = m - m // _HELD_OUT
    if n < 2 or kept < 4 * n:
        raise Failure(
            f"{problem.name}: expected at least two columns and six rows for each of them, "
            f"got shape {matrix.shape}"
        )
    rows = matrix[np.random.default_rng(seed).permutation(m)]
    if not rows[:kept].any() or not rows[kept:].any():
        raise Failure(f"{problem.name}: nearly all rows are zero")
    return Samples(problem.name, problem.title, rows[:kept], rows[kept:], _cosines(n))


def _cosines(n: int) -> Array:
    """Rows of the orthonormal cosine transform of order n."""
    from scipy.fft import dct

    transform: Array = dct(np.eye(n), axis=0, norm="ortho")
    return transform
