"""Skew-symmetric blocks as vectors, row by row above the diagonal."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import cayley
from orthola._maps.packed import skew_from_vector, vector_from_skew
from orthola.testing import gaussian
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy


@pytest.mark.parametrize(("n", "batch"), [(2, ()), (5, (2, 3))])
@on_dtypes("float64", "complex64", "bfloat16")
def test_there_and_back_on_every_library(backend, dtype, n, batch):
    length = n * (n - 1) // 2
    vector = np.arange(1.0, 1 + np.prod(batch, dtype=int) * length).reshape(*batch, length)
    x = backend.asarray(vector, dtype)
    a = backend.call(skew_from_vector, x)
    assert_same_kind(a, x, shape=(*batch, n, n))
    expected = np.zeros((*batch, n, n))
    expected[..., *np.triu_indices(n, 1)] = vector
    assert np.array_equal(to_numpy(a), expected - np.swapaxes(expected, -1, -2))
    back = backend.call(vector_from_skew, a)
    assert_same_kind(back, x, shape=(*batch, length))
    assert np.array_equal(to_numpy(back), vector)


def test_only_entries_above_the_diagonal_are_read():
    a = gaussian(4, 4, rng=1)
    expected = vector_from_skew(a)
    a[np.tril_indices(4)] = np.nan
    assert np.array_equal(vector_from_skew(a), expected)


def test_complex_entries_are_not_conjugated():
    a = skew_from_vector(np.array([1j]))
    assert np.array_equal(a, [[0, 1j], [-1j, 0]])


def test_blocks_of_a_checkpoint():
    """Blocks stored as vectors, in the orientation (I - A)(I + A)^-1."""
    vector = gaussian(3, 10, rng=2)
    a = skew_from_vector(vector)
    eye = np.eye(5)
    expected = np.swapaxes(np.linalg.solve(eye - a, eye + a), -1, -2)
    assert np.abs(cayley(-a, scale=1.0) - expected).max() <= 1e-13


def test_without_entries():
    assert vector_from_skew(np.zeros((2, 1, 1))).shape == (2, 0)
    assert vector_from_skew(np.zeros((0, 3, 3))).shape == (0, 3)
    assert skew_from_vector(np.zeros((0, 3))).shape == (0, 3, 3)


@pytest.mark.parametrize("length", [0, 2, 4, 5, 7])
def test_lengths_that_no_matrix_has(length):
    with pytest.raises(ValueError, match="length n"):
        skew_from_vector(np.ones(length))


def test_other_mistakes():
    with pytest.raises(ValueError, match=r"\.\.\., n, n"):
        vector_from_skew(np.ones((2, 3)))
    with pytest.raises(TypeError):
        skew_from_vector("abc")
    with pytest.raises(ValueError, match="length n"):
        skew_from_vector(np.float64(1.0))
