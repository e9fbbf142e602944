"""How few coefficients real data need in each dictionary."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ... import haar, omp, orthogonal_dictionary
from .learners import PEER, Learner, OrthogonalLearner, SklearnLearner
from .outcome import Coding
from .samples import Samples
from .tracing import checkpoints

__all__ = ["FROM_COSINES", "FROM_HAAR", "OFFLINE", "coding_error", "steps_of_coding"]

Array = np.ndarray[Any, Any]
COSINES, PRINCIPAL = "cosine transform", "principal components"
FROM_HAAR, FROM_COSINES = "one pass, random start", "one pass from cosines"
OFFLINE = "all rows at hand"
_BATCH = 64
_ALPHAS = (0.01, 0.03, 0.1, 0.3)  # of the spread of a coefficient
_WATCHED = 4  # terms


def steps_of_coding(
    samples: Samples, *, quick: bool, seed: int = 0
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Name and piece of work, to be done in turn; the last one gives the `Coding`."""
    n = samples.learn.shape[1]
    dtype = samples.learn.dtype
    terms = [k for k in (1, 2, 4, 8, 16, 32) if k < n]
    watched = min(_WATCHED, terms[-1])
    looks = checkpoints(len(samples.learn) // _BATCH, 10 if quick else 24)
    dictionaries: dict[str, Array] = {}
    curves: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}

    def fixed() -> None:
        dictionaries[COSINES] = samples.cosines.astype(dtype)
        begin = time.perf_counter()
        principal = np.linalg.eigh(samples.learn.T @ samples.learn)[1].T[::-1]
        seconds[PRINCIPAL] = time.perf_counter() - begin
        dictionaries[PRINCIPAL] = np.ascontiguousarray(principal)

    def online(name: str, learner: Learner) -> None:
        curves[name], seconds[name] = _passed(samples, learner, looks, watched)
        dictionaries[name] = learner.atoms()

    def offline() -> None:
        begin = time.perf_counter()
        found = orthogonal_dictionary(samples.learn, rng=seed)
        seconds[OFFLINE] = time.perf_counter() - begin
        dictionaries[OFFLINE] = found.dictionary

    def peer() -> None:
        spread = float(np.linalg.norm(samples.learn) / np.sqrt(samples.learn.size))
        best = np.inf
        for alpha in _ALPHAS[2:3] if quick else _ALPHAS:
            learner = SklearnLearner(start, alpha * spread * np.sqrt(n), _BATCH)
            errors, spent = _passed(samples, learner, looks, watched)
            if errors[-1] < best:
                best = errors[-1]
                curves[PEER], seconds[PEER] = errors, spent
                dictionaries[PEER] = learner.atoms()

    start = haar(n, rng=seed, dtype=dtype)
    yield "fixed transforms", fixed
    yield FROM_HAAR, lambda: online(FROM_HAAR, OrthogonalLearner(start))
    yield FROM_COSINES, lambda: online(FROM_COSINES, OrthogonalLearner(dictionaries[COSINES]))
    yield OFFLINE, offline
    yield PEER, peer
    yield (
        "codes",
        lambda: Coding(
            samples.name,
            samples.title,
            (len(samples.learn), len(samples.held_out)),
            terms,
            {
                name: [coding_error(samples.held_out, atoms, k, name == PEER) for k in terms]
                for name, atoms in dictionaries.items()
            },
            watched,
            [_BATCH * look for look in looks],
            curves,
            seconds,
            {name: _most_used(samples.held_out, a) for name, a in dictionaries.items()},
        ),
    )


def coding_error(rows: Array, atoms: Array, terms: int, pursue: bool) -> float:
    """||Y - Y_k|| / ||Y||, with pursuit for atoms that are not orthonormal."""
    if pursue:
        length = np.linalg.norm(atoms, axis=1)
        used = atoms[length > 0] / length[length > 0, None]
        left = np.linalg.norm(omp(rows, used, n_nonzero=terms).residual_norm)
        return float(left / np.linalg.norm(rows))
    smallest = np.partition(np.abs(rows @ atoms.T), -terms, axis=1)[:, :-terms]
    return float(np.linalg.norm(smallest) / np.linalg.norm(rows))


def _most_used(rows: Array, atoms: Array) -> Array:
    """The atoms in the order of the energy of their coefficients."""
    use = np.linalg.norm(rows @ atoms.T, axis=0) / np.maximum(np.linalg.norm(atoms, axis=1), 1e-300)
    most: Array = atoms[np.argsort(-use)]
    return most


def _passed(
    samples: Samples, learner: Learner, looks: list[int], terms: int
) -> tuple[list[float], float]:
    """One pass; errors on the held-out rows on the way, and the seconds of the updates."""
    errors, spent = [], 0.0
    for step in range(1, looks[-1] + 1):
        rows = samples.learn[(step - 1) * _BATCH : step * _BATCH]
        begin = time.perf_counter()
        learner.update(rows)
        spent += time.perf_counter() - begin
        if step in looks:
            pursue = isinstance(learner, SklearnLearner)
            errors.append(coding_error(samples.held_out, learner.atoms(), terms, pursue))
    return errors, spent
