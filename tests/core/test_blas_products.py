"""`Products` of one NumPy matrix in place, against NumPy in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthola._core.blas_products import BlasProducts
from orthola._core.linalg import operations
from orthola._core.space import resolve
from orthola.testing import LAYOUTS, lay_out, machine_epsilon
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
)

BIG = (130, 70)  # more than one panel, and not a multiple


def run_in_place(x: Any, case: str) -> Any:
    space, (x,) = resolve("test", x)
    ops = operations(space, 2)
    assert type(ops) is BlasProducts
    return (CASES | SQUARE)[case].run(ops, x)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("case", CASES)
def test_operations_in_place(dtype, case):
    for m, n in (*SHAPES, BIG):
        x = matrices(m, n, dtype)
        assert_close(run_in_place(x, case), case, x)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("case", SQUARE)
def test_inverses_in_place(dtype, case):
    for n in (1, 4, 70):
        x = matrices(n, n, dtype)
        assert_close(run_in_place(x, case), case, x, factor=20 * C_PRODUCT)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("shape", [(6, 4), (70, 70), (130, 129), (5, 1)])
def test_hermitian_product_in_place_is_bitwise_hermitian(dtype, shape):
    x = matrices(*shape, dtype)
    u = x[:, ::-1]
    result = BlasProducts(resolve("test", x)[0]).hermitian_product(u, x)
    np.testing.assert_array_equal(result, h(result))
    assert np.all(np.diagonal(result).imag == 0)
    expected = double(h(u)) @ double(x)
    expected = (expected + h(expected)) / 2
    tolerance = C_PRODUCT * max(shape) * machine_epsilon(dtype)
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", EXACT)
def test_full_matrices_have_two_equal_triangles(dtype):
    x = matrices(*BIG, dtype)
    ops = BlasProducts(resolve("test", x)[0])
    for matrix in (ops.full(ops.gram(x)), ops.shifted(ops.gram(x), 0.5)):
        np.testing.assert_array_equal(matrix, h(matrix))


@pytest.mark.parametrize("dtype", EXACT)
def test_singular_matrices_in_place_give_nan_and_no_error(dtype):
    x = np.diag([1.0, 1.0, 0.0]).astype(dtype)
    ops = BlasProducts(resolve("test", x)[0])
    assert np.isnan(ops.inverse(x)).all()
    broken = x.copy()
    broken[0, 0] = np.nan
    indefinite = np.asfortranarray(np.diag([1.0, -5.0, 1.0]).astype(dtype))
    for w in (ops.inverse_shifted(ops.gram(broken), 2.0), ops.inverse_shifted(indefinite, 1.0)):
        assert np.isnan(ops.add_inverse(x, w, 1.0, 1.0)).all()
    # What went wrong before does not come back.
    good = matrices(3, 3, dtype)
    fresh = BlasProducts(ops.space)
    np.testing.assert_array_equal(
        ops.add_inverse(good, ops.inverse_shifted(ops.gram(good), 2.0), 1.0, 1.0),
        fresh.add_inverse(good, fresh.inverse_shifted(fresh.gram(good), 2.0), 1.0, 1.0),
    )
    assert np.isfinite(ops.inverse(good)).all()
    assert np.isfinite(ops.norm(ops.gram(good)))


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("n", [4, 70])
def test_upper_triangles_stay_clean_between_calls(dtype, n):
    x = matrices(n + 3, n, dtype)
    ops = BlasProducts(resolve("test", x)[0])

    def step(ops):
        broken = np.full_like(x, np.nan)
        yield ops.norm(ops.gram(x))
        yield ops.full(ops.gram(x))
        yield ops.full(ops.tail(ops.gram(x), (0.5,)))
        yield ops.full(ops.tail(ops.gram(x), (0.5, -1.0)))
        yield ops.full(ops.tail(ops.gram(x), (0.5, -1.0, 2.0)))
        yield ops.full(ops.tail(ops.gram(x), (0.5, -1.0, 2.0, 0.25)))
        yield ops.add_inverse(x, ops.inverse_shifted(ops.gram(x), 30.0), 1.0, 0.5)
        ops.inverse_shifted(ops.gram(broken), 30.0)
        yield ops.multiply_add(x, ops.gram(x), 1.0, 0.5)
        yield ops.defect(ops.gram(x))

    # Copies, because later steps write into the same buffers.
    expected = [np.array(value) for value in step(BlasProducts(ops.space))]
    for _ in range(3):
        for i, value in enumerate(step(ops)):
            for buffer in ops._triangles:
                assert np.all(np.triu(buffer, 1) == 0)
            np.testing.assert_array_equal(value, expected[i])


@pytest.mark.parametrize("dtype", EXACT)
def test_looking_at_the_defect_leaves_the_matrix_as_it_is(dtype):
    x = matrices(6, 4, dtype)
    x[:, 1] *= 1e-12  # its square would be lost beside 1
    ops = BlasProducts(resolve("test", x)[0])
    g = ops.gram(x)
    before = g.copy()
    ops.defect(g)
    ops.norm(g)
    np.testing.assert_array_equal(g, before)


READERS = {
    "gram": lambda ops, x: ops.gram(x),
    "multiply_add": lambda ops, x: ops.multiply_add(x, ops.gram(x), 0.5, 1.0),
    "add_inverse": lambda ops, x: ops.add_inverse(
        x, ops.inverse_shifted(ops.gram(x), 3.0), 0.5, 1.0
    ),
    "product": lambda ops, x: ops.product(x, x),
    "hermitian_product": lambda ops, x: ops.hermitian_product(x, x),
    "inverse": lambda ops, x: ops.inverse(x),
    "triangular_front": lambda ops, x: ops.triangular_front(x).factor,
    "spectral_norm": lambda ops, x: ops.spectral_norm(x, 4),
    "load": lambda ops, x: ops.scaled(ops.load(x), 0.5),
}


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("reader", READERS)
def test_memory_layout_changes_no_value_and_input_is_not_written(dtype, reader):
    host = matrices(6, 6, dtype)
    results = []
    for layout in LAYOUTS:
        x = lay_out(host, layout)
        x.flags.writeable = False
        results.append(np.array(READERS[reader](BlasProducts(resolve("test", x)[0]), x)))
        np.testing.assert_array_equal(x, host)
    # BLAS may take another path for another layout: equal to rounding.
    for result in results[1:]:
        tolerance = 20 * C_PRODUCT * 6 * machine_epsilon(dtype)
        np.testing.assert_allclose(result, results[0], rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_load_makes_a_private_copy_by_columns(dtype, layout):
    x = lay_out(matrices(5, 3, dtype), layout)
    ops = BlasProducts(resolve("test", x)[0])
    first = ops.load(x)
    assert first.flags.f_contiguous
    assert first.flags.writeable
    assert not np.shares_memory(first, x)
    np.testing.assert_array_equal(first, x)
    second = ops.load(first)
    assert not np.shares_memory(second, first)


def test_results_that_are_alive_together_do_not_share_memory():
    x = matrices(5, 4, "float64")
    ops = BlasProducts(resolve("test", x)[0])
    loaded = ops.load(x)
    following = ops.multiply_add(loaded, ops.gram(loaded), 1.0, 0.5)
    assert not np.shares_memory(loaded, following)
    g = ops.gram(loaded)
    assert not np.shares_memory(g, ops.full(g))
    small = ops.small()
    pair = [small.tail(small.full(g), (1.0, 2.0)) for _ in range(2)]
    assert not np.shares_memory(small.multiply_add(pair[0], pair[1], 1.0, 0.0), pair[0])


def test_choose_in_place():
    ops = BlasProducts(resolve("test", np.eye(2))[0])
    assert ops.choose(np.asarray(True), "yes", "no") == "yes"
    assert ops.choose(np.asarray(False), "yes", "no") == "no"
