"""`CayleyResult`: what the inverses of the Cayley maps return."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["CayleyResult"]


class CayleyResult(NamedTuple):
    """Coordinates of orthonormal matrices under a Cayley map.

    What `cayley_inverse` and `cayley_frame_inverse` return. Given to the map itself, ``skew`` and
    ``signs`` reproduce the matrix: ``cayley(skew, signs=signs)``.
    """

    skew: Any  # the argument of the map: A, (..., n, n), skew-Hermitian; or X, (..., n, k)
    signs: Any  # D's diagonal, (..., n) or (..., k): 1 and -1, or phases; of the dtype of skew
    status: Any  # integer per item, see orthola.Status
