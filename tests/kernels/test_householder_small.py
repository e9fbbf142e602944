"""The kernels of reflectors, small and large, against the Array-API text."""

from __future__ import annotations

import numpy as np
import pytest

from orthola._core.space import resolve
from orthola._kernels.numba import householder_large as large
from orthola._kernels.numba import householder_small as small
from orthola._maps import reflector_derivatives as rules
from orthola._maps.reflectors import apply_reflectors, explicit, product_of_reflectors
from orthola.testing import gaussian, machine_epsilon

C_KERNEL = 50.0  # in units of m eps, of the largest entry expected
DTYPES = ("float32", "float64", "complex64", "complex128")
SHAPES = ((7, 5, 3), (4, 4, 4), (5, 1, 6), (9, 9, 1), (1, 1, 1), (8, 6, 9))
ITEMS = 11  # one whole group of lanes and a part of one
modes = pytest.mark.parametrize(("packed", "tied"), [(a, b) for a in (False, True) for b in (0, 1)])
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def close(found, expected):
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    limit = (
        C_KERNEL
        * expected.shape[-2 if expected.ndim > 2 else -1]
        * machine_epsilon(expected.dtype.name)
    )
    assert np.abs(found - expected).max(initial=0.0) <= limit * scale


def drawn(shape, dtype, tied):
    m, k, p = shape
    v = gaussian(m, k, shape=(ITEMS,), dtype=dtype, rng=1) / 2
    v[:, 0] += 2  # no column is small: derivatives would be large, and cancel
    tau = gaussian(1, k, shape=(ITEMS,), dtype=dtype, rng=2)[:, 0] / 2
    x = gaussian(m, p, shape=(ITEMS,), dtype=dtype, rng=3)
    return resolve("test", v)[0], v, None if tied else tau, x


@modes
@shapes
@dtypes
def test_products_equal_the_text(dtype, shape, packed, tied):
    space, v, tau, _ = drawn(shape, dtype, tied)
    m, k, _ = shape
    r = explicit(space, v, tau, packed)
    for columns in {1, k, m}:
        expected = product_of_reflectors(space, r, columns, packed)
        close(small.product_stack(v, tau, columns, packed=packed), expected)
        for layout in (v, np.swapaxes(np.swapaxes(v, -1, -2).copy(), -1, -2)):
            close(large.product_large(layout, tau, columns, packed=packed), expected)


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("conjugate", [False, True])
@modes
@shapes
@dtypes
def test_multiplication_equals_the_text(dtype, shape, packed, tied, conjugate, right):
    space, v, tau, x = drawn(shape, dtype, tied)
    x = np.swapaxes(x, -1, -2).copy() if right else x
    r = explicit(space, v, tau, packed)
    expected = apply_reflectors(space, r, x, conjugate, packed, right)
    options = {"conjugate": conjugate, "packed": packed, "right": right}
    close(small.apply_stack(v, tau, x, **options), expected)
    close(large.apply_large(v, tau, x, **options), expected)


@modes
@shapes
@dtypes
def test_pullbacks_equal_the_text(dtype, shape, packed, tied):
    space, v, tau, x = drawn(shape, dtype, tied)
    m, k, _ = shape
    for columns in (k, m):
        bar = gaussian(m, columns, shape=(ITEMS,), dtype=dtype, rng=4)
        expected = rules.product_pullback(space, v, tau, bar, packed=packed)
        found = small.product_pullback_stack(v, tau, bar, packed=packed)
        for one, other in zip(found, expected, strict=True):
            close(one, other)
    for conjugate, right in ((False, False), (True, False), (False, True), (True, True)):
        y = np.swapaxes(x, -1, -2).copy() if right else x
        bar = gaussian(*y.shape[1:], shape=(ITEMS,), dtype=dtype, rng=5)
        options = {"conjugate": conjugate, "packed": packed, "right": right}
        expected = rules.apply_pullback(space, v, tau, y, bar, **options)
        found = small.apply_pullback_stack(v, tau, y, bar, **options)
        for one, other in zip(found, expected, strict=True):
            close(one, other)


@pytest.mark.parametrize("shape", [(100, 100), (300, 40)], ids=str)
def test_several_panels_and_threads(shape):
    v = gaussian(*shape, shape=(6,), dtype="float64", rng=6)
    space, _ = resolve("test", v)
    expected = product_of_reflectors(space, explicit(space, v, None, True), shape[1], True)
    for threads in (1, 2):
        close(large.product_large(v, None, shape[1], packed=True, threads=threads), expected)


def test_number_of_threads_changes_no_bit():
    v = gaussian(8, 8, shape=(3000,), dtype="float64", rng=7)
    once = small.product_stack(v, None, 8, packed=False, threads=1)
    assert np.array_equal(small.product_stack(v, None, 8, packed=False, threads=2), once)


@pytest.mark.parametrize("value", [0.0, 1e-200, 1e200, np.nan])
def test_blas_declines_what_has_to_be_scaled(value):
    v = gaussian(40, 3, shape=(1,), dtype="float64", rng=8)
    v[0, :, 1] = value
    assert large.product_large(v, None, 3, packed=False) is None
    assert large.product_large(v, np.ones((1, 3)), 3, packed=False) is not None
