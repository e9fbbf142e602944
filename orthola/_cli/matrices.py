"""A matrix that a study is about, and the real data that comes with scikit-learn."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .failure import Failure, needed

__all__ = ["Problem", "datasets", "handwritten_digits", "named"]


class Problem(NamedTuple):
    """One matrix, on the host."""

    name: str  # short, fit for a file name
    title: str
    matrix: np.ndarray[Any, Any]

    def as_json(self) -> dict[str, Any]:
        """What a report says about it."""
        shape, dtype = list(self.matrix.shape), self.matrix.dtype.name
        return {"name": self.name, "title": self.title, "shape": shape, "dtype": dtype}

    def require(self, rows: int, columns: int, words: str) -> None:
        """A `Failure` where it is smaller than that; `words` say what its rows and columns are."""
        m, n = self.matrix.shape
        if m < rows or n < columns:
            raise Failure(
                f"{self.name}: expected at least {rows} × {columns} {words}, got {m} × {n}"
            )


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
