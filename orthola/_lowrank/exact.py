"""The triangle R with R^H R = M M^H, fed by Householder QR of [R; A^H]: nothing is discarded."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["appended_rows"]

_COLUMNS = 32  # reflectors per panel


def appended_rows(factor: Any, rows: Any) -> Any:
    """R^H for more rows (b, d), Fortran-ordered, which are overwritten; `factor` is R^H.

    The triangle stays a triangle: 2 b d^2 operations.
    """
    r = np.array(factor.conj().T, order="F")
    panel = min(_COLUMNS, r.shape[0])
    r, _, _, info = _routine(r.dtype)(0, panel, r, rows, overwrite_a=1, overwrite_b=1)
    if info:  # pragma: no cover - a wrong argument
        raise ValueError(f"tpqrt refused its argument {-info}")
    return r.conj().T


@lru_cache(maxsize=8)
def _routine(dtype: np.dtype[Any]) -> Any:
    from scipy.linalg import get_lapack_funcs

    (tpqrt,) = get_lapack_funcs(("tpqrt",), dtype=dtype)
    return tpqrt
