"""The approximate factor beside the exact one: `orthogonalize` and the interval it states."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._polar.orthogonalize import orthogonalize
from ..._polar.schedules import schedule
from ..backends import Backend

__all__ = ["LOWER_BOUND", "Approximation", "approximate"]

LOWER_BOUND = 1e-3
_STEPS = range(1, 9)


class Approximation(NamedTuple):
    """Singular values after a number of steps."""

    steps: int
    interval: tuple[float, float]  # stated by the schedule for sigma >= LOWER_BOUND ||A||_F
    covered: tuple[float, float] | None  # range of the singular values that it speaks of
    below: tuple[float, float] | None  # range of the others


def approximate(matrix: np.ndarray[Any, Any], backend: Backend) -> list[Approximation]:
    """Images of the singular values, paired with those of the matrix."""
    a = backend.asarray(matrix)
    double = matrix.astype(np.result_type(matrix, "float64"))
    p, s, qh = np.linalg.svd(double, full_matrices=False)
    covered = s >= LOWER_BOUND * np.linalg.norm(s)
    found = []
    for steps in _STEPS:
        call = backend.compiled(lambda x, k=steps: orthogonalize(x, steps=k))
        x = backend.to_host(call(a))
        # Singular vectors are kept, so this is the image of each singular value, in order.
        image = np.einsum("ik,ij,kj->k", p.conj(), x, qh.conj()).real
        interval = schedule("polar-express", steps=steps, lower_bound=LOWER_BOUND).interval
        found.append(
            Approximation(steps, interval, _range(image[covered]), _range(image[~covered]))
        )
    return found


def _range(values: np.ndarray[Any, Any]) -> tuple[float, float] | None:
    return (float(values.min()), float(values.max())) if values.size else None
