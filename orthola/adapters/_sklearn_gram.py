"""Atoms and signals with given products: the pursuit from a Gram matrix alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core.space import resolve

__all__ = ["points_of_gram"]


def points_of_gram(
    function: str, gram: Any, products: Any
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Real atoms A (n, r) and signals S (b, r) with A A^T = `gram` and S A^T = `products` (b, n).

    Atoms are factored at unit norm, so their scales do not mix. Last comes `gram` as floats.
    """
    space, (gram, products) = resolve(function, gram, products)
    if space.is_complex:
        raise TypeError(f"{function}: expected real products, got {space.dtype_name}")
    n = len(gram)
    diagonal = np.diagonal(gram)
    if np.min(diagonal, initial=0.0) < 0:
        raise ValueError(f"{function}: expected a Gram matrix, got one with a negative diagonal")
    lengths = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    cosines = gram / lengths[:, None] / lengths
    sought = products / lengths
    try:
        factor = np.linalg.cholesky(cosines)
        dependent = np.min(np.diagonal(factor), initial=1.0) ** 2 < n * space.eps
    except np.linalg.LinAlgError:
        dependent = True
    if dependent:
        values, vectors = np.linalg.eigh(cosines)
        kept = values > n * space.eps * values[-1:]
        roots = np.sqrt(values[kept])
        factor = vectors[:, kept] * roots
        signals = (sought @ vectors[:, kept]) / roots
    else:
        from scipy.linalg import solve_triangular

        signals = solve_triangular(factor, sought.T, lower=True, check_finite=False).T
    return factor * np.sqrt(diagonal)[:, None], np.ascontiguousarray(signals), gram
