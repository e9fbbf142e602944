"""The kernels of `skew_exp` against its text: values, derivatives, limits, threads."""

from __future__ import annotations

import numpy as np
import pytest

from orthola._core.space import resolve
from orthola._kernels.numba.exponential_large import exponential_large
from orthola._kernels.numba.exponential_small import exponential_small
from orthola._maps.exponential_engine import run
from orthola._maps.jets import jet_of
from orthola._maps.pade import APPROXIMANTS
from orthola._maps.squaring import (
    Plan,
    exponential,
    free_squarings,
    most_squarings,
    plan_for,
    spacing,
)
from orthola.testing import gaussian, machine_epsilon

C_TEXT = 30.0  # difference from the text in units of n eps max(1, ||A||)
NORMS = (0.0, 1e-300, 1e-6, 0.2, 0.9, 2.0, 3.0, 5.0, 20.0, 300.0, 1e6)

kernels = pytest.mark.parametrize("kernel", [exponential_small, exponential_large])
dtypes = pytest.mark.parametrize("dtype", ["float64", "float32", "complex64", "complex128"])


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def drawn(n, dtype, norms=NORMS):
    """Skew-Hermitian matrices of these norms, and any directions."""
    a = gaussian(n, n, shape=(len(norms),), dtype="complex128", rng=n)
    a = a if "complex" in dtype else a.real
    a = a - h(a)
    size = np.linalg.norm(a, 2, axis=(-2, -1))
    a = a * (np.array(norms) / np.where(size > 0, size, 1))[:, None, None]
    e = gaussian(n, n, shape=(len(norms),), dtype=dtype, rng=n + 1)
    return a.astype(dtype), e


def called(kernel, a, e, bound=None, threads=None):
    eps, n = machine_epsilon(a.dtype), a.shape[-1]
    limits = (free_squarings(n), spacing(eps), most_squarings(eps))
    return kernel(a, e, bound=bound, approximants=APPROXIMANTS, limits=limits, threads=threads)


def text(a, e, plan):
    space, _ = resolve("test", a)
    with np.errstate(all="ignore"):
        return exponential(space, plan, jet_of(a, [] if e is None else [e]))[-1]


@kernels
@pytest.mark.parametrize("n", [1, 2, 3, 6, 13, 33])
@dtypes
def test_kernels_agree_with_the_text(kernel, dtype, n):
    a, e = drawn(n, dtype)
    bound = C_TEXT * n * machine_epsilon(dtype) * np.maximum(1.0, NORMS)
    for direction in (None, e):
        out = called(kernel, a, direction)
        assert (out.dtype, out.shape) == (a.dtype, a.shape)
        size = 1.0 if direction is None else np.linalg.norm(e, axis=(-2, -1))
        error = np.linalg.norm(out - text(a, direction, Plan(True)), axis=(-2, -1))
        assert (error <= bound * size).all()
    q = called(kernel, a, None).astype(np.complex128)
    defect = np.linalg.norm(h(q) @ q - np.eye(n), 2, axis=(-2, -1))
    assert (defect <= 5 * n * machine_epsilon(dtype)).all()


@kernels
def test_a_bound_takes_the_place_of_the_estimate(kernel):
    norms = (0.5, 2.0, 7.9)
    a, e = drawn(5, "float64", norms)
    space, _ = resolve("test", a)
    for direction in (None, e):
        out = called(kernel, a, direction, bound=8.0)
        expected = text(a, direction, plan_for(space, 8.0, unitary=True))
        assert np.abs(out - expected).max() <= 1e-13


@kernels
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_bits_do_not_depend_on_threads_nor_layout(kernel, dtype):
    a, e = drawn(9, dtype, (0.5,) * 100)
    expected = called(kernel, a, e, threads=1)
    assert np.array_equal(called(kernel, a, e, threads=3), expected)
    odd = np.repeat(a, 2, -1)[..., ::2], np.asfortranarray(e)
    for x in odd:
        x.flags.writeable = False
    assert np.array_equal(called(kernel, *odd), expected)
    assert np.array_equal(called(kernel, a.astype(a.dtype.newbyteorder()), e), expected)


@kernels
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_items_that_are_not_finite(kernel, bad):
    a, e = drawn(4, "float64", (1.0,) * 9)
    clean = called(kernel, a, e)
    a[2, 1, 3] = bad
    out = called(kernel, a, e)
    assert np.isnan(out[2]).all()
    others = [0, 1, *range(3, 9)]
    assert np.abs(out[others] - clean[others]).max() <= 1e-14
    assert np.isnan(called(kernel, a, None)[2]).all()


@kernels
def test_ends_of_the_range(kernel):
    top = float(np.finfo(np.float64).max)
    a, _ = drawn(3, "float64", (1e-308, 0.1 * top))
    q = called(kernel, a, None)
    assert np.abs(h(q) @ q - np.eye(3)).max() <= 1e-14
    off = ~np.eye(3, dtype=bool)
    assert np.abs(q[0][off] - a[0][off]).max() <= 1e-322


def test_the_engine_leaves_other_cases_to_the_text():
    a, e = drawn(4, "float64", (0.7, 3.0))
    space, _ = resolve("test", a)
    second = run(space, Plan(True), jet_of(a, [e, a]))
    expected = exponential(space, Plan(True), jet_of(a, [e, a]))[-1]
    assert np.array_equal(second, expected)
    general = run(space, Plan(False), (a + np.eye(4),))
    assert np.abs(general - np.e * run(space, Plan(True), (a,))).max() <= 1e-13
