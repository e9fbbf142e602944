"""Estimates of norms and of both ends of a spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthola._core.linalg import operations, start_vector
from orthola._core.space import resolve
from orthola.testing import from_spectrum, machine_epsilon
from tests.capabilities import EXACT
from tests.core.product_cases import C_PRODUCT, matrices
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy


def norms(x: Any, *, steps: int) -> Any:
    space, (x,) = resolve("test", x)
    return operations(space, x.ndim).spectral_norm(x, steps)


@on_dtypes(*EXACT)
def test_spectral_norm_is_a_lower_estimate_that_converges(backend, dtype):
    values = np.array([1.0, 0.3, 0.1])
    tolerance = C_PRODUCT * 5 * machine_epsilon(dtype)
    for shape in ((4,),) if backend.name.startswith("jax") else ((), (4,)):
        x = from_spectrum(5, 3, values, shape=shape, dtype=dtype, scale=4.0, rng=1)
        like = backend.asarray(x)
        rough, fine = (backend.call(norms, like, steps=steps) for steps in (1, 12))
        assert fine.shape == shape
        rough, fine = to_numpy(rough), to_numpy(fine)
        assert np.all(rough <= 4.0 * (1 + tolerance))
        assert np.all(rough >= 0.2)
        np.testing.assert_allclose(fine, 4.0, rtol=tolerance)


def ends(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    ops = operations(space, x.ndim)
    return ops.spectrum_ends(x, ops.gram(x))


@on_dtypes(*EXACT)
def test_ends_of_the_spectrum_lie_inside_it(backend, dtype):
    x = matrices(8, 5, dtype, condition=20.0)
    top, bottom, reliable = (to_numpy(v) for v in backend.call(ends, backend.asarray(x)))
    tolerance = C_PRODUCT * 8 * machine_epsilon(dtype)
    assert 0.3 <= top <= 1.0 + tolerance
    if reliable:
        assert 1 / 400 - tolerance <= bottom <= 3 / 400


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_lower_end_is_reliable_where_there_is_one(dtype):
    x = matrices(8, 5, dtype, condition=20.0)
    assert ends(x)[2]
    x[:, 2] = 0
    assert not ends(x)[2]
    x[:, 2] = x[:, 1]
    assert not ends(x)[2]


def vectors(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return start_vector(space, x)


@on_dtypes(*EXACT)
def test_start_vector_is_a_unit_column_in_general_position(backend, dtype):
    like = backend.asarray(np.zeros((2, 3, 6, 5)), dtype)
    v = backend.call(vectors, like)
    assert_same_kind(v, like, shape=(2, 3, 5, 1))
    v = to_numpy(v)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-2), 1.0, rtol=4 * machine_epsilon(dtype))
    assert np.all(np.abs(v) > 0.1)
    assert np.unique(v[0, 0].round(6)).size == 5
