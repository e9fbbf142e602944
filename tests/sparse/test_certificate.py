"""Search in single precision: the bound behind the certificate, and what follows from it."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import Status, omp
from orthola._core.space import resolve
from orthola._sparse.certified import error_bounds
from orthola.testing import gaussian
from tests.sparse.forms import sparse_signals, unit_atoms


def dictionaries():
    plain = unit_atoms(80, 24)
    coherent = plain + 2.0 * unit_atoms(1, 24, rng=5)
    graded = plain * np.geomspace(1.0, 1e-2, 24)
    return {
        name: a / np.linalg.norm(a, axis=1, keepdims=True)
        for name, a in (("random", plain), ("coherent", coherent), ("graded", graded))
    }


def recurrence(y, a, support, dtype):
    """Correlations before every step of the stored-rows form in a given precision, and R."""
    w, k = np.zeros((len(support), len(a)), dtype), len(support)
    gram, c = (a @ a.T).astype(dtype), (a @ y).astype(dtype)
    d, r, seen = gram.diagonal().copy(), np.eye(k, dtype=dtype), []
    for t, j in enumerate(support):
        seen.append(c.copy())
        nu, l = np.sqrt(d[j]), w[:t, j].copy()
        r[:t, t], r[t, t] = l, nu
        w[t] = (gram[j] - l @ w[:t]) / nu
        c = c - (c[j] / nu) * w[t]
        d = d - w[t] ** 2
    return np.array(seen), r


@pytest.mark.parametrize("name", dictionaries())
def test_certificate_holds(name):
    a = dictionaries()[name]
    y, _ = sparse_signals(a, 30, 6, noise=0.1)
    largest = 0.0
    for signal in y / np.linalg.norm(y, axis=1, keepdims=True):
        support = omp(signal[None, :], a, n_nonzero=6).indices[0]
        low, r = recurrence(signal, a, support, np.float32)
        basis = [np.linalg.qr(a[support[:t]].T)[0] for t in range(6)]
        exact = np.array([a @ (signal - q @ (q.T @ signal)) for q in basis])
        space, (factor,) = resolve("test", r[None])
        delta, small = error_bounds(space, factor, np.ones(1, np.float32), terms=1)
        share = np.abs(low - exact).max(axis=1) / delta[0]
        largest = max(largest, share[small[0] <= 0.05].max(initial=0.0))
    assert 0.0 < largest < 1.0


@pytest.mark.parametrize("name", dictionaries())
@pytest.mark.parametrize("options", [{}, {"tol": 0.2}, {"normalize": True}], ids=str)
def test_codes_are_those_of_double_precision(name, options):
    a = dictionaries()[name]
    y, _ = sparse_signals(a, 60, 5, noise=0.1)
    found = omp(y, a, n_nonzero=6, search_dtype="float32", **options)
    exact = omp(y, a, n_nonzero=6, **options)
    clear = found.status != Status.AMBIGUOUS
    assert clear.sum() > 50
    np.testing.assert_array_equal(found.indices[clear], exact.indices[clear])
    np.testing.assert_array_equal(found.status[clear], exact.status[clear])
    np.testing.assert_allclose(found.coefficients[clear], exact.coefficients[clear], atol=1e-9)
    left = np.linalg.norm(y - found.reconstruct(a), axis=1)
    np.testing.assert_allclose(found.residual_norm, left, rtol=1e-11)


def test_ties_are_ambiguous():
    a = np.eye(4)
    a[2] = a[1]
    y = np.array([[3.0, 1.0, 0.0, 0.5], [2.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    found = omp(y, a, n_nonzero=2, search_dtype="float32")
    assert found.status.tolist() == [Status.AMBIGUOUS, Status.OK, Status.AMBIGUOUS]
    assert found.indices.tolist() == [[0, 1], [0, 3], [0, 3]]
    complex_one = omp(y + 0j, a + 0j, n_nonzero=2, search_dtype="float32")
    np.testing.assert_array_equal(complex_one.indices, found.indices)
    with pytest.raises(orthola.StatusError, match="AMBIGUOUS"):
        orthola.check(found)


def test_exact_fits_scales_and_bad_signals():
    a = unit_atoms(30, 12)
    y, _ = sparse_signals(a, 6, 2)
    y[4] = 0.0
    y[5, 0] = np.nan
    found = omp(y, a, n_nonzero=5, search_dtype="float32", check_finite=False)
    exact = omp(y, a, n_nonzero=5, check_finite=False)
    np.testing.assert_array_equal(found.indices, exact.indices)
    np.testing.assert_array_equal(found.status, exact.status)
    loose = omp(y[:4], a, n_nonzero=5, tol=1e-10, search_dtype="float32")
    assert not loose.status.any()
    tiny = omp(np.ldexp(y[:4], -900), np.ldexp(a, 600), n_nonzero=2, search_dtype="float32")
    np.testing.assert_array_equal(tiny.indices, loose.indices[:, :2])


def test_no_effect_where_there_is_no_certificate():
    a, y = unit_atoms(20, 8), gaussian(5, 8, rng=3)
    for options in ({"selection": "ols"}, {"nonnegative": True}):
        plain, found = (
            omp(y, a, n_nonzero=3, search_dtype=dtype, **options) for dtype in (None, "float32")
        )
        for x, expected in zip(found, plain, strict=True):
            np.testing.assert_array_equal(x, expected)
    single = omp(y.astype(np.float32), a.astype(np.float32), n_nonzero=3, search_dtype="float32")
    assert single.coefficients.dtype == np.float32
