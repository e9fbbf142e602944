"""A matrix that a study is about, and the real data that comes with scikit-learn."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .failure import needed

__all__ = ["Problem", "datasets", "handwritten_digits", "named"]


class Problem(NamedTuple):
    """One matrix, on the host."""

    name: str  # short, fit for a file name
    title: str
    matrix: np.ndarray[Any, Any]


def named(name: str, title: str, matrix: np.ndarray[Any, Any]) -> Problem:
    """A problem whose title ends in the shape."""
    m, n = matrix.shape
    return Problem(name, f"{title}, {m} × {n}", np.ascontiguousarray(matrix))


def datasets() -> Any:
    """The module of scikit-learn."""
    return needed("sklearn.datasets", "the bundled data")


def handwritten_digits(*, quick: bool) -> Problem:
    """1797 images of 8 x 8 pixels, one in each row; with `quick` the first 300.

    Pixels that no digit ever touches would make the matrix exactly singular: they are left out.
    """
    images = datasets().load_digits().data
    images = images[:300] if quick else images
    title = "300 handwritten digits" if quick else "Handwritten digits"
    return named("digits", title, images[:, images.any(axis=0)])
