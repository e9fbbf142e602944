"""`omp` and its companions on every library: same kind of array, same supports, under jit too."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import orthola
from orthola import Status, omp, omp_path
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy
from tests.sparse.forms import sparse_signals, unit_atoms

K = 3


@functools.cache
def data(dtype):
    a = unit_atoms(14, 8, dtype="complex128" if dtype.startswith("complex") else "float64")
    y, _ = sparse_signals(a, 4, K, noise=0.05)
    return y, a


@on_dtypes("float64", "float32", "complex64", "float16", "bfloat16")
def test_same_supports_and_same_kind_of_array(backend, dtype):
    y, a = data(dtype)
    signals, atoms = backend.asarray(y, dtype), backend.asarray(a, dtype)
    found = backend.call(omp, signals, atoms, n_nonzero=K, tol=0.2)
    with orthola.options(kernels=False):
        expected = omp(y, a, n_nonzero=K, tol=0.2)
    assert_same_kind(found.coefficients, signals, shape=(4, K))
    assert_same_kind(found.residual_norm, signals, dtype=real_of(dtype), shape=(4,))
    np.testing.assert_array_equal(to_numpy(found.indices), expected.indices)
    np.testing.assert_array_equal(to_numpy(found.n_active), expected.n_active)
    np.testing.assert_array_equal(to_numpy(found.status), expected.status)
    slack = {"float64": 1e-13, "float16": 2e-2, "bfloat16": 1e-1}.get(dtype, 1e-5)
    x = to_numpy(found.coefficients)
    np.testing.assert_allclose(x, expected.coefficients, rtol=0, atol=slack)
    norms = to_numpy(found.residual_norm)
    np.testing.assert_allclose(norms, expected.residual_norm, rtol=slack, atol=slack)


OPTIONS = {
    "ols": {"selection": "ols", "n_nonzero": K},
    "normalized": {"normalize": True, "n_nonzero": K},
    "residual": {"max_memory": 2000, "n_nonzero": K},
    "nonnegative": {"nonnegative": True, "n_nonzero": K},
    "loop": {"n_nonzero": 6},  # more steps than are unrolled
    "certified": {"search_dtype": "float32", "n_nonzero": K},
}
SOME = ("numpy", "strict-restricted", "torch", "jax-jit")


@pytest.mark.parametrize(
    ("backend", "name"),
    # Under jit the certified search is the plain one, and the rules differ by one line.
    [
        (b, n)
        for b in SOME
        for n in OPTIONS
        if b != "jax-jit" or n not in ("ols", "normalized", "certified")
    ],
    indirect=["backend"],
)
def test_options_do_the_same_everywhere(backend, name):
    y, a = data("float64")
    signals, atoms = backend.asarray(y), backend.asarray(a)
    with orthola.options(kernels=False):
        expected = omp(y, a, **OPTIONS[name])
        found = backend.call(omp, signals, atoms, **OPTIONS[name])
    np.testing.assert_array_equal(to_numpy(found.indices), expected.indices)
    x = to_numpy(found.coefficients)
    np.testing.assert_allclose(x, expected.coefficients, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(to_numpy(found.status), expected.status)


@pytest.mark.parametrize("backend", SOME, indirect=True)
def test_gram_exclusions_and_numbers_per_signal(backend):
    y, a = data("float64")
    barred = np.full((4, 1), 2)
    counts, tol = [3, 1, 2, 3], np.array([0.0, 0.0, 0.9, 0.1])

    def run(y, a, gram):
        return omp(y, a, gram=gram, exclude=barred, n_nonzero=counts, tol=tol)

    with orthola.options(kernels=False):
        expected = run(y, a, a @ a.T)
        found = backend.call(run, *(backend.asarray(x) for x in (y, a, a @ a.T)))
    for x, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(x), reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", SOME, indirect=True)
@pytest.mark.parametrize("option", [{}, {"nonnegative": True}], ids=["plain", "nonnegative"])
def test_tolerances_met_by_the_last_atom_allowed(backend, option):
    y = np.array([[1.0, 0.0, 0.0], [1.0, 2.0, 0.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])

    def run(y, a):
        return omp(y, a, n_nonzero=[1, 2, 3, 2], tol=1e-3, **option)

    found = backend.call(run, backend.asarray(y), backend.asarray(np.eye(3)))
    assert to_numpy(found.n_active).tolist() == [1, 2, 3, 2]
    expected = [Status.OK, Status.OK, Status.OK, Status.TOLERANCE_NOT_MET]
    assert to_numpy(found.status).tolist() == expected
    with orthola.options(kernels=False):
        assert run(y, np.eye(3)).status.tolist() == expected
    assert run(y, np.eye(3)).status.tolist() == expected


@pytest.mark.parametrize("backend", SOME, indirect=True)
def test_ties(backend):
    a = np.array([[0.6, 0.8, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    y = np.array([[0.6, 0.8, 0.0], [0.0, 0.0, 0.0], [0.0, np.nan, 1.0]])
    with orthola.options(kernels=False):
        found = backend.call(
            omp, backend.asarray(y), backend.asarray(a), n_nonzero=1, check_finite=False
        )
    assert to_numpy(found.indices).tolist() == [[0], [-1], [-1]]
    status = [Status.OK, Status.EXHAUSTED, Status.NONFINITE]
    assert to_numpy(found.status).tolist() == status


@pytest.mark.parametrize("backend", SOME, indirect=True)
def test_paths_and_transfers(backend):
    y, a = data("float64")
    signals, atoms = backend.asarray(y), backend.asarray(a)
    target = np.random.default_rng(0).standard_normal((14, 5))
    target[0] = np.nan
    barred = np.arange(14) == 0

    def run(y, a, target):
        path = omp_path(y, a, n_nonzero=K, exclude=barred, tol=0.3)
        codes = omp(y, a, n_nonzero=K, exclude=barred, tol=0.3)
        moved = orthola.transfer_codes(codes, target)
        return path.coefficients, path.residual_norm, moved, codes.dense(14), codes.reconstruct(a)

    with orthola.options(kernels=False):
        expected = run(y, a, target)
        found = backend.call(run, signals, atoms, backend.asarray(target))
    for x, reference in zip(found, expected, strict=True):
        assert np.isfinite(reference).all()
        np.testing.assert_allclose(to_numpy(x), reference, rtol=0, atol=1e-12)


def test_jit_tol():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    y, a = data("float64")
    tol = np.array([0.5, 0.1, 0.02, 1e-9])
    run = jax.jit(lambda y, a, tol: omp(y, a, tol=tol))
    with orthola.options(kernels=False):
        for scale in (1.0, 0.5):
            eager, jitted = omp(y, a, tol=scale * tol), run(y, a, scale * tol)
            for x, reference in zip(jitted, eager, strict=True):
                np.testing.assert_allclose(x, reference, rtol=0, atol=1e-10)
            assert len(set(eager.n_active.tolist())) > 1


def test_vmap_over_signals_equals_the_batch():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    y, a = data("float64")
    one = jax.jit(jax.vmap(lambda y, a: omp(y[None, :], a, n_nonzero=K), (0, None)))(y, a)
    batch = omp(y, a, n_nonzero=K)
    np.testing.assert_array_equal(one.indices[:, 0], batch.indices)
    np.testing.assert_allclose(one.coefficients[:, 0], batch.coefficients, atol=1e-13)


def test_tiles_of_signals_under_jit():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    a = unit_atoms(16, 8)
    y, _ = sparse_signals(a, 23, 2, noise=0.05)
    options = {"n_nonzero": 2, "max_memory": 8 * (4 * 16 + 16 * 8)}
    plan = orthola.explain(omp, jax.numpy.asarray(y), jax.numpy.asarray(a), **options)
    assert plan["tiles"].startswith(("1 ", "2 ", "4 "))
    found = jax.jit(functools.partial(omp, **options))(y, a)
    np.testing.assert_array_equal(found.indices, omp(y, a, n_nonzero=2).indices)
