"""What is measured about a result, always on the host in double precision."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...testing import orthogonality, polar_residual

__all__ = ["Quality", "judge"]


class Quality(NamedTuple):
    """How good a computed pair (U, H) is."""

    orthogonality: float  # ||U^H U - I||_2
    residual: float  # ||A - U H||_F / ||A||_F
    smallest: float  # singular value of U
    largest: float

    @property
    def error(self) -> float:
        """The worse of the two errors: what "accuracy" means in this study."""
        return float(np.maximum(self.orthogonality, self.residual))  # NaN wins


def judge(
    a: np.ndarray[Any, Any], unitary: np.ndarray[Any, Any], hermitian: np.ndarray[Any, Any]
) -> Quality:
    """Measure one result; NaN throughout where it is not finite."""
    if not (np.all(np.isfinite(unitary)) and np.all(np.isfinite(hermitian))):
        return Quality(math.nan, math.nan, math.nan, math.nan)
    double = unitary.astype(np.result_type(unitary, "float64"))
    values = np.linalg.svd(double, compute_uv=False)
    return Quality(
        float(orthogonality(unitary)),
        float(polar_residual(a, unitary, hermitian)),
        float(values[-1]),
        float(values[0]),
    )
