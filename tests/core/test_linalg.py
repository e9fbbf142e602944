"""`Products` on every library, against NumPy in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthola._core.blas_products import BlasProducts
from orthola._core.linalg import (
    Products,
    adjoint,
    hermitian_part,
    inverse_positive,
    operations,
    products,
    sums_of_squares,
    wide,
)
from orthola._core.space import resolve
from orthola.testing import machine_epsilon
from tests.backends import load
from tests.capabilities import EXACT
from tests.core.product_cases import (
    C_PRODUCT,
    CASES,
    SHAPES,
    SQUARE,
    assert_close,
    double,
    h,
    matrices,
    shifted_inverse,
)
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy


def run(x: Any, *, case: str) -> Any:
    space, (x,) = resolve("test", x)
    return (CASES | SQUARE)[case].run(products(space), x)


@on_dtypes(*EXACT)
@pytest.mark.parametrize("case", CASES)
def test_operations_on_stacks_of_every_library(backend, dtype, case):
    for m, n in SHAPES if backend.name in ("numpy", "torch", "strict-device1") else SHAPES[1:2]:
        x = matrices(m, n, dtype, shape=(2, 3))
        like = backend.asarray(x)
        result = backend.call(run, like, case=case)
        kept = real_of(dtype) if case in ("defect", "norm") else dtype
        assert_same_kind(result, like, dtype=kept)
        assert_close(to_numpy(result), case, x)
        np.testing.assert_array_equal(to_numpy(like), x)


@on_dtypes(*EXACT)
@pytest.mark.parametrize("case", SQUARE)
def test_inverses_on_stacks_of_every_library(backend, dtype, case):
    x = matrices(4, 4, dtype, shape=(2, 3))
    like = backend.asarray(x)
    result = backend.call(run, like, case=case)
    assert_same_kind(result, like, shape=(2, 3, 4, 4))
    assert_close(to_numpy(result), case, x, factor=20 * C_PRODUCT)
    np.testing.assert_array_equal(to_numpy(like), x)


def test_blas_is_for_one_numpy_matrix_alone(backend):
    x = backend.asarray(np.eye(3, dtype="float32"))
    space, _ = resolve("test", x)
    expected = BlasProducts if backend.name.startswith("numpy") else Products
    assert isinstance(operations(space, 2), expected)
    assert not isinstance(operations(space, 3), BlasProducts)
    assert not isinstance(products(space), BlasProducts)
    assert products(space) is products(space)


def product_with_another(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    # U^H X far from Hermitian, so that a bare product would be caught.
    return products(space).hermitian_product(space.xp.flip(x, axis=-1), x)


@on_dtypes(*EXACT)
def test_hermitian_product_is_bitwise_hermitian(backend, dtype):
    x = matrices(6, 4, dtype, shape=(3,))
    result = to_numpy(backend.call(product_with_another, backend.asarray(x)))
    np.testing.assert_array_equal(result, h(result))
    u = double(x)[..., ::-1]
    expected = (h(u) @ double(x) + h(double(x)) @ u) / 2
    tolerance = C_PRODUCT * 6 * machine_epsilon(dtype)
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


def hermitian_parts(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return hermitian_part(space.xp, x)


@on_dtypes(*EXACT)
def test_hermitian_part_is_bitwise_hermitian(backend, dtype):
    x = matrices(5, 5, dtype, shape=(2,))
    result = to_numpy(backend.call(hermitian_parts, backend.asarray(x)))
    np.testing.assert_array_equal(result, h(result))
    np.testing.assert_allclose(result, (x + h(x)) / 2, rtol=4 * machine_epsilon(dtype), atol=1e-30)


def inverses_of(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return products(space).inverse(x)


@on_dtypes(*EXACT)
def test_a_singular_item_is_not_finite_and_leaves_the_others_alone(backend, dtype):
    x = matrices(3, 3, dtype, shape=(4,))
    x[2] = np.diag([1.0, 1.0, 0.0])
    with np.errstate(all="ignore"):
        result = to_numpy(backend.call(inverses_of, backend.asarray(x)))
    assert not np.isfinite(result[2]).all()
    for i in (0, 1, 3):
        expected = np.linalg.inv(double(x[i]))
        tolerance = 200 * C_PRODUCT * machine_epsilon(dtype)
        np.testing.assert_allclose(result[i], expected, rtol=0, atol=tolerance)
    alone = to_numpy(backend.call(inverses_of, backend.asarray(x[2])))
    assert not np.isfinite(alone).all()


def shifted_inverses(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    ops = products(space)
    return ops.add_inverse(x, ops.inverse_shifted(ops.gram(x), 2.0), 1.0, 0.0)


@on_dtypes(*EXACT)
def test_an_item_of_nan_leaves_the_others_alone(backend, dtype):
    x = matrices(4, 3, dtype, shape=(3,))
    x[1, 0, 0] = np.nan
    with np.errstate(all="ignore"):
        result = to_numpy(backend.call(shifted_inverses, backend.asarray(x)))
    assert np.isnan(result[1]).all()
    good = x[[0, 2]]
    expected = double(good) @ shifted_inverse(double(good), 2.0)
    tolerance = C_PRODUCT * 4 * machine_epsilon(dtype)
    np.testing.assert_allclose(result[[0, 2]], expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_matrix_that_is_not_positive_has_no_inverse_by_cholesky(name):
    backend = load(name)
    x = backend.asarray(np.stack([np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]])]))
    result = to_numpy(inverse_positive(resolve("test", x)[0], x))
    np.testing.assert_array_equal(result[0], np.eye(2))
    assert np.isnan(result[1]).all()


def test_adjoint_is_a_view_of_real_arrays_and_conjugates_complex_ones():
    x = np.arange(6.0).reshape(2, 3)
    space, _ = resolve("test", x)
    assert np.shares_memory(adjoint(space.xp, x), x)
    np.testing.assert_array_equal(adjoint(space.xp, x + 1j), x.T - 1j)


def squares(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return sums_of_squares(space.xp, x)


@on_dtypes(*EXACT)
def test_sums_of_squares(backend, dtype):
    x = matrices(4, 3, dtype, shape=(2,))
    result = backend.call(squares, backend.asarray(x))
    assert_same_kind(result, backend.asarray(x), dtype=real_of(dtype), shape=(2,))
    expected = np.sum(np.abs(double(x)) ** 2, axis=(-2, -1))
    np.testing.assert_allclose(to_numpy(result), expected, rtol=12 * machine_epsilon(dtype))


def test_wide_shapes_a_number_per_item():
    assert wide(2.0) == 2.0
    assert wide(np.ones((4, 5))).shape == (4, 5, 1, 1)
    assert wide(np.asarray(1.0)).shape == (1, 1)


def chosen(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return products(space).choose(x[..., 0, 0] > 0, x, -x)


@on_dtypes("float32", "float64")
def test_choose_takes_item_by_item(backend, dtype):
    x = matrices(3, 2, dtype, shape=(5,))
    expected = np.where((x[:, 0, 0] > 0)[:, None, None], x, -x)
    np.testing.assert_array_equal(to_numpy(backend.call(chosen, backend.asarray(x))), expected)


def test_likely_looks_only_where_values_can_be_seen(backend):
    x = backend.asarray(np.zeros((2, 3, 3), "float32"))
    seen = []

    def look(x):
        space, (x,) = resolve("test", x)
        ops = products(space)
        seen.append((ops.likely(x[..., 0, 0] > 1), ops.likely(x[..., 0, 0] == 0)))
        return x

    backend.call(look, x)
    assert seen == [(backend.name.startswith("jax"), True)]


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_constants_have_no_derivative(name):
    backend = load(name)
    x = backend.asarray(np.array([[2.0]]))
    if name == "jax":
        from jax import grad
    else:
        from torch.func import grad

    def square(x):
        return (x * products(resolve("test", x)[0]).constant(x))[0, 0]

    np.testing.assert_array_equal(to_numpy(grad(square)(x)), [[2.0]])
