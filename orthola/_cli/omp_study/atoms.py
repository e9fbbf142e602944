"""Dictionaries: Gaussian atoms, cosines, rows of the data. All atoms have length 1."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from .signals import Signals

__all__ = ["cosines", "gaussian_atoms", "projected", "sampled"]

Array = np.ndarray[Any, Any]


def gaussian_atoms(count: int, width: int, rng: np.random.Generator) -> Array:
    """Without any structure: the coherence is as small as chance makes it."""
    return _unit(rng.standard_normal((count, width)))


def sampled(signals: Signals, count: int, rng: np.random.Generator) -> Array:
    """Rows of the data, at most so many."""
    examples = signals.examples
    rows = rng.choice(examples.shape[0], size=min(count, examples.shape[0]), replace=False)
    return _unit(examples[rows])


def projected(atoms: Array, measurements: int, rng: np.random.Generator) -> Array:
    """What so many random measurements see of the atoms."""
    return _unit(atoms @ rng.standard_normal((atoms.shape[1], measurements)))


def cosines(grid: tuple[int, ...], count: int) -> Array:
    """Overcomplete cosines along each axis and their products, about so many atoms.

    Frequencies are finer than those of the orthogonal transform; all but the constant have mean 0.
    """
    many = max(round(count ** (1.0 / len(grid))), 1)
    along = []
    for size in grid:
        waves = np.cos(np.pi / many * np.arange(many)[:, None] * (np.arange(size) + 0.5))
        waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
        along.append(_unit(waves))
    return reduce(np.kron, along)


def _unit(atoms: Array) -> Array:
    lengths: Array = np.linalg.norm(atoms, axis=1, keepdims=True)
    return atoms / lengths
