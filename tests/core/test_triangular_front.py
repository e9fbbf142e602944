"""The triangular front X = B C R of a tall matrix: orthonormal, and true in what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthola._core.blas_products import BlasProducts
from orthola._core.linalg import operations
from orthola._core.space import resolve
from orthola.testing import machine_epsilon
from tests.capabilities import EXACT
from tests.core.product_cases import C_PRODUCT, double, h, matrices
from tests.dtypes import on_dtypes, real_of
from tests.isolation import to_numpy


def front(x: Any) -> Any:
    """The parts of the factorisation that are arrays, Q = B C put together."""
    space, (x,) = resolve("test", x)
    parts = operations(space, x.ndim).triangular_front(x)
    q = parts.basis if parts.correction is None else parts.basis @ parts.correction
    return q, parts.factor, parts.inverse


CONDITIONS = {"float32": (10.0, 1e6), "float64": (10.0, 1e14)}


@on_dtypes(*EXACT)
@pytest.mark.parametrize("which", ["well", "ill"])
@pytest.mark.parametrize("shape", [(9, 4), (4, 4), (5, 1)])
def test_triangular_front(backend, dtype, which, shape):
    x = matrices(*shape, dtype, condition=CONDITIONS[real_of(dtype)][which == "ill"])
    q, r, inverse = backend.call(front, backend.asarray(x))
    q, r = double(to_numpy(q)), double(to_numpy(r))
    tolerance = C_PRODUCT * max(shape) * machine_epsilon(dtype)
    n = shape[1]
    np.testing.assert_allclose(h(q) @ q, np.eye(n), rtol=0, atol=tolerance)
    np.testing.assert_allclose(q @ r, x, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(np.tril(r, -1), np.zeros((n, n)))
    if inverse is not None:
        product = double(to_numpy(inverse)) @ r
        np.testing.assert_allclose(product, np.eye(n), rtol=0, atol=100 * tolerance)


@pytest.mark.parametrize("dtype", EXACT)
def test_cholesky_qr_runs_where_the_condition_allows_it(dtype):
    for condition, fast in ((2.0, True), (1e8, False)):
        x = matrices(90, 70, dtype, condition=condition)
        parts = BlasProducts(resolve("test", x)[0]).triangular_front(x)
        assert (parts.correction is not None) == fast


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("condition", [1.5, 3.0, 6.0, 30.0])
def test_what_a_front_says_of_itself_is_true(dtype, condition):
    x = matrices(90, 40, dtype, condition=condition)
    parts = BlasProducts(resolve("test", x)[0]).triangular_front(x)
    q = double(parts.basis if parts.correction is None else parts.basis @ parts.correction)
    defect = np.linalg.norm(h(q) @ q - np.eye(40), 2)
    rounding = C_PRODUCT * np.sqrt(90) * machine_epsilon(dtype)
    assert defect <= rounding * (1.0 if parts.orthonormal else condition**2)
    if parts.norms is not None:
        # Power iteration sees them from below.
        for estimate, norm in zip(parts.norms, (1.0, condition), strict=True):
            assert 0.8 * norm <= estimate <= norm * (1 + rounding)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("kind", ["zero column", "equal columns", "zero"])
def test_triangular_front_of_singular_matrices_keeps_q_orthonormal(dtype, kind):
    x = matrices(8, 4, dtype)
    if kind == "equal columns":
        x[:, 3] = x[:, 1]
    else:
        x[:, 2 if kind == "zero column" else slice(None)] = 0
    q, r, _ = front(x)
    tolerance = C_PRODUCT * 8 * machine_epsilon(dtype)
    np.testing.assert_allclose(h(q) @ q, np.eye(4), rtol=0, atol=tolerance)
    np.testing.assert_allclose(q @ r, x, rtol=0, atol=tolerance)
