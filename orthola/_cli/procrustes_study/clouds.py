"""Pairs of point clouds made of real data: the same points, and turned by a known matrix."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ... import haar
from ..failure import Failure
from ..matrices import Problem

__all__ = ["Pair", "components", "embedded", "offset", "shaped", "triplets"]

Array = np.ndarray[Any, Any]
_NOISE = 1e-3  # of the size of the cloud


class Pair(NamedTuple):
    """Points and their images: b ~ a @ rotation."""

    a: Array
    b: Array
    rotation: Array


def shaped(problem: Problem, n: int, condition: float, *, noise: bool, seed: int = 0) -> Pair:
    """Principal components 1 to n of the data, each rescaled so that the cloud is so flat."""
    turn, rotation = (haar(n, rng=_drawn(seed, which), determinant=1) for which in (0, 1))
    # V in A = U diag(s) V^T, so that no axis is special.
    a = (components(problem, n) * np.geomspace(1.0, 1.0 / condition, n)) @ turn
    return _turned(a, rotation, noise=noise, seed=seed)


def offset(problem: Problem, n: int, distance: float, *, seed: int = 0) -> Pair:
    """A round cloud of size 1, so far away from the origin; its image likewise."""
    pair = shaped(problem, n, 1.0, noise=True, seed=seed)
    size = np.linalg.norm(pair.a) / np.sqrt(pair.a.shape[0])
    a = pair.a / size + distance
    return Pair(a, pair.b / size - distance, pair.rotation)


def embedded(problem: Problem, width: int, *, seed: int = 0) -> Pair:
    """Random features of the data and the same in turned axes, as two encoders might give them."""
    scores = components(problem, min(16, *problem.matrix.shape))
    weights = _drawn(seed, 0).standard_normal((scores.shape[1], width))
    features = np.tanh(scores * np.sqrt(scores.shape[0]) @ weights)
    return _turned(features, haar(width, rng=_drawn(seed, 1)), noise=True, seed=seed)


def triplets(problem: Problem, count: int, points: int = 20, *, seed: int = 0) -> Pair:
    """A stack of small clouds in space: points drawn from three principal components."""
    scores = components(problem, 3)
    rows = _drawn(seed, 0).integers(scores.shape[0], size=(count, points))
    turns = haar(3, shape=count, rng=_drawn(seed, 1), determinant=1)
    return _turned(scores[rows], turns, noise=True, seed=seed)


def components(problem: Problem, n: int) -> Array:
    """Left singular vectors of the centred data: orthonormal columns."""
    x = problem.matrix.astype(np.float64)
    x = x / np.max(np.abs(x))
    left, values, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    rank = int(np.count_nonzero(values > 1e-10 * max(values[0], 1e-300)))
    if rank < n:
        raise Failure(
            f"{problem.name}: expected points that fill at least {n} dimensions, got {rank}"
        )
    components: Array = left[:, :n]
    return components


def _turned(a: Array, rotation: Array, *, noise: bool, seed: int) -> Pair:
    b = a @ rotation
    if noise:
        size = _NOISE * np.linalg.norm(a) / np.sqrt(a.size)
        b = b + size * _drawn(seed, 2).standard_normal(b.shape)
    return Pair(a, b, rotation)


def _drawn(seed: int, which: int) -> np.random.Generator:
    return np.random.default_rng([seed, which])
