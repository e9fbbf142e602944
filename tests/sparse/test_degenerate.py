"""What `omp` says of copies, zeros, non-finite and missing data, in every form."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import Status, omp
from tests.sparse.forms import in_every_form, pursue, sets, unit_atoms


@in_every_form
def test_duplicates(form):
    a = unit_atoms(12, 8)
    a[5], a[9], a[7] = a[2], -a[2], 3.0 * a[2]
    for selection in ("omp", "ols"):
        found = pursue(form, a[2:4] + 0.5 * a[:2], a, n_nonzero=8, selection=selection)
        copies = [chosen & {2, 5, 9, 7} for chosen in sets(found.indices)]
        assert len(copies[0]) == 1
        assert len(copies[1]) <= 1
        assert np.abs(found.coefficients).max() < 10
    # Only one direction in the whole dictionary: nothing is left after it.
    same = np.tile(a[:1], (5, 1))
    found = pursue(form, a[1:2], same, n_nonzero=3)
    assert found.n_active.tolist() == [1]
    assert found.status.tolist() == [Status.EXHAUSTED]


@in_every_form
def test_zero_atom(form):
    a = unit_atoms(10, 6)
    a[[0, 4]] = 0.0
    for options in ({}, {"normalize": True}, {"selection": "ols"}):
        found = pursue(form, unit_atoms(3, 6, rng=2), a, n_nonzero=6, **options)
        assert not np.isin(found.indices, [0, 4]).any()
        assert np.isfinite(found.coefficients).all()
    found = pursue(form, np.ones((1, 6)), 0.0 * a, n_nonzero=2)
    assert found.status.tolist() == [Status.EXHAUSTED]
    assert found.residual_norm[0] == pytest.approx(np.sqrt(6.0))


@in_every_form
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_near_duplicate(form, dtype):
    a = unit_atoms(10, 8, dtype=dtype)
    t = np.linalg.qr(a[:2].T)[0][:, 1]
    a[5] = a[0] + np.dtype(dtype).type(1e-9) * t.astype(dtype)
    y = a[:1] + np.dtype(dtype).type(0.1) * a[1:2]
    for selection in ("omp", "ols"):
        found = pursue(form, y, a, n_nonzero=8, selection=selection)
        assert len({0, 5} & sets(found.indices)[0]) == 1
        assert np.abs(found.coefficients).max() < 100


@in_every_form
def test_nearly_dependent_atoms_cost_no_more_digits_than_qr_would(form):
    q = orthola.testing.orthonormal(8, 3, rng=1).T
    a = np.stack([q[0], q[0] + 1e-5 * q[1], q[2]])
    y = q[1:2] + 0.5 * q[2:]
    for options in ({}, {"tol": 1e-9}):
        found = pursue(form, y, a, n_nonzero=3, **options)
        assert found.n_active.tolist() == [3]
        assert np.abs(found.coefficients).max() == pytest.approx(1e5, rel=1e-4)
        # The Gram matrix alone: 1e-6
        assert found.residual_norm[0] < 1e-10
        assert not found.status.any()


def test_finer_angles_need_a_smaller_dependence_tol():
    a = unit_atoms(10, 8)
    t = np.linalg.qr(a[:2].T)[0][:, 1]
    a[5] = a[0] + 1e-9 * t
    y = a[:1] + 1e-9 * a[5:6] - 2.0 * a[3:4] + t
    for kernels in (False, True):
        with orthola.options(kernels=kernels):
            found = omp(y, a, n_nonzero=4, dependence_tol=1e-24, exclude=np.arange(10) == 1)
            both = omp(a[:1] + 1e-3 * t, a[[0, 5]], n_nonzero=2, dependence_tol=1e-24)
            not_one = omp(a[:1] + 1e-3 * t, a[[0, 5]], n_nonzero=2)
        assert found.n_active.tolist() == [4]
        assert sets(both.indices) == [{0, 1}]
        assert np.abs(both.coefficients).max() == pytest.approx(1e6, rel=1e-5)
        assert both.residual_norm[0] < 1e-9
        assert not_one.n_active.tolist() == [1]
        with orthola.options(kernels=kernels):
            same = omp(a[:1] + 1e-3 * t, a[[0, 0, 5]], n_nonzero=3, dependence_tol=1e-24)
        assert sets(same.indices) == [{0, 2}]


@in_every_form
def test_zero_signal(form):
    a, y = unit_atoms(8, 6), np.zeros((2, 6))
    found = pursue(form, y, a, n_nonzero=3)
    assert (found.indices == -1).all()
    assert not found.coefficients.any()
    assert not found.residual_norm.any()
    assert found.status.tolist() == [Status.EXHAUSTED] * 2
    assert not pursue(form, y, a, tol=0.1).status.any()
    # A tolerance of 0 is none.
    assert pursue(form, y, a, n_nonzero=3, tol=0.0).status.tolist() == [Status.EXHAUSTED] * 2
    assert not pursue(form, a[:2], a, n_nonzero=1, tol=[0.0, 0.1]).status.any()


@in_every_form
def test_nan_signal(form):
    a = unit_atoms(8, 6)
    y = unit_atoms(5, 6, rng=2)
    clean = pursue(form, y, a, n_nonzero=3, tol=0.1)
    y[1, 2], y[3, 0] = np.nan, -np.inf
    found = pursue(form, y, a, n_nonzero=3, tol=0.1, check_finite=False)
    bad, good = [1, 3], [0, 2, 4]
    assert (found.status[bad] == Status.NONFINITE).all()
    assert (found.indices[bad] == -1).all()
    assert not found.coefficients[bad].any()
    assert not found.n_active[bad].any()
    assert np.isnan(found.residual_norm[bad]).all()
    for x, expected in zip(found, clean, strict=True):
        np.testing.assert_array_equal(x[good], expected[good])
    with pytest.raises(ValueError, match="finite signals"):
        omp(y, a, n_nonzero=3)


@in_every_form
def test_nan_atom(form):
    a = unit_atoms(8, 6)
    y = unit_atoms(5, 6, rng=2)
    barred = pursue(form, y, a, n_nonzero=3, exclude=np.arange(8) == 4)
    a[4, 1] = np.nan
    found = pursue(form, y, a, n_nonzero=3, check_finite=False)
    np.testing.assert_array_equal(found.indices, barred.indices)
    np.testing.assert_allclose(found.coefficients, barred.coefficients, rtol=1e-12)
    with pytest.raises(orthola.StatusError, match="NONFINITE"):
        orthola.check(found)
    with pytest.raises(ValueError, match="finite dictionary"):
        omp(y, a, n_nonzero=3)


@in_every_form
def test_empty_batch(form):
    a = unit_atoms(8, 6)
    found = pursue(form, np.zeros((0, 6)), a, n_nonzero=3)
    assert found.indices.shape == found.coefficients.shape == (0, 3)
    assert found.status.shape == found.residual_norm.shape == (0,)
    assert found.dense(8).shape == (0, 8)


@in_every_form
def test_one_atom(form):
    found = pursue(form, [[2.0, 0.0], [0.0, 1.0]], [[4.0, 0.0]], n_nonzero=1)
    assert found.indices.tolist() == [[0], [-1]]
    assert found.coefficients.tolist() == [[0.5], [0.0]]
    assert found.residual_norm.tolist() == [0.0, 1.0]
    assert found.status.tolist() == [Status.OK, Status.EXHAUSTED]


@in_every_form
def test_k_zero(form):
    y = np.array([[3.0, 4.0], [0.0, 0.0]])
    found = pursue(form, y, np.eye(2), n_nonzero=0)
    assert found.indices.shape == (2, 0)
    assert found.residual_norm.tolist() == [5.0, 0.0]
    assert not found.status.any()
    found = pursue(form, y, np.eye(2), n_nonzero=0, tol=0.1)
    assert found.status.tolist() == [Status.TOLERANCE_NOT_MET, Status.OK]
    assert omp(np.zeros((3, 0)), np.zeros((2, 0)), n_nonzero=0).indices.shape == (3, 0)
