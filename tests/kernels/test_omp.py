"""The kernels of pursuits against the text, and how they behave in threads and in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import orthola
from orthola import Status
from orthola._core.space import resolve
from orthola._sparse.gram import gram_of_array
from orthola._sparse.host import pursue_on_host
from orthola._sparse.plan import facts_of, plan_pursuit
from orthola.testing import gaussian, machine_epsilon
from tests.sparse.forms import FORMS, pursue, sparse_signals, unit_atoms

C_KERNEL = 100.0  # in K sqrt(M) eps
KERNELS = [form for form in FORMS if form.endswith("kernel")]
DTYPES = ("float64", "float32", "complex128", "complex64")
in_both_kernels = pytest.mark.parametrize("form", KERNELS)


def problem(m, n, items, k, *, dtype="float64", rng=0):
    """Noisy signals, and atoms of different lengths."""
    rng = np.random.default_rng(rng)
    a = gaussian(n, m, dtype=dtype, rng=rng) * rng.uniform(0.5, 2.0, (n, 1))
    a = a.astype(dtype)
    y, _ = sparse_signals(a, items, k, noise=0.05, rng=rng)
    return y, a


def assert_equal_codes(found, expected, limit):
    for field in ("indices", "n_active", "status"):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field))
    for field in ("coefficients", "residual_norm"):
        x, y = getattr(found, field), getattr(expected, field)
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=limit, atol=limit * max(1.0, np.abs(y).max()))


def assert_same_bits(found, expected):
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_array_equal(x, y)


@in_both_kernels
@pytest.mark.parametrize("rule", ["omp", "normalized", "ols"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_codes_equal_those_of_the_text(form, rule, dtype):
    options = {"normalize": rule == "normalized", "selection": "ols" if rule == "ols" else "omp"}
    rng = np.random.default_rng(3)
    # One atom more than some tiles of columns; fewer atoms than features
    for m, n, items, k in ((33, 129, 7, 6), (30, 17, 5, 4)):
        y, a = problem(m, n, items, k, dtype=dtype)
        limit = C_KERNEL * k * m**0.5 * machine_epsilon(dtype)
        for more in (
            {"n_nonzero": k},
            {"n_nonzero": rng.integers(0, k + 1, items)},
            {"n_nonzero": k, "tol": rng.uniform(0.05, 0.6, items).astype(y.real.dtype)},
            {"n_nonzero": k, "exclude": rng.random(n) < 0.3},
            {"n_nonzero": k, "exclude": rng.integers(-1, n, (items, 4))},
        ):
            found = pursue(form, y, a, **options, **more)
            expected = pursue(form.partition(",")[0], y, a, **options, **more)
            assert_equal_codes(found, expected, limit)


@in_both_kernels
def test_masks_per_signal(form):
    y, a = problem(20, 50, 6, 4)
    mask = np.random.default_rng(0).random((6, 50)) < 0.5
    result = pursue(form, y, a, n_nonzero=4, exclude=mask)
    assert (result.n_active == 4).all()
    assert not np.take_along_axis(mask, result.indices, axis=1).any()
    for i in range(6):
        one = pursue(form, y[i : i + 1], a, n_nonzero=4, exclude=mask[i])
        np.testing.assert_array_equal(one.indices[0], result.indices[i])


@in_both_kernels
@pytest.mark.parametrize("rule", ["omp", "ols"])
def test_dependent_atoms_are_passed_over(form, rule):
    """Twenty copies of each of six atoms: six can be chosen, one of each."""
    a = np.repeat(unit_atoms(6, 8), 20, axis=0)
    y = gaussian(4, 8, rng=1)
    result = pursue(form, y, a, n_nonzero=8, selection=rule)
    assert (result.n_active == 6).all()
    assert (result.status == Status.EXHAUSTED).all()
    assert (np.sort(result.indices[:, :6] // 20) == np.arange(6)).all()


@in_both_kernels
def test_thread_bits(form):
    y, a = problem(32, 96, 1500, 5)
    with orthola.options(threads=1):
        expected = pursue(form, y, a, n_nonzero=5)
    for threads in (2, 16):
        with orthola.options(threads=threads):
            assert_same_bits(pursue(form, y, a, n_nonzero=5), expected)


def test_gram_bits_do_not_depend_on_threads():
    a = unit_atoms(1100, 40)
    with orthola.options(threads=1):
        one = gram_of_array(a)
    with orthola.options(threads=16):
        assert_same_bits([gram_of_array(a)], [one])
    np.testing.assert_array_equal(one, one.T)
    np.testing.assert_allclose(one, a @ a.T, atol=40 * machine_epsilon("float64"))
    b = unit_atoms(600, 10, dtype="complex64")
    g = gram_of_array(b)
    np.testing.assert_array_equal(g, g.conj().T)
    np.testing.assert_allclose(g, b.conj() @ b.T, atol=20 * machine_epsilon("float32"))


@in_both_kernels
def test_concurrent_calls(form):
    y, a = problem(32, 96, 800, 5)
    expected = pursue(form, y, a, n_nonzero=5)
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(pursue, form, y, a, n_nonzero=5) for _ in range(16)]
        for call in calls:
            assert_same_bits(call.result(), expected)


AFTER_FORK = """
import os
import numpy as np
import orthola
rng = np.random.default_rng(0)
y, a = rng.standard_normal((900, 24)), rng.standard_normal((64, 24))
expected = orthola.omp(y, a, n_nonzero=6)
child = os.fork()
if child == 0:
    found = orthola.omp(y, a, n_nonzero=6)
    os._exit(0 if all(np.array_equal(p, q) for p, q in zip(found, expected)) else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert np.array_equal(orthola.omp(y, a, n_nonzero=6).indices, expected.indices)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_fork():
    # In its own interpreter, since forking is not safe with the other libraries of this suite.
    subprocess.run([sys.executable, "-c", AFTER_FORK], check=True, timeout=120)


@in_both_kernels
def test_no_per_signal_copy(form):
    """Forty times the signals: the peak grows by the results alone, not by rows per signal."""
    m, n, k = 16, 256, 4
    a, peaks, owns = unit_atoms(n, m), [], []
    gram = a @ a.T
    for items in (256, 256 * 40):
        y = gaussian(items, m, rng=0)
        options = {"gram": gram} if form.startswith("stored") else {"max_memory": 2**20 - 1}
        with orthola.options(threads=1):
            orthola.omp(y[:300], a, n_nonzero=k, **options)
            tracemalloc.start()
            result = orthola.omp(y, a, n_nonzero=k, **options)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        owns.append(sum(x.nbytes for x in result))
    # A few numbers per signal besides; n or k n of them would be ten times as much.
    assert peaks[1] - peaks[0] < owns[1] - owns[0] + 8 * 24 * 256 * 39


def plan_for(y, a, form, k, rule="omp"):
    space, _ = resolve("omp", a)
    facts = facts_of(space, y, a, gram_given=form == "stored-rows")
    small = 2 * len(a) ** 2 * a.itemsize - 1
    return space, plan_pursuit(facts, rule, False, k, False, None, small, True)


@pytest.mark.parametrize("rule", ["omp", "ols"])
@pytest.mark.parametrize("form", ["stored-rows", "residual"])
def test_tiles_equal_untiled(form, rule):
    y, a = problem(24, 100, 70, 5)
    a[60] = a[10]  # equal atoms in different tiles
    gram = gram_of_array(a)
    space, plan = plan_for(y, a, form, 5, rule)
    assert plan.form == form
    counts, none = np.full(70, 5), np.zeros(70)
    whole = pursue_on_host(space, plan, y, a, gram, counts, none, None)
    assert not (whole[0] == 60).any()
    for signals, atoms in ((1, 1), (7, 33), (64, 50)):
        tiled = plan._replace(tile_signals=signals, tile_atoms=atoms)
        found = pursue_on_host(space, tiled, y, a, gram, counts, none, None)
        for i in (0, 2, 4):
            np.testing.assert_array_equal(found[i], whole[i])
        for i in (1, 3):
            np.testing.assert_allclose(found[i], whole[i], rtol=1e-11, atol=1e-12)


@in_both_kernels
def test_read_only_strided(form):
    y, a = problem(20, 48, 10, 4)
    expected = pursue(form, y, a, n_nonzero=4)
    backwards, columns = y[::-1].copy()[::-1], np.asfortranarray(a)
    wide = np.zeros((48, 40))
    wide[:, ::2] = a
    for signals in (backwards, np.asfortranarray(y)):
        for atoms in (columns, wide[:, ::2]):
            for x in (signals, atoms):
                x.flags.writeable = False
            before = signals.copy(), atoms.copy()
            found = pursue(form, signals, atoms, n_nonzero=4)
            assert_equal_codes(found, expected, 1e-11)
            assert_same_bits((signals, atoms), before)


NEVER_EMPTY = """
import numpy as np
import orthola
from tests.sparse.forms import sparse_signals, unit_atoms
a = unit_atoms(512, 256, dtype="float32")
y, supports = sparse_signals(a, 1000, 16)
for _ in range(2):
    with orthola.options(threads={threads}):
        codes = orthola.omp(y, a, n_nonzero=16)
    assert (codes.n_active == 16).all()
    right = (np.sort(codes.indices) == np.sort(supports)).all(axis=1)
    assert right.sum() >= 998, right.sum()
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_float32_never_empty(threads):
    code = NEVER_EMPTY.format(threads=threads)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@in_both_kernels
@pytest.mark.parametrize("exponent", [-240, 240])
def test_signals_of_extreme_size(form, exponent):
    y, a = problem(20, 48, 10, 4)
    expected = pursue(form, y, a, n_nonzero=4)
    some = np.ldexp(y, np.where(np.arange(10) % 2, 4 * exponent, 0)[:, None])
    found = pursue(form, some, a, n_nonzero=4)
    np.testing.assert_array_equal(found.indices, expected.indices)
    back = np.where(np.arange(10) % 2, -4 * exponent, 0)
    np.testing.assert_allclose(
        np.ldexp(found.coefficients, back[:, None]), expected.coefficients, rtol=1e-12
    )
    np.testing.assert_allclose(
        np.ldexp(found.residual_norm, back), expected.residual_norm, rtol=1e-11, atol=1e-13
    )


def test_an_item_that_is_not_finite_leaves_the_others_alone():
    y, a = problem(20, 48, 6, 4)
    expected = pursue(KERNELS[0], y, a, n_nonzero=4)
    y[2, 3], y[4, 0] = np.nan, np.inf
    for form in KERNELS:
        found = pursue(form, y, a, n_nonzero=4, check_finite=False)
        assert list(found.status) == [0, 0, 3, 0, 3, 0]
        assert (found.indices[[2, 4]] == -1).all()
        assert np.isnan(found.residual_norm[[2, 4]]).all()
        good = [0, 1, 3, 5]
        np.testing.assert_array_equal(found.indices[good], expected.indices[good])
