"""What is coded: patches of photographs, or the rows of the user's files."""

from __future__ import annotations

from math import isqrt
from typing import Any, NamedTuple

import numpy as np

from ..matrices import Problem, named
from ..photographs import photographs, some_patches

__all__ = ["Signals", "photograph_patches", "signals_of"]

Array = np.ndarray[Any, Any]
PATCHES = "patches"
_SIDE = 8
_FEWEST = 16, 4  # rows and columns that a file must have


class Signals(NamedTuple):
    """One data set, in two halves."""

    problem: Problem
    examples: Array  # (., M) rows that atoms are made of
    held_out: Array  # (B, M) rows that are coded
    grid: tuple[int, ...]  # axes of one row: a patch has two


def photograph_patches(*, quick: bool) -> Problem:
    """Patches of 8 x 8 pixels of a temple and a flower."""
    rows = some_patches(photographs(), _SIDE, 1200 if quick else 6000, seed=0)
    return named(PATCHES, "Patches of two photographs, each minus its mean", rows)


def signals_of(problem: Problem, most: int, *, bundled: bool, seed: int) -> Signals:
    """Halves of the rows in a random order, without rows of zeros, at most so many to be coded."""
    rows = problem.matrix[problem.matrix.any(axis=1)]
    problem._replace(matrix=rows).require(*_FEWEST, "signals by features")
    rows = np.random.default_rng(seed).permutation(rows)
    half = rows.shape[0] // 2
    width = rows.shape[1]
    grid = (isqrt(width),) * 2 if bundled else (width,)
    return Signals(problem, rows[half:], rows[:half][:most], grid)
