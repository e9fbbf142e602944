"""Pursuit with coefficients >= 0 against SciPy's non-negative least squares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from orthola import Status, omp
from orthola.testing import gaussian
from tests.sparse.forms import sparse_signals, unit_atoms

C_OPTIMAL = 1e-12  # relative


@pytest.fixture(scope="module")
def mixed():
    """Coherent atoms, so that some leave again."""
    a = unit_atoms(40, 12) + 0.3
    y = np.abs(gaussian(60, 3, rng=2)) @ a[:3] + 0.3 * gaussian(60, 12, rng=3)
    return y, a


def test_coefficients_are_optimal_on_the_support(mixed):
    y, a = mixed
    for k in (1, 3, 8):
        found = omp(y, a, n_nonzero=k, nonnegative=True)
        assert (found.coefficients >= 0).all()
        assert (found.n_active <= k).all()
        for b, signal in enumerate(y):
            support = found.indices[b, : found.n_active[b]]
            assert (found.indices[b, found.n_active[b] :] == -1).all()
            assert len(set(support.tolist())) == len(support)
            assert (found.coefficients[b, : found.n_active[b]] > 0).all()
            expected, norm = nnls(a[support].T, signal) if support.size else ([], 0.0)
            np.testing.assert_allclose(found.coefficients[b, : len(support)], expected, atol=1e-11)
            if support.size:
                assert abs(found.residual_norm[b] - norm) <= C_OPTIMAL * np.linalg.norm(signal)


def test_to_the_end_it_is_non_negative_least_squares(mixed):
    """Where no positive correlation is left, the whole problem is solved."""
    y, a = mixed
    found = omp(y, a, n_nonzero=12, nonnegative=True)
    done = found.status == Status.EXHAUSTED
    assert done.sum() > 50
    for b in np.flatnonzero(done):
        x, norm = nnls(a.T, y[b])
        np.testing.assert_allclose(found.dense(40)[b], x, atol=1e-9)
        assert abs(found.residual_norm[b] - norm) <= C_OPTIMAL * np.linalg.norm(y[b])


def test_atoms_leave_and_return(mixed):
    y, a = mixed
    free = omp(y, a, n_nonzero=6)
    assert (free.coefficients < 0).any()
    residuals = [omp(y, a, n_nonzero=k, nonnegative=True).residual_norm for k in range(1, 9)]
    assert (np.diff(residuals, axis=0) <= 1e-12).all()


def test_positive_signals_are_found_and_negative_ones_have_no_code():
    a = unit_atoms(40, 20)
    y, _ = sparse_signals(a, 5, 1)
    size = omp(y, a, n_nonzero=1).coefficients[:, 0]
    found = omp(np.sign(size)[:, None] * y, a, n_nonzero=1, nonnegative=True)
    np.testing.assert_allclose(found.coefficients[:, 0], np.abs(size), rtol=1e-14)
    opposite = omp(-a.sum(axis=0)[None, :], np.abs(a), n_nonzero=3, nonnegative=True)
    assert opposite.status.tolist() in ([Status.EXHAUSTED], [Status.OK])
    nothing = omp(-np.ones((1, 20)), np.abs(a), n_nonzero=3, nonnegative=True)
    assert nothing.n_active.tolist() == [0]
    assert nothing.status.tolist() == [Status.EXHAUSTED]


def test_tolerance_exclusions_scales_and_duplicates(mixed):
    y, a = mixed
    found = omp(y, a, tol=0.5, nonnegative=True)
    size = np.linalg.norm(y, axis=1)
    met = found.status == Status.OK
    assert met.sum() > 30
    assert (found.residual_norm[met] <= 0.5 * size[met]).all()
    assert (found.residual_norm[~met] > 0.5 * size[~met]).all()
    barred = omp(y, a, n_nonzero=4, nonnegative=True, exclude=np.arange(40) % 2 == 0)
    assert (barred.indices % 2 == 1)[barred.indices >= 0].all()
    scaled = omp(np.ldexp(y, -900), np.ldexp(a, 900), n_nonzero=4, nonnegative=True)
    plain = omp(y, a, n_nonzero=4, nonnegative=True)
    np.testing.assert_array_equal(scaled.indices, plain.indices)
    twice = np.concatenate([a, a])
    found = omp(y, twice, n_nonzero=6, nonnegative=True)
    for row in found.indices:
        chosen = row[row >= 0] % 40
        assert len(set(chosen.tolist())) == len(chosen)
    one = omp(y[:1], a, n_nonzero=4, nonnegative=True)
    np.testing.assert_array_equal(one.indices, plain.indices[:1])
