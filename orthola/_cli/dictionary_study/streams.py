"""Streams of sparse samples whose dictionary is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ... import haar, skew_exp

__all__ = ["Stream"]

Array = np.ndarray[Any, Any]
_OUTLIER = 5.0  # standard deviations of the entries of a row that is no sparse sample


@dataclass(frozen=True)
class Stream:
    """Rows ``x D + noise``: D orthogonal, entries of x Gaussian with probability theta, else 0."""

    n: int
    theta: float
    noise: float = 0.0  # standard deviation
    outliers: float = 0.0  # share of the rows that are dense and large instead
    drift: float = 0.0  # root mean square angle by which the atoms turn with every mini-batch
    seed: int = 0
    dtype: str = "float64"

    @cached_property
    def dictionary(self) -> Array:
        """The atoms at the start."""
        atoms: Array = haar(self.n, rng=np.random.default_rng([self.seed, 0]))
        return atoms

    @cached_property
    def start(self) -> Array:
        """A start for every learner."""
        atoms: Array = haar(self.n, rng=np.random.default_rng([self.seed, 1]), dtype=self.dtype)
        return atoms

    def batches(self, samples: int, batch: int) -> Iterator[tuple[Array, Array]]:
        """Mini-batches with the atoms of each, the same ones for every learner."""
        rng = np.random.default_rng([self.seed, 2])
        atoms, turn = self.dictionary, self._turn()
        for _ in range(samples // batch):
            yield self._rows(rng, batch, atoms), atoms
            atoms = atoms if turn is None else atoms @ turn

    def held_out(self, rows: int) -> Array:
        """Rows of the atoms at the start that no learner sees."""
        return self._rows(np.random.default_rng([self.seed, 3]), rows, self.dictionary)

    def _rows(self, rng: np.random.Generator, rows: int, atoms: Array) -> Array:
        shape = rows, self.n
        codes = rng.standard_normal(shape) * (rng.random(shape) < self.theta)
        y = codes @ atoms
        if self.noise:
            y += self.noise * rng.standard_normal(shape)
        if self.outliers:
            strange = rng.random(rows) < self.outliers
            y[strange] = _OUTLIER * rng.standard_normal((int(strange.sum()), self.n))
        return y.astype(self.dtype)

    def _turn(self) -> Array | None:
        if not self.drift:
            return None
        x = np.random.default_rng([self.seed, 4]).standard_normal((self.n, self.n))
        skew = x - x.T
        # A row of a skew matrix is the velocity of that atom.
        turn: Array = skew_exp(skew * (self.drift * np.sqrt(self.n) / np.linalg.norm(skew)))
        return turn
