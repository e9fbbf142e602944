"""The Gram matrix M M^H, in double precision for single-precision data."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.blas import routines

__all__ = ["added"]

_BLOCK = 64  # rows that are mirrored at a time


def added(gram: Any, a: Any) -> Any:
    """G + A A^H, both triangles; A (d, n) Fortran-ordered in the precision of G."""
    fn = routines(gram.dtype)
    g = fn.rank_k(1.0, a, beta=1.0, c=np.array(gram, order="F"), lower=1, overwrite_c=1)
    # In place: mirroring by whole triangles would cost as much as a thin update, and more memory.
    for start in range(0, g.shape[0], _BLOCK):
        stop = start + _BLOCK
        square = np.tril(g[start:stop, start:stop])
        g[start:stop, start:stop] = square + np.tril(square, -1).conj().T
        g[:start, start:stop] = g[start:stop, :start].conj().T
    return g
