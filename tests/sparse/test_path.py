"""`omp_path` is `omp` for every number of atoms."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import omp, omp_path
from orthola.testing import gaussian
from tests.sparse.forms import sparse_signals, unit_atoms


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("options", [{}, {"selection": "ols"}, {"normalize": True}], ids=str)
def test_every_row_is_the_code_of_so_many_atoms(dtype, options):
    a = gaussian(30, 12, dtype=dtype, rng=1)
    y = gaussian(9, 12, dtype=dtype, rng=2)
    path = omp_path(y, a, n_nonzero=6, **options)
    assert path.coefficients.shape == (9, 6, 6)
    np.testing.assert_allclose(path.residual_norm[:, 0], np.linalg.norm(y, axis=1), rtol=1e-14)
    for t in range(6):
        one = omp(y, a, n_nonzero=t + 1, **options)
        np.testing.assert_array_equal(path.indices[:, : t + 1], one.indices)
        x = path.coefficients[:, t]
        np.testing.assert_allclose(x[:, : t + 1], one.coefficients, rtol=0, atol=1e-12)
        assert not x[:, t + 1 :].any()
        norms = path.residual_norm[:, t + 1]
        np.testing.assert_allclose(norms, one.residual_norm, rtol=1e-11)


def test_tails_are_zero():
    y = np.array([[2.0, 0, 0, 0], [3.0, 2.0, 1.0, 0], [0.0, 0, 0, 0], [np.nan, 0, 0, 0]])
    path = omp_path(y, np.eye(4), tol=1e-8, check_finite=False)
    assert path.n_active.tolist() == [1, 3, 0, 0]
    assert np.isfinite(path.coefficients).all()
    for b, n in enumerate(path.n_active):
        assert not path.coefficients[b, n:].any()
    assert path.residual_norm[0].tolist() == [2.0, 0.0, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(path.residual_norm[1, :4] ** 2, [14.0, 5.0, 1.0, 0.0])
    assert np.isnan(path.residual_norm[3]).all()


def test_scales_batches_and_half_precision():
    a = unit_atoms(20, 8)
    y, _ = sparse_signals(a, 5, 3, noise=0.1)
    plain = omp_path(y, a, n_nonzero=3)
    scaled = omp_path(np.ldexp(y, -900), np.ldexp(a, 100), n_nonzero=3)
    np.testing.assert_array_equal(scaled.coefficients, np.ldexp(plain.coefficients, -1000))
    np.testing.assert_array_equal(scaled.residual_norm, np.ldexp(plain.residual_norm, -900))
    stacked = omp_path(np.stack([y, 2.0 * y]), np.stack([a, -a]), n_nonzero=3)
    np.testing.assert_allclose(stacked.coefficients[1], -2.0 * plain.coefficients, rtol=1e-12)
    half = omp_path(y.astype(np.float16), a.astype(np.float16), n_nonzero=3)
    assert half.coefficients.dtype == half.residual_norm.dtype == np.float16
    assert omp_path(np.zeros((0, 8)), a, n_nonzero=2).coefficients.shape == (0, 2, 2)
