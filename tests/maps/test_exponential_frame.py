"""`skew_exp_frame` against the exponential of the whole matrix."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from orthola import skew_exp
from orthola._maps.exponential_frame import skew_exp_frame
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_DEFECT = 10.0  # ||Q^H Q - I||_2 in units of n u
C_ERROR = 50.0  # entries, in units of n eps max(1, ||X||_F)
SHAPES = [(7, 3), (4, 3), (3, 3), (5, 1), (1, 1)]


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def full(x):
    """exp(X E^H - E X^H) E by the exponential of order n."""
    n, k = x.shape
    lower = np.tril(x, -1) + np.eye(n, k) * (0.5 * (x - x.conj()))
    a = np.zeros((n, n), x.dtype)
    a[:, :k] += lower
    a[:k, :] -= h(lower)
    return skew_exp(a)[:, :k]


def assert_close(q, expected, x, dtype):
    bound = C_ERROR * max(x.shape[-2:]) * machine_epsilon(dtype) * max(1.0, np.linalg.norm(x))
    assert np.abs(to_numpy(q) - expected).max(initial=0.0) <= bound


def assert_orthonormal(q, dtype):
    q = to_numpy(q).astype(np.complex128)
    size = np.linalg.norm(h(q) @ q - np.eye(q.shape[-1]), 2, axis=(-2, -1)).max(initial=0.0)
    assert size <= C_DEFECT * max(q.shape[-2:]) * machine_epsilon(dtype) / 2


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_frames_on_every_library(backend, dtype, shape):
    x = gaussian(*shape, dtype=dtype, rng=sum(shape))
    given = backend.asarray(x, dtype)
    q = backend.call(skew_exp_frame, given)
    assert_same_kind(q, given, shape=shape)
    assert_close(q, full(x), x, dtype)
    assert_orthonormal(q, dtype)


@on_dtypes("float64", "complex64")
def test_batched_equals_loop_and_norm_bound_changes_nothing(backend, dtype):
    x = gaussian(6, 2, shape=(2, 3), dtype=dtype, rng=1)
    x *= np.array([0.01, 1.0, 40.0]).reshape(3, 1, 1).astype(x.real.dtype)
    given = backend.asarray(x, dtype)
    q = to_numpy(backend.call(skew_exp_frame, given))
    bound = float(np.sqrt(2) * np.linalg.norm(x, axis=(-2, -1)).max())
    p = to_numpy(backend.call(skew_exp_frame, given, norm_bound=bound))
    for i in np.ndindex(2, 3):
        assert_close(q[i], full(x[i]), x[i], dtype)
        assert_close(p[i], full(x[i]), x[i], dtype)


@pytest.mark.parametrize("norm", [0.0, 1e-300, 1e-8, 1e2, 1e4, 1e8, 1e12])
@pytest.mark.parametrize("shape", [(60, 10), (30, 25), (20, 20)], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "complex64", "complex128"])
def test_orthonormal_at_any_norm(dtype, shape, norm):
    x = gaussian(*shape, dtype="complex128", rng=2)
    x = (x if "complex" in dtype else x.real) * (norm / np.linalg.norm(x))
    assert_orthonormal(skew_exp_frame(x.astype(dtype)), dtype)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_dependent_columns_and_zero(dtype):
    x = gaussian(9, 3, dtype=dtype, rng=3)
    x[3:, 2] = x[3:, 1]
    assert_close(skew_exp_frame(x), full(x), x, dtype)
    x[3:] = 0
    assert_close(skew_exp_frame(x), full(x), x, dtype)
    assert np.array_equal(skew_exp_frame(np.zeros((6, 3), dtype)), np.eye(6, 3))


def test_only_the_lower_triangle_counts():
    x = gaussian(6, 3, dtype="float64", rng=4)
    poisoned = np.where(np.tri(6, 3, -1, dtype=bool), x, 1e6)
    assert np.array_equal(skew_exp_frame(poisoned), skew_exp_frame(x))
    c = gaussian(6, 3, dtype="complex128", rng=4)
    assert np.array_equal(skew_exp_frame(c + 5.0 * np.eye(6, 3)), skew_exp_frame(c))


def test_allocates_no_square():
    x = gaussian(20_000, 8, dtype="float64", rng=5)
    skew_exp_frame(x[:100])
    tracemalloc.start()
    skew_exp_frame(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 12 * x.nbytes


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_stays_in_its_item(bad):
    x = gaussian(6, 2, shape=(3,), dtype="float64", rng=6)
    clean = skew_exp_frame(x)
    for row in (1, 4):
        broken = x.copy()
        broken[1, row, 0] = bad
        q = skew_exp_frame(broken)
        assert np.isnan(q[1]).all()
        np.testing.assert_allclose(q[::2], clean[::2], rtol=0, atol=1e-14)


@on_dtypes("float16", "bfloat16")
def test_half_precision_is_computed_in_single(backend, dtype):
    x = backend.asarray(gaussian(5, 2, dtype="float32", rng=7), dtype)
    q = backend.call(skew_exp_frame, x)
    assert_same_kind(q, x)
    wide = skew_exp_frame(to_numpy(x).astype(np.float32))
    assert np.abs(to_numpy(q) - wide).max() <= machine_epsilon(dtype)


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 4, 2)], ids=str)
@on_dtypes("float64")
def test_empty_input(backend, dtype, shape):
    x = backend.asarray(np.zeros(shape), dtype)
    assert_same_kind(backend.call(skew_exp_frame, x), x, shape=shape)


@pytest.mark.parametrize(
    ("x", "keywords", "message"),
    [
        (np.ones(3), {}, "at least two axes"),
        (np.ones((2, 3)), {}, "k <= n"),
        (np.ones((3, 2)), {"norm_bound": -1.0}, "norm_bound"),
    ],
)
def test_static_mistakes(x, keywords, message):
    with pytest.raises(ValueError, match=message):
        skew_exp_frame(x, **keywords)
