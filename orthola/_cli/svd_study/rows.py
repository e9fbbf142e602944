"""What is streamed: rows in an order that means something, so that the data drift."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..matrices import Problem, datasets, handwritten_digits, named
from ..photographs import photographs

__all__ = ["Stream", "bundled", "stream_of"]

Array = np.ndarray[Any, Any]
_SIDE, _STRIDE = 16, 8
_FEWEST = 32, 8  # rows and columns that a file must have
_MOST_BLOCKS = 32


class Stream(NamedTuple):
    """One data set in blocks of rows."""

    problem: Problem
    blocks: list[Array]  # (b, d) each

    @property
    def features(self) -> int:
        """Length of each row."""
        return int(self.blocks[0].shape[1])

    def joined(self, count: int | None = None) -> Array:
        """The first so many blocks as one matrix."""
        return np.concatenate(self.blocks[:count])

    def again(self, count: int) -> list[Array]:
        """So many blocks: the stream once more from the start where it is at its end."""
        return [self.blocks[i % len(self.blocks)] for i in range(count)]


def bundled(*, quick: bool) -> list[Problem]:
    """Handwritten digits in the order of what they are; strips of photographs, line by line."""
    digits = handwritten_digits(quick=quick)
    order = np.argsort(datasets().load_digits().target[: len(digits.matrix)], kind="stable")
    found = [digits._replace(title=f"{digits.title}, by digit", matrix=digits.matrix[order])]
    if not quick:
        patches = [
            np.lib.stride_tricks.sliding_window_view(image, (_SIDE, _SIDE))[::_STRIDE, ::_STRIDE]
            for image in photographs()
        ]
        rows = np.concatenate([p.reshape(-1, _SIDE**2) for p in patches])
        found.append(named("patches", "Patches of two photographs, line by line", rows))
    return found


def stream_of(problem: Problem) -> Stream:
    """At most so many blocks, of as many rows each as there are; a rest is left out."""
    problem.require(*_FEWEST, "rows by columns")
    matrix = problem.matrix
    count = min(_MOST_BLOCKS, matrix.shape[0] // 8)
    size = matrix.shape[0] // count
    return Stream(problem, [matrix[i * size : (i + 1) * size] for i in range(count)])
