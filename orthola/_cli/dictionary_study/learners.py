"""Who learns: orthola, and scikit-learn's online learner on the same mini-batches."""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np

from ... import dictionary_init, dictionary_result, dictionary_update
from ..failure import needed

__all__ = ["ALPHAS", "PEER", "Learner", "OrthogonalLearner", "SklearnLearner"]

Array = np.ndarray[Any, Any]
PEER = "MiniBatchDictionaryLearning"
ALPHAS = (0.1, 0.2, 0.3, 0.5)  # penalties among which the peer's best is chosen


class Learner(Protocol):
    """Takes mini-batches one by one."""

    def update(self, rows: Array) -> None:
        """Learn from these."""

    def atoms(self) -> Array:
        """What has been learned: atoms in rows."""


class OrthogonalLearner:
    """`orthola.dictionary_update`, one call for each mini-batch."""

    def __init__(self, start: Array, **options: Any) -> None:
        self._state = dictionary_init(
            len(start), init=start, dtype=start.dtype, rng=0, **options
        )  # fmt: skip

    @property
    def iterate(self) -> Array:
        """The point of the ball that it is at."""
        iterate: Array = self._state.iterate
        return iterate

    def update(self, rows: Array) -> None:
        """Learn from these."""
        self._state = dictionary_update(self._state, rows)

    def atoms(self) -> Array:
        """What has been learned, refined."""
        atoms: Array = dictionary_result(self._state).dictionary
        return atoms


class SklearnLearner:
    """`MiniBatchDictionaryLearning.partial_fit` with coordinate descent, its fast algorithm."""

    def __init__(self, start: Array, alpha: float, batch: int) -> None:
        decomposition = needed("sklearn.decomposition", "the comparison")
        self._ignored = needed("sklearn.exceptions", "the comparison").ConvergenceWarning
        self._model = decomposition.MiniBatchDictionaryLearning(
            len(start), alpha=alpha, batch_size=batch, fit_algorithm="cd",
            dict_init=start, random_state=0,
        )  # fmt: skip

    def update(self, rows: Array) -> None:
        """Learn from these."""
        with warnings.catch_warnings():
            # In single precision its inner solver rarely meets its own tolerance.
            warnings.simplefilter("ignore", self._ignored)
            self._model.partial_fit(rows)

    def atoms(self) -> Array:
        """What has been learned."""
        atoms: Array = self._model.components_
        return atoms
