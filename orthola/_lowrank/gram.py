"""The Gram matrix M M^H, in double precision for single-precision data."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.blas import routines

__all__ = ["added"]


def added(gram: Any, a: Any) -> Any:
    """G + A A^H, both triangles; A (d, n) Fortran-ordered in the precision of G."""
    fn = routines(gram.dtype)
    lower = fn.rank_k(1.0, a, beta=1.0, c=np.array(gram, order="F"), lower=1, overwrite_c=1)
    strict = np.tril(lower, -1)
    return np.tril(lower) + (strict.conj().T if fn.complex else strict.T)
