"""The contenders: orthola with its options, and the two functions of SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.transform import Rotation

from ... import Status, procrustes

__all__ = ["Answer", "Solver", "aligned", "centred", "fitted", "schoenemann"]

Array = np.ndarray[Any, Any]


class Answer(NamedTuple):
    """What a solver says."""

    rotation: Array  # (..., n, n)
    status: Any = Status.OK  # SciPy has none

    @property
    def sure(self) -> bool:
        """Whether it holds every rotation to be determined by the points."""
        return bool(np.all(np.asarray(self.status) == Status.OK))


Solver = Callable[[Array, Array], Answer]  # of points and images


def fitted(**options: Any) -> Solver:
    """`orthola.procrustes`, for one pair or a stack."""

    def solve(a: Array, b: Array) -> Answer:
        transform, _, _, status = procrustes(a, b, **options)
        return Answer(transform.rotation, status)

    return solve


def schoenemann(a: Array, b: Array) -> Answer:
    """`scipy.linalg.orthogonal_procrustes`, in a loop over a stack."""
    if a.ndim == 3:
        return _looped(schoenemann, a, b)
    return Answer(orthogonal_procrustes(a, b)[0])


def aligned(a: Array, b: Array) -> Answer:
    """`Rotation.align_vectors` of SciPy, which rotates columns, in a loop over a stack."""
    if a.ndim == 3:
        return _looped(aligned, a, b)
    return Answer(Rotation.align_vectors(b, a)[0].as_matrix().T)


def centred(solve: Solver) -> Solver:
    """A solver without translation, given points whose means are taken off before."""
    return lambda a, b: solve(a - a.mean(axis=0), b - b.mean(axis=0))


def _looped(solve: Solver, a: Array, b: Array) -> Answer:
    return Answer(np.stack([solve(*pair).rotation for pair in zip(a, b, strict=True)]))
