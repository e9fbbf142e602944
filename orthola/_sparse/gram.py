"""The Gram matrix G[i, j] = <a_i, a_j> of a dictionary whose rows are the atoms."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.linalg import conjugate
from .._core.options import current
from .._core.shared_memory import as_numpy, as_tensor
from .._core.space import Space
from .._core.threads import over_chunks

__all__ = ["gram_matrix", "gram_of_array"]

_TILE = 512


def gram_matrix(space: Space, dictionary: Any, *, host: bool) -> Any:
    """G of a dictionary (N, M); `host` says that it is a NumPy array or an ordinary CPU tensor."""
    if not host:
        return conjugate(space.xp, dictionary) @ space.xp.matrix_transpose(dictionary)
    if space.name == "torch":
        return as_tensor(gram_of_array(as_numpy(dictionary)))
    return gram_of_array(dictionary)


def gram_of_array(dictionary: Any, serial: bool = False) -> Any:
    """G of a NumPy array, by tiles of the upper half.

    Every tile is a product on one thread, so bits do not depend on the number of threads.
    """
    atoms = len(dictionary)
    left = conjugate(np, dictionary)
    gram = np.empty((atoms, atoms), dictionary.dtype)
    starts = range(0, atoms, _TILE)
    tiles = [(p, q) for p in starts for q in starts if p <= q]

    def task(start: int, stop: int) -> None:
        for p, q in tiles[start:stop]:
            rows, columns = slice(p, p + _TILE), slice(q, q + _TILE)
            with np.errstate(all="ignore"):
                tile = left[rows] @ dictionary[columns].T
            if p == q:
                # Equal numbers on both sides of the diagonal, and real ones on it
                tile = np.triu(tile, 1) + np.triu(tile, 1).conj().T + np.diag(tile.diagonal().real)
            gram[rows, columns] = tile
            if p != q:
                gram[columns, rows] = tile.conj().T

    serial = serial or len(tiles) == 1
    over_chunks(task, len(tiles), 1, threads=1 if serial else current().threads, blas=not serial)
    return gram
