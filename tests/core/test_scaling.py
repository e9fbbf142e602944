"""Scaling by powers of two is exact on every library, over the whole range of exponents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthola._core.scaling import (
    _power,
    largest_entry,
    power_of_two_exponent,
    scale_by_power_of_two,
)
from orthola._core.space import resolve
from orthola.testing import gaussian
from tests.capabilities import EXACT
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

# Functions of arrays alone, as a traced call needs them.


def largest(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return largest_entry(space, x)


def exponent_of(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return power_of_two_exponent(space, x)


def scaled(x: Any, exponent: Any) -> Any:
    space, (x,) = resolve("test", x)
    return scale_by_power_of_two(space, x, exponent)


def power(like: Any, exponent: Any) -> Any:
    space, _ = resolve("test", like)
    return _power(space, exponent)


def normalised(x: Any) -> tuple[Any, Any]:
    space, (x,) = resolve("test", x)
    exponent = power_of_two_exponent(space, largest_entry(space, x))
    return scale_by_power_of_two(space, x, -exponent), exponent


# largest_entry


@on_dtypes(*EXACT)
def test_largest_entry_is_that_of_the_real_and_imaginary_parts(backend, dtype):
    x = gaussian(4, 3, shape=(2, 5), dtype=dtype, rng=0)
    result = backend.call(largest, backend.asarray(x))
    assert_same_kind(result, backend.asarray(x), dtype=real_of(dtype), shape=(2, 5))
    parts = np.maximum(np.abs(x.real), np.abs(x.imag))
    np.testing.assert_array_equal(to_numpy(result), parts.max(axis=(-2, -1)))


@on_dtypes(*EXACT)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_is_not_finite_shows_through(backend, dtype, sign):
    x = gaussian(3, 3, shape=(3,), dtype=dtype, rng=0)
    x[0, 1, 2] = sign * np.nan
    x[1, 2, 0] = sign * np.inf
    if dtype.startswith("complex"):
        x[0, 1, 2], x[1, 2, 0] = complex(0.0, np.nan), complex(0.0, sign * np.inf)
    result = to_numpy(backend.call(largest, backend.asarray(x)))
    assert np.isnan(result[0])
    assert result[1] == np.inf
    assert np.isfinite(result[2])


# power_of_two_exponent


@on_dtypes("float32", "float64")
def test_exponent_is_that_of_frexp_over_the_whole_normal_range(backend, dtype):
    info = np.finfo(dtype)
    k = np.arange(info.minexp, info.maxexp)
    for factor in (1.0, 1.5, 2.0 - info.eps):
        sizes = np.ldexp(np.asarray(factor, dtype), k)
        found = to_numpy(backend.call(exponent_of, backend.asarray(sizes, dtype)))
        np.testing.assert_array_equal(found, np.frexp(sizes)[1])


@on_dtypes("float32", "float64")
def test_exponent_of_zero_is_zero(backend, dtype):
    found = backend.call(exponent_of, backend.asarray(np.zeros(2), dtype))
    np.testing.assert_array_equal(to_numpy(found), [0, 0])


@on_dtypes("float32", "float64")
def test_subnormal_sizes_are_lifted_far_from_underflow(backend, dtype):
    if backend.name.startswith("jax"):
        pytest.skip("XLA takes subnormal numbers for zero on a CPU")
    info = np.finfo(dtype)
    k = np.arange(info.minexp - info.nmant, info.minexp)
    sizes = np.ldexp(np.asarray(1.0, dtype), k)
    found = to_numpy(backend.call(exponent_of, backend.asarray(sizes, dtype)))
    # Lifted to eps at least, so that squares are normal numbers.
    assert np.all(k - found >= np.log2(info.eps) - 1)
    assert np.all(k - found <= 0)


# Powers


@on_dtypes("float32", "float64")
def test_powers_are_exact(backend, dtype):
    info = np.finfo(dtype)
    k = np.arange(info.minexp, info.maxexp, dtype="int32")
    like = backend.asarray(np.ones((1, 1)), dtype)
    result = backend.call(power, like, backend.asarray(k))
    assert_same_kind(result, like, shape=k.shape)
    np.testing.assert_array_equal(to_numpy(result), np.ldexp(np.asarray(1.0, dtype), k))


# scale_by_power_of_two


@on_dtypes(*EXACT)
def test_scaling_of_numbers_near_one_is_exact_wherever_the_result_is_normal(backend, dtype):
    info = np.finfo(dtype)
    k = np.arange(info.minexp + 2, info.maxexp - 2, 7 if info.bits == 64 else 1, dtype="int32")
    x = gaussian(3, 2, dtype=dtype, rng=1)
    x /= 2 * np.abs(x).max()
    x.real[np.abs(x.real) < 0.25] = 0.25
    if x.dtype.kind == "c":
        x.imag[np.abs(x.imag) < 0.25] = -0.25
    stack = np.broadcast_to(x, (k.size, 3, 2))
    result = backend.call(scaled, backend.asarray(stack, dtype), backend.asarray(k))
    assert_same_kind(result, backend.asarray(stack, dtype), shape=stack.shape)
    result, e = to_numpy(result), k[:, None, None]
    np.testing.assert_array_equal(result.real, np.ldexp(x.real, e))
    np.testing.assert_array_equal(result.imag, np.ldexp(x.imag, e))


@on_dtypes("float32", "float64")
def test_results_below_the_normal_range_are_rounded_once(backend, dtype):
    if backend.name.startswith("jax"):
        pytest.skip("XLA takes subnormal numbers for zero on a CPU")
    info = np.finfo(dtype)
    k = np.arange(info.minexp - info.nmant - 2, info.minexp, dtype="int32")
    x = 0.5 + np.random.default_rng(0).random((50, 1))
    stack = np.broadcast_to(x.astype(dtype), (k.size, 50, 1))
    result = to_numpy(backend.call(scaled, backend.asarray(stack), backend.asarray(k)))
    np.testing.assert_array_equal(result, np.ldexp(stack, k[:, None, None]))


@on_dtypes(*EXACT)
@pytest.mark.parametrize("decimal", [-300, -35, -20, 0, 20, 35, 300])
def test_normalising_and_going_back_changes_no_bit(backend, dtype, decimal):
    if abs(decimal) > 35 and real_of(dtype) == "float32":
        decimal //= 9  # 1e-300 is 1e-34 here
    x = (10.0**decimal / 4 * gaussian(5, 4, shape=(6,), dtype=dtype, rng=2)).astype(dtype)
    y, exponent = backend.call(normalised, backend.asarray(x, dtype))
    size = to_numpy(backend.call(largest, y))
    assert np.all((size >= 0.5) & (size < 1.0))
    np.testing.assert_array_equal(to_numpy(backend.call(scaled, y, exponent)), x)


@on_dtypes("float64", "float32")
def test_each_item_has_its_own_exponent(backend, dtype):
    x = gaussian(3, 3, dtype=dtype, rng=3)
    k = np.array([-90, 0, 90], dtype="int32")
    stack = np.ldexp(x, k[:, None, None])
    y, exponent = backend.call(normalised, backend.asarray(stack))
    y = to_numpy(y)
    np.testing.assert_array_equal(y[0], y[1])
    np.testing.assert_array_equal(y[2], y[1])
    np.testing.assert_array_equal(np.diff(to_numpy(exponent)), [90, 90])


@on_dtypes(*EXACT)
def test_a_power_of_two_in_front_leaves_no_trace_after_normalising(backend, dtype):
    info = np.finfo(dtype)
    x = gaussian(4, 3, dtype=dtype, rng=4)
    x.real[np.abs(x.real) < 0.01] = 0.01
    if x.dtype.kind == "c":
        x.imag[np.abs(x.imag) < 0.01] = 0.01
    one = to_numpy(backend.call(normalised, backend.asarray(x))[0])
    for k in (info.minexp + 10, -7, 5, info.maxexp - 4):
        moved = np.ldexp(x.real, k)
        if x.dtype.kind == "c":
            moved = (moved + 1j * np.ldexp(x.imag, k)).astype(dtype)
        np.testing.assert_array_equal(
            to_numpy(backend.call(normalised, backend.asarray(moved))[0]), one
        )
