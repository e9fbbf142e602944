"""What is to be found: a hidden rotation, reflection or frame between two views of real data.

The rows of X are samples. In the axes of its principal components, scaled to ||X||_F = 1, the loss

    f(Q) = ||X Q - X Q*||_F^2 = sum_i sigma_i^2 ||row i of (Q - Q*)||^2

needs the singular values alone. It is zero at the planted Q* and nowhere else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ... import haar
from ..failure import Failure
from ..matrices import Problem

__all__ = ["Task", "tasks_for"]

Array = np.ndarray[Any, Any]


class Task(NamedTuple):
    """One hidden matrix."""

    name: str
    title: str
    weights: Array  # sigma_i^2 as a column, descending, of sum 1
    target: Array  # (n, k), orthonormal columns
    start: Array  # (n, k), of the determinant of the target
    floor: float | None = None  # least loss of the rotations, where the target is none

    def loss(self, q: Array) -> tuple[float, Array]:
        """F and its Euclidean gradient."""
        difference = q - self.target
        weighted = self.weights * difference
        return float(np.vdot(weighted, difference)), 2.0 * weighted

    @property
    def rounding(self) -> float:
        """A loss of this size is rounding of Q."""
        return float((self.target.shape[0] * np.finfo(self.target.dtype).eps) ** 2)

    @property
    def condition(self) -> float:
        """Ratio of the largest to the smallest curvature of f among all matrices."""
        return float(self.weights[0, 0] / self.weights[-1, 0])


def tasks_for(problem: Problem, *, components: int, columns: int, seed: int = 0) -> list[Task]:
    """The same data turned in three ways."""
    rng = np.random.default_rng(seed)
    matrix = problem.matrix
    n = min(components, *matrix.shape)
    centred = matrix.astype(np.float64)
    centred = centred / np.max(np.abs(centred))
    centred -= centred.mean(axis=0)
    values = np.linalg.svd(centred, compute_uv=False)[:n]
    # Directions without any data would let Q* hide.
    n = int(np.count_nonzero(values > 1e-6 * max(values[0], 1e-300)))
    if n < 2:
        raise Failure(f"{problem.name}: expected at least 2 principal components, got {n}")
    weights = values[:n, None] ** 2
    weights /= weights.sum()
    dtype, k = matrix.dtype, min(columns, n - 1)
    weights = weights.astype(dtype)
    turned = np.eye(n, dtype=dtype)
    turned[-1, -1] = -1.0
    return [
        Task(
            "rotation", f"Rotation {n} × {n}", weights,
            haar(n, determinant=1, rng=rng, dtype=dtype), np.eye(n, dtype=dtype),
        ),
        # The nearest rotation misses the weakest direction by a reflection.
        Task(
            "reflection", f"Reflection {n} × {n}, determinant −1", weights,
            haar(n, determinant=-1, rng=rng, dtype=dtype), turned, 4.0 * float(weights[-1, 0]),
        ),
        Task(
            "frame", f"Frame {n} × {k}", weights,
            haar(n, k, rng=rng, dtype=dtype), np.eye(n, k, dtype=dtype),
        ),
    ]  # fmt: skip
