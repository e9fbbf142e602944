"""Half-precision products: operands in half, sums and small matrices in single precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthola._core.half import HalfProducts
from orthola._core.linalg import Products
from orthola._core.space import resolve
from orthola.testing import from_spectrum, machine_epsilon, spectrum
from tests.backends import load
from tests.capabilities import HALVES
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

SINGLE = machine_epsilon("float32")
C_SUM = 4.0  # error of a sum in single precision, in units of its length times eps


def matrices(m: int, n: int, dtype: str, *, shape: tuple[int, ...] = ()) -> tuple[Any, Any]:
    """A matrix rounded to half precision, held in float64, for any library; its scale is 1."""
    x = from_spectrum(m, n, spectrum("linear", n, condition=10.0), shape=shape, rng=m + n)
    if dtype == "float16":
        return x.astype(dtype).astype("float64")
    torch = pytest.importorskip("torch", reason="torch, which rounds to bfloat16, is missing")
    return torch.tensor(x).to(getattr(torch, dtype)).double().numpy()


def apply(x: Any, *, name: str) -> Any:
    space, (x,) = resolve("test", x)
    return OPERATIONS[name](HalfProducts(space), x)


OPERATIONS = {
    "gram": lambda ops, x: ops.gram(x),
    "product": lambda ops, x: ops.product(x, ops.xp.matrix_transpose(x)),
    "tail": lambda ops, x: ops.tail(ops.gram(x), (-1.25, 0.375)),
    "tail of half": lambda ops, x: ops.tail(x[..., :3, :3], (0.5, -0.25)),
    "identity": lambda ops, x: ops.identity(x),
    "multiply_add": lambda ops, x: ops.multiply_add(x, ops.gram(x), -0.5, 1.5),
    "times": lambda ops, x: ops.times(x, ops.gram(x)),
}


def t(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


@on_dtypes(*HALVES)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_products_are_summed_and_kept_in_single_precision(backend, dtype, shape):
    x = matrices(40, 6, dtype, shape=shape)
    like = backend.asarray(x, dtype)
    for name, expected in (("gram", t(x) @ x), ("product", x @ t(x))):
        result = backend.call(apply, like, name=name)
        assert_same_kind(result, like, dtype="float32", shape=expected.shape)
        np.testing.assert_allclose(to_numpy(result), expected, rtol=0, atol=C_SUM * 40 * SINGLE)


@on_dtypes(*HALVES)
def test_small_matrices_are_in_single_precision(backend, dtype):
    x = matrices(5, 3, dtype)
    like = backend.asarray(x, dtype)
    g, square = t(x) @ x, x[:3, :3]
    for name, expected in (
        ("tail", -1.25 * g + 0.375 * g @ g),
        ("tail of half", 0.5 * square - 0.25 * square @ square),
        ("identity", np.eye(3)),
    ):
        result = backend.call(apply, like, name=name)
        assert_same_kind(result, like, dtype="float32", shape=(3, 3))
        np.testing.assert_allclose(to_numpy(result), expected, rtol=0, atol=C_SUM * 5 * SINGLE)


@on_dtypes(*HALVES)
def test_multiply_add_rounds_the_symmetric_factor_and_the_sum_once_each(backend, dtype):
    x = matrices(8, 4, dtype, shape=(2,))
    like = backend.asarray(x, dtype)
    result = backend.call(apply, like, name="multiply_add")
    assert_same_kind(result, like, dtype=dtype, shape=x.shape)
    g = t(x) @ x
    expected = 1.5 * x - 0.5 * x @ g
    unit = machine_epsilon(dtype) / 2
    # Of G rounded entry by entry, then of the sum; a sum in half would add four more.
    allowance = unit * (0.5 * np.abs(x) @ np.abs(g) + np.abs(expected)) + C_SUM * 8 * SINGLE
    assert np.all(np.abs(to_numpy(result) - expected) <= allowance)


@on_dtypes(*HALVES)
def test_the_identity_is_never_added_to_a_stored_half_matrix(backend, dtype):
    # X (I + S) with S far below the unit roundoff of the half precision: X itself must remain,
    # and what S adds to it must be rounded at the size of the result, not of 1.
    unit = machine_epsilon(dtype)
    x = np.eye(4, 2)
    x[3, 0] = 0.25 * unit
    like = backend.asarray(x, dtype)
    result = to_numpy(backend.call(shifted_slightly, like, size=unit / 4))
    assert result[3, 1] == unit**2 / 16
    np.testing.assert_array_equal(result[:3], x[:3] + 0.25 * unit * np.eye(4, 2)[:3, ::-1] * OFF)


OFF = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])[:, ::-1]


def shifted_slightly(x: Any, *, size: float) -> Any:
    space, (x,) = resolve("test", x)
    ops = HalfProducts(space)
    flip = ops.xp.flip(ops.identity(x), axis=-1)
    return ops.multiply_add(x, size * flip, 1.0, 1.0)


@on_dtypes(*HALVES)
def test_times_keeps_the_small_directions_of_a_wide_ranging_factor(backend, dtype):
    # Q has entries from 1 to 1e-3: rounded once to half, X Q would be off by a unit roundoff
    # relative to the largest entry, in every column.
    x = matrices(30, 5, dtype)
    like = backend.asarray(x, dtype)
    q = np.diag([1.0, 0.3, 0.1, 0.01, 1e-3]) + 1e-4
    result = to_numpy(backend.call(times_a_given_matrix, like))
    expected = x @ q.astype("float32").astype("float64")
    unit = machine_epsilon(dtype) / 2
    second = unit**2 * np.abs(x) @ np.abs(q)  # what two half-precision terms leave of Q
    smallest = 2.0**-24 if dtype == "float16" else 0.0  # rounding of subnormal numbers
    allowance = unit * np.abs(expected) + 2 * second + C_SUM * 5 * SINGLE + smallest
    assert np.all(np.abs(result - expected) <= allowance)


def times_a_given_matrix(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    ops = HalfProducts(space)
    values = [1.0, 0.3, 0.1, 0.01, 1e-3]
    q = ops.identity(x) * ops.xp.asarray(values, dtype=ops.xp.float32, device=space.device)
    return ops.times(x, q + 1e-4)


@on_dtypes("float16")
def test_sums_beyond_the_half_range_are_finite(backend, dtype):
    x = np.full((2048, 2), 200.0)
    result = backend.call(apply, backend.asarray(x, dtype), name="gram")
    np.testing.assert_array_equal(to_numpy(result), np.full((2, 2), 2048 * 200.0**2))


@pytest.mark.parametrize("dtype", HALVES)
def test_libraries_agree_to_a_rounding(dtype):
    x = matrices(12, 5, dtype)
    names = ["torch", "jax", *(["numpy"] if dtype == "float16" else [])]
    results = [to_numpy(apply(load(name).asarray(x, dtype), name="multiply_add")) for name in names]
    for other in results[1:]:
        difference = np.abs(other.astype(float) - results[0].astype(float))
        assert np.all(difference <= machine_epsilon(dtype) * np.maximum(np.abs(results[0]), 2e-3))


def test_half_products_are_products_with_a_single_precision_side():
    space, _ = resolve("test", np.zeros((2, 2), "float16"))
    ops = HalfProducts(space)
    assert isinstance(ops, Products)
    assert ops.single.dtype_name == "float32"
    assert (ops.single.name, ops.single.device) == (space.name, space.device)


@on_dtypes(*HALVES)
def test_inputs_are_not_written(backend, dtype):
    x = matrices(6, 4, dtype)
    like = backend.asarray(x, dtype)
    for name in ("gram", "multiply_add", "times"):
        backend.call(apply, like, name=name)
    np.testing.assert_array_equal(to_numpy(like), x)
