"""Skew-symmetric blocks as vectors: the storage of checkpoints of orthogonal fine-tuning."""

from __future__ import annotations

import math
from typing import Any

from .._core.checks import describe, is_matrix, is_square
from .._core.space import Space, resolve

__all__ = ["skew_from_vector", "vector_from_skew"]


def skew_from_vector(vector: Any, /) -> Any:
    """Skew-symmetric matrices from the entries above their diagonal.

    Parameters
    ----------
    vector : array (..., n (n - 1)/2)
        The entries a_12, a_13, ..., a_1n, a_23, ...: row by row. Real or complex.

    Returns
    -------
    array (..., n, n)
        ``A = -A^T`` (not conjugated), of the library and dtype of `vector`. Differentiable.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, and on a length that is not n (n - 1)/2 for
        some n >= 2.

    Notes
    -----
    Other conventions for the orientation and the scale of the Cayley map are in circulation:
    ``(I - A)(I + A)^-1`` is ``orthola.cayley(-a, scale=1.0)``.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola._maps.packed import skew_from_vector
    >>> skew_from_vector(np.array([1.0, 2.0, 3.0]))
    array([[ 0.,  1.,  2.],
           [-1.,  0.,  3.],
           [-2., -3.,  0.]])
    """
    space, (vector,) = resolve("skew_from_vector", vector)
    length = vector.shape[-1] if vector.ndim else 0
    n = (1 + math.isqrt(1 + 8 * length)) // 2
    if length == 0 or n * (n - 1) // 2 != length:
        raise ValueError(
            "skew_from_vector: expected a last axis of length n (n - 1)/2, one of 1, 3, 6, 10, "
            f"..., got {describe(vector)}"
        )
    xp = space.xp
    upper = _padded(space, vector, n)
    return upper - xp.matrix_transpose(upper)


def vector_from_skew(a: Any, /) -> Any:
    """The entries above the diagonal, row by row: the inverse of `skew_from_vector`.

    Parameters
    ----------
    a : array (..., n, n)
        Only the entries above the diagonal are read.

    Returns
    -------
    array (..., n (n - 1)/2)
        Library and dtype of `a`. Differentiable.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, and on matrices that are not square.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola._maps.packed import vector_from_skew
    >>> vector_from_skew(np.array([[0.0, 1.0, 2.0], [-1.0, 0.0, 3.0], [-2.0, -3.0, 0.0]]))
    array([1., 2., 3.])
    """
    space, (a,) = resolve("vector_from_skew", a)
    is_matrix("vector_from_skew", a)
    is_square("vector_from_skew", a)
    xp, n = space.xp, a.shape[-1]
    if n < 2:
        return xp.zeros((*a.shape[:-2], 0), dtype=a.dtype, device=space.device)
    return xp.concat([a[..., i, i + 1 :] for i in range(n - 1)], axis=-1)


def _padded(space: Space, vector: Any, n: int) -> Any:
    """The vector above the diagonal of (..., n, n), zeros elsewhere: a gather and a mask."""
    xp = space.xp
    i, j = (xp.arange(n, device=space.device)[..., None], xp.arange(n, device=space.device))
    above = i < j
    place = xp.where(above, i * (2 * n - i - 1) // 2 + j - i - 1, xp.zeros_like(i + j))
    entries = xp.take(vector, xp.reshape(place, (-1,)), axis=-1)
    entries = xp.reshape(entries, (*vector.shape[:-1], n, n))
    return xp.where(above, entries, xp.zeros_like(entries))
