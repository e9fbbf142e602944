"""Matrices with a name: the inputs on which orthogonalization is known to go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from orthola.testing.matrices import Seed, from_spectrum, gaussian, generator, spectrum


def hard_cases(
    m: int, n: int, dtype: DTypeLike = "float64", *, rng: Seed
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Named matrices on which algorithms go wrong: singular, repeated, badly scaled.

    Parameters
    ----------
    m, n : int
        Rows and columns.
    dtype : dtype, default "float64"
        Real or complex floating dtype.
    rng : int or numpy.random.Generator
        Seed or generator.

    Yields
    ------
    name : str
        * ``zero``, ``rank_one``, ``zero_column``, ``half_zero_spectrum``: singular;
        * ``identity``, ``reflection`` (diag(1, ..., 1, -1)), ``permutation``, ``orthonormal``
          (twice a Haar matrix): all singular values equal;
        * ``hilbert``, ``nearly_singular`` (condition 1/eps), ``graded_rows`` (rows from 1 down to
          eps): ill conditioned;
        * ``huge``, ``tiny``: largest singular value 2.7e300 and 1.5e-300 in float64, 2.1e37 and
          2.4e-35 in float32, condition 10: squares overflow or vanish, norms do not;
        * ``subnormal_entry``: Gaussian, with the smallest positive number in one place.
    matrix : (m, n) ndarray
        A fresh array. With m = 0 or n = 0 there is one case, ``empty``.

    Examples
    --------
    >>> from orthola.testing import hard_cases
    >>> cases = dict(hard_cases(3, 3, "float32", rng=0))
    >>> cases["reflection"]
    array([[ 1.,  0.,  0.],
           [ 0.,  1.,  0.],
           [ 0.,  0., -1.]], dtype=float32)
    """
    if min(m, n) == 0:
        yield "empty", np.zeros((m, n), dtype=dtype)
        return
    rng = generator(rng)
    info = np.finfo(dtype)
    short = min(m, n)

    def with_values(values: NDArray[np.float64], exponent: int = 0) -> NDArray[Any]:
        return from_spectrum(m, n, values, dtype=dtype, scale=2.0**exponent, rng=rng)

    def normal() -> NDArray[Any]:
        return gaussian(m, n, dtype=dtype, rng=rng)

    yield "zero", np.zeros((m, n), dtype=dtype)
    yield "rank_one", with_values(spectrum("linear", short, rank=1))
    columns = normal()
    columns[:, n // 2] = 0
    yield "zero_column", columns
    yield "half_zero_spectrum", with_values(spectrum("linear", short, rank=short // 2))

    yield "identity", np.eye(m, n, dtype=dtype)
    reflection = np.eye(m, n, dtype=dtype)
    reflection[short - 1, short - 1] = -1
    yield "reflection", reflection
    yield "permutation", rng.permutation(rng.permutation(np.eye(m, n, dtype=dtype)), axis=1)
    yield "orthonormal", with_values(np.full(short, 2.0))

    hilbert = 1.0 / (np.arange(m)[:, None] + np.arange(n) + 1.0)
    yield "hilbert", hilbert.astype(dtype)
    yield (
        "nearly_singular",
        with_values(spectrum("one-small", short, condition=float(1 / info.eps))),
    )
    rows = np.exp2(-np.linspace(0.0, info.nmant, m))[:, None]
    yield "graded_rows", (rows * normal()).astype(dtype)

    mild = spectrum("linear", short, condition=10.0)
    yield "huge", with_values(mild, int(0.975 * info.maxexp))
    yield "tiny", with_values(mild, int(info.minexp) + info.nmant // 2)
    subnormal = normal()
    subnormal[m // 2, n // 2] = info.smallest_subnormal
    yield "subnormal_entry", subnormal
