"""BLAS and LAPACK of one dtype."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from orthola._core import linalg
from orthola._core.blas import determinant, matrix_product
from orthola._core.space import resolve


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_products_of_any_memory_order(dtype):
    rng = np.random.default_rng(0)

    def matrix(m, n, order):
        x = rng.standard_normal((2 * m, n)).astype(dtype)
        if x.dtype.kind == "c":
            x += 1j * rng.standard_normal((2 * m, n)).astype(dtype)
        return x[::2] if order == "strided" else np.array(x[:m], order=order)

    for order_x, order_y in product(["C", "F", "strided"], repeat=2):
        x, y, z = matrix(7, 4, order_x), matrix(4, 5, order_y), matrix(7, 5, order_y)
        h = x.conj().T
        size = np.linalg.norm(x) * max(np.linalg.norm(x), np.linalg.norm(y), np.linalg.norm(z))
        for found, expected in (
            (matrix_product(x, y), x @ y),
            (matrix_product(x, z, adjoint=True), h @ z),
            (matrix_product(x, x, adjoint=True), h @ x),
        ):
            assert found.dtype == expected.dtype
            assert np.max(np.abs(found - expected)) <= 7 * np.finfo(dtype).eps * size


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_determinant_counts_the_exchanges_of_rows(dtype):
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 8):
        for _ in range(10):
            q = np.linalg.qr(rng.standard_normal((n, n)).astype(dtype))[0]
            assert abs(determinant(q) - np.linalg.det(q)) <= 10 * n * np.finfo(dtype).eps
    assert determinant(np.zeros((2, 2), dtype)) == 0


def test_products_of_two_dtypes_are_promoted():
    x, y = np.eye(2), np.array([[1.0, 1j], [0.0, 1.0]])
    space, _ = resolve("test", x)
    assert np.array_equal(linalg.product(space, x, y), y)
    assert np.array_equal(linalg.adjoint_product(space, x, y), y)


def test_squared_norm_of_nothing_is_zero():
    for shape in ((0, 3), (3, 0), (2, 3, 0), (2, 0, 3)):
        space, (x,) = resolve("test", np.ones(shape))
        assert np.array_equal(linalg.squared_norm(space, x), np.zeros(shape[:-2]))
