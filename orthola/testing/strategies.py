"""Hypothesis strategies for structured matrices; importing this file needs hypothesis.

Failing examples shrink towards one 1 x 1 float64 matrix, C-contiguous, of scale 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from orthola.testing.layouts import LAYOUTS, lay_out
from orthola.testing.matrices import PROFILES, from_spectrum, spectrum


class StructuredMatrix(NamedTuple):
    """A matrix, or a stack, together with all that is known about it."""

    matrix: NDArray[Any]
    """(..., m, n) ndarray: ``2**exponent * U diag(singular_values) V^H``, in `layout`."""
    singular_values: NDArray[np.float64]
    """(min(m, n),) ndarray: without the scale, descending from 1; the same for a whole stack."""
    profile: str
    """Name of the singular-value profile."""
    condition: float
    """Ratio of the largest to the smallest nonzero singular value."""
    rank: int
    """Number of nonzero singular values."""
    exponent: int
    """Binary exponent of the scale."""
    layout: str
    """Name of the memory layout."""


def matrix_shapes(
    *, min_side: int = 0, max_side: int = 8, max_batch_dims: int = 2, max_batch: int = 3
) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of matrices and stacks: square, tall, wide, one row, one column, empty.

    Parameters
    ----------
    min_side, max_side : int
        Range of rows and columns; ``min_side=1`` leaves out empty matrices, 2 also single rows
        and columns.
    max_batch_dims, max_batch : int
        Most batch axes, and the most items along one of them (0 items occur too).

    Returns
    -------
    hypothesis.strategies.SearchStrategy of tuple of int

    Examples
    --------
    >>> from hypothesis import find
    >>> from orthola.testing import matrix_shapes
    >>> find(matrix_shapes(min_side=1), lambda shape: shape[-2] > shape[-1])
    (2, 1)
    """
    side = st.integers(max(min_side, 1), max_side)
    pairs = [side.map(lambda n: (n, n)), st.tuples(side, side)]
    if min_side <= 1:
        pairs += [side.map(lambda n: (1, n)), side.map(lambda m: (m, 1))]
    if min_side == 0:
        pairs += [side.map(lambda n: (0, n)), side.map(lambda m: (m, 0)), st.just((0, 0))]
    batch = st.lists(st.integers(0, max_batch), max_size=max_batch_dims).map(tuple)
    return st.tuples(batch, st.one_of(pairs)).map(lambda parts: parts[0] + parts[1])


def structured_matrices(
    *,
    shapes: st.SearchStrategy[tuple[int, ...]] | None = None,
    dtypes: Sequence[str] = ("float64", "float32", "complex128", "complex64"),
    profiles: Sequence[str] = PROFILES,
    max_condition: float | None = None,
    rank_deficient: bool = True,
    max_exponent: int | None = None,
    layouts: Sequence[str] = LAYOUTS,
) -> st.SearchStrategy[StructuredMatrix]:
    """Matrices of every shape, spectrum, rank, dtype, scale and memory layout.

    Parameters
    ----------
    shapes : strategy of tuple of int, optional
        The default is ``matrix_shapes()``.
    dtypes : sequence of str
        NumPy names of floating and complex dtypes.
    profiles : sequence of str
        Singular-value profiles, see `spectrum`.
    max_condition : float, optional
        Largest condition number; its logarithm is drawn uniformly. The default is 1/eps of the
        dtype drawn.
    rank_deficient : bool, default True
        Whether exactly singular matrices occur, the zero matrix included. They are singular up
        to the rounding of the product that makes them.
    max_exponent : int, optional
        Largest absolute binary exponent of the scale. The default is such that values from the
        largest down to eps times the largest stay normal: 972 for float64, 105 for float32, 6 for
        float16.
    layouts : sequence of str
        Memory layouts, see `lay_out`.

    Returns
    -------
    hypothesis.strategies.SearchStrategy of StructuredMatrix

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from orthola.testing import structured_matrices
    >>> @settings(deadline=None)
    ... @given(structured_matrices(dtypes=("float32",)))
    ... def test_dtype(case):
    ...     assert case.matrix.dtype == "float32"
    >>> test_dtype()
    """
    shapes = matrix_shapes() if shapes is None else shapes

    def one(draw: Callable[[st.SearchStrategy[Any]], Any]) -> StructuredMatrix:
        *batch, m, n = draw(shapes)
        dtype = draw(st.sampled_from(dtypes))
        info = np.finfo(dtype)
        digits = np.log10(1.0 / info.eps if max_condition is None else max_condition)
        condition = float(10.0 ** draw(st.floats(0.0, float(digits))))
        rank = draw(st.integers(0, min(m, n))) if rank_deficient and draw(st.booleans()) else None
        bound = int(info.maxexp) - info.nmant if max_exponent is None else max_exponent
        exponent = draw(st.integers(-bound, bound))
        profile = draw(st.sampled_from(profiles))
        layout = draw(st.sampled_from(layouts))
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        values = spectrum(profile, min(m, n), condition=condition, rank=rank, rng=rng)
        matrix = from_spectrum(
            m, n, values, shape=tuple(batch), dtype=dtype, scale=2.0**exponent, rng=rng
        )
        return StructuredMatrix(
            lay_out(matrix, layout),
            values,
            profile,
            condition,
            min(m, n) if rank is None else rank,
            exponent,
            layout,
        )

    return st.composite(one)()
