"""The kernels of the Cayley map, for stacks and for single matrices, against the text."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import cayley, cayley_inverse, options
from orthola._core.space import resolve
from orthola._kernels.numba import cayley_items as items
from orthola._kernels.numba import cayley_small as small
from orthola._kernels.numba.accretive import invert_in_place
from orthola._kernels.numba.pair_flips import flip_pairs_stack
from orthola._maps import cayley_text
from orthola._maps.cayley_plan import Plan
from orthola._maps.pair_flips import flip_limit, flip_pairs
from orthola.testing import gaussian, machine_epsilon, orthonormal

C_KERNEL = 50.0  # in units of n u, of the largest entry expected
DTYPES = ("float32", "float64", "complex64", "complex128")
ORDERS = (1, 2, 3, 4, 5, 8, 13, 33)
COUNT = 11  # one whole group of lanes and a part of one
dtypes = pytest.mark.parametrize("dtype", DTYPES)
orders = pytest.mark.parametrize("n", ORDERS)
versions = pytest.mark.parametrize("version", ["small", "items"])
MAPS = {"small": small.cayley_stack, "items": items.cayley_items}
WAYS_BACK = {"small": small.cayley_inverse_stack, "items": items.cayley_inverse_items}


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def close(found, expected, *, factor=1.0):
    n = expected.shape[-1]
    limit = C_KERNEL * n * machine_epsilon(expected.dtype.name) * factor
    assert found.dtype == expected.dtype
    assert np.abs(found - expected).max(initial=0.0) <= limit * max(1.0, np.abs(expected).max())


def phases(n, dtype, seed):
    z = gaussian(1, n, shape=(COUNT,), dtype=dtype, rng=seed)[:, 0]
    return z / np.abs(z)


def stack_of_haar(n, dtype, seed):
    rng = np.random.default_rng(seed)
    return np.stack([orthonormal(n, n, dtype=dtype, rng=rng) for _ in range(COUNT)])


@versions
@orders
@dtypes
def test_the_map_equals_the_text(dtype, n, version):
    d = phases(n, dtype, 2)
    for size in (0.3, 3.0, 300.0):
        a = (size * gaussian(n, n, shape=(COUNT,), dtype=dtype, rng=n)).astype(dtype)
        space, _ = resolve("test", a)
        for signs in (None, d):
            q, lost = MAPS[version](a, signs, scale=0.7)
            assert not lost.any()
            expected = cayley_text.transform(space, Plan(0.7, "solve", None, 0.0), a, signs)
            close(q, expected, factor=1 + size * n**0.5)


@versions
@orders
@dtypes
def test_the_way_back_equals_the_text(dtype, n, version):
    q = stack_of_haar(n, dtype, n)
    space, _ = resolve("test", q)
    t, d, size, dropped = WAYS_BACK[version](q, None)
    expected, signs, expected_size, _ = cayley_text.way_back(space, q, None)
    norm = np.linalg.norm(expected, axis=(-2, -1), ord=2).max()
    close(d, signs, factor=1 + norm)
    close(t, expected, factor=(1 + norm) ** 2)
    assert np.allclose(size, expected_size, rtol=1e-3, atol=1e-5)
    assert np.all(dropped <= C_KERNEL * n * machine_epsilon(dtype) * (1 + norm) ** 2)
    assert np.array_equal(t, -h(t))
    # The same signs given: the same numbers, with and without row exchanges.
    again, kept, *_ = WAYS_BACK[version](q, d)
    assert np.array_equal(kept, d)
    close(again, expected, factor=(1 + norm) ** 2)


@pytest.mark.parametrize(
    ("version", "dtype"),
    # Stacks of single precision are computed in double.
    [("small", dtype) for dtype in DTYPES[1::2]] + [("items", dtype) for dtype in DTYPES],
)
@np.errstate(all="ignore")
def test_items_that_elimination_loses_are_told(dtype, version):
    n, half = 16, np.zeros((16, 16))
    half[np.arange(8, 16, 2), np.arange(9, 16, 2)] = 1.0
    v = stack_of_haar(n, dtype, 3)
    a = v @ (half - half.T).astype(dtype) @ h(v)  # of half the rank, beside I
    a[4:] *= 1 / machine_epsilon(dtype)
    q, lost = MAPS[version](a, None, scale=1.0)
    assert lost.any()
    assert not lost[:4].any()
    for orthogonal in (q[~lost], cayley(a, scale=1.0)):
        defect = np.linalg.norm(h(orthogonal) @ orthogonal - np.eye(n), axis=(-2, -1), ord=2)
        assert defect.max() <= C_KERNEL * n * machine_epsilon(dtype)


@versions
@dtypes
@np.errstate(all="ignore")  # as the caller of the kernels has it
def test_nan_stays_in_its_item_bit_by_bit(dtype, version):
    a, q = gaussian(5, 5, shape=(COUNT,), dtype=dtype, rng=4), stack_of_haar(5, dtype, 4)
    clean_map, clean_back = MAPS[version](a, None, scale=1.0), WAYS_BACK[version](q, None)
    keep = np.arange(COUNT) != 3
    for value in (np.nan, np.inf):
        a[3, 1, 0] = q[3, 4, 2] = value
        found, lost = MAPS[version](a, None, scale=1.0)
        assert np.isnan(found[3]).all() or lost[3]
        assert np.array_equal(found[keep], clean_map[0][keep])
        for one, other in zip(WAYS_BACK[version](q, None), clean_back, strict=True):
            assert np.isnan(one[3]).all()
            assert np.array_equal(one[keep], other[keep])


@pytest.mark.parametrize("n", [3, 40])
def test_number_of_threads_changes_no_bit(n):
    count = 3000 if n == 3 else 60
    a = gaussian(n, n, shape=(count,), rng=5) / n**0.5
    q = cayley(a)
    for version in MAPS:
        once, _ = MAPS[version](a, None, scale=0.5, threads=1)
        assert np.array_equal(MAPS[version](a, None, scale=0.5, threads=2)[0], once)
        back = WAYS_BACK[version](q, None, threads=1)
        for one, other in zip(WAYS_BACK[version](q, None, threads=2), back, strict=True):
            assert np.array_equal(one, other)


@dtypes
@pytest.mark.parametrize("n", [1, 4, 31, 47, 66, 131])
def test_inverses_without_row_exchanges(n, dtype):
    a = gaussian(n, n, dtype=dtype, rng=6)
    x = (np.eye(n) - (a - h(a)) / n**0.5).astype(dtype)
    expected = np.linalg.inv(x.astype(np.complex128))
    y = x.copy()
    invert_in_place(y)
    assert np.abs(y - expected).max() <= C_KERNEL * n * machine_epsilon(dtype)
    q, signs = orthonormal(n, n, dtype=dtype, rng=7), np.empty(n, dtype)
    y = q.copy()
    invert_in_place(y, signs)
    assert np.abs(np.abs(signs) - 1).max() <= 4 * machine_epsilon(dtype)
    expected = np.linalg.inv(q.astype(np.complex128) + np.diag(signs))
    norm = np.linalg.norm(expected, ord=2)
    assert np.abs(y - expected).max() <= C_KERNEL * n * machine_epsilon(dtype) * (1 + norm) ** 2


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "float32", "float64"])
def test_a_zero_pivot_raises_nothing(dtype):
    x = np.diag([1, 0, 2]).astype(dtype)
    invert_in_place(x)
    assert not np.abs(x[1, 1]) < 1e15


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [2, 5, 24])
def test_pair_flips_equal_the_text(n, dtype):
    a = gaussian(n, n, shape=(7,), dtype=dtype, rng=8)
    t = a - h(a)
    t[5] = np.nan
    space, _ = resolve("test", t)
    ones = np.ones((7, n), dtype)
    limit = flip_limit(space, n)
    found = flip_pairs_stack(t, ones, limit=limit)
    with options(kernels=False):
        expected = flip_pairs(space, t, ones)
    keep = np.arange(7) != 5
    assert np.array_equal(found[1][keep], expected[1][keep])
    assert np.array_equal(found[2][keep], expected[2][keep])
    assert np.allclose(found[0][keep], expected[0][keep], rtol=0, atol=1e4 * n * space.eps)
    assert np.isnan(found[0][5]).all()
    assert found[2][5] == expected[2][5] == 0
    assert np.all(np.abs(found[0][keep]).max(axis=(-2, -1)) <= 1 + 100 * n * space.eps)


@dtypes
def test_a_stack_and_its_items_choose_the_same_kernel_results(dtype):
    q = stack_of_haar(9, dtype, 9)
    together, alone = cayley_inverse(q), cayley_inverse(q[3])
    close(together.skew[3], alone.skew, factor=1e2)
