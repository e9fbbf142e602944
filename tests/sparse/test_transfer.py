"""Codes of one dictionary used with another."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import omp, omp_path, transfer_codes
from orthola.testing import gaussian, orthonormal
from tests.sparse.forms import unit_atoms


def test_padding_with_nan_row():
    codes = omp(np.array([[0.0, 2.0, 0.0], [0.0, 1.0, 3.0]]), np.eye(3), n_nonzero=2)
    target = gaussian(3, 5, rng=0)
    target[0] = np.nan
    found = transfer_codes(codes, target)
    np.testing.assert_allclose(found, [2.0 * target[1], target[1] + 3.0 * target[2]], rtol=1e-15)


def test_the_error_is_what_was_derived():
    """E_b = E_d T + N: new - ideal = -r T + x N_S - n_e exactly."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        donor = rng.standard_normal((60, 12))
        t = rng.standard_normal((12, 7))
        noise, own = 0.1 * rng.standard_normal((60, 7)), 0.1 * rng.standard_normal((4, 7))
        e = rng.standard_normal((4, 12))
        codes = omp(e, donor, n_nonzero=5)
        new = transfer_codes(codes, donor @ t + noise)
        r = e - codes.reconstruct(donor)
        exact = -r @ t + transfer_codes(codes, noise) - own
        np.testing.assert_allclose(new - (e @ t + own), exact, atol=1e-12)
        size = np.abs(codes.coefficients).sum(axis=1) * np.linalg.norm(noise, axis=1).max()
        bound = np.linalg.norm(t, 2) * codes.residual_norm + size + np.linalg.norm(own, axis=1)
        assert (np.linalg.norm(new - (e @ t + own), axis=1) <= bound * (1 + 1e-12)).all()


def test_an_orthogonal_change_of_basis_changes_nothing():
    a, y = gaussian(50, 16, rng=1), gaussian(6, 16, rng=2)
    q = orthonormal(16, 16, rng=3)
    one, other = omp(y, a, n_nonzero=6), omp(y @ q, a @ q, n_nonzero=6)
    np.testing.assert_array_equal(one.indices, other.indices)
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=1e-12)


def test_dtypes_shapes_and_mistakes():
    a = unit_atoms(10, 6)
    codes = omp(gaussian(3, 6, shape=(2,), rng=1), a, n_nonzero=2)
    assert transfer_codes(codes, gaussian(10, 4, rng=2)).shape == (2, 3, 4)
    half = omp(gaussian(3, 6, rng=1).astype(np.float16), a.astype(np.float16), n_nonzero=2)
    assert transfer_codes(half, np.ones((10, 4), np.float16)).dtype == np.float16
    with pytest.raises(ValueError, match=r"shape \(N, D\)"):
        transfer_codes(codes, np.ones(10))
    with pytest.raises(ValueError, match="a row for each atom"):
        transfer_codes(codes, np.ones((1, 4)))
    with pytest.raises(TypeError, match=r"orthola\.omp returns them.*got numpy\.ndarray"):
        transfer_codes(a, a)
    with pytest.raises(ValueError, match="a coefficient for each index"):
        transfer_codes(omp_path(gaussian(3, 6, rng=1), a, n_nonzero=2), a)
    empty = omp(np.zeros((0, 6)), a, n_nonzero=2)
    assert transfer_codes(empty, np.ones((10, 4))).shape == (0, 4)
