"""`project`: onto a subspace and its complement, accurately where the complement is short."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import haar, orthonormal_basis, project
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_PROJECT = 10.0  # in units of m eps


def h(x):
    return np.swapaxes(x, -1, -2).conj()


@pytest.mark.parametrize("complement", [False, True])
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_definition_on_every_library(backend, dtype, complement):
    x, q = gaussian(9, 4, dtype=dtype, rng=0), haar(9, 3, dtype=dtype, rng=1)
    x_, q_ = backend.asarray(x, dtype), backend.asarray(q, dtype)
    found = backend.call(project, x_, q_, complement=complement)
    assert_same_kind(found, x_, shape=(9, 4))
    wide = np.result_type(dtype, np.float64)
    expected = q.astype(wide) @ (h(q.astype(wide)) @ x.astype(wide))
    expected = x - expected if complement else expected
    error = np.linalg.norm(to_numpy(found) - expected)
    assert error <= C_PROJECT * 9 * machine_epsilon(dtype) * np.linalg.norm(x)


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float64", 1e-3), ("float64", 1e-10), ("complex128", 1e-10), ("float32", 1e-3)],
)
def test_a_short_complement_is_orthogonal_to_its_own_rounding(dtype, size):
    eps = machine_epsilon(dtype)
    q = haar(200, 30, dtype=dtype, rng=2)
    x = q @ gaussian(30, 5, dtype=dtype, rng=3) + size * gaussian(200, 5, dtype=dtype, rng=4)
    x = x.astype(dtype)
    once = x - q @ (h(q) @ x)
    twice = project(x, q, complement=True)

    def overlap(y):
        return np.linalg.norm(h(q) @ y) / np.linalg.norm(y)

    assert overlap(twice) <= C_PROJECT * eps
    assert overlap(once) > 5 * overlap(twice)  # what the second pass is for


def test_zero_columns_and_scale():
    basis, rank, _, _ = orthonormal_basis(gaussian(6, 1, dtype="float64", rng=5) @ np.ones((1, 3)))
    x = gaussian(6, 2, shape=(3,), dtype="float64", rng=6)
    assert rank == 1
    plain = project(x, basis)
    assert np.allclose(plain, basis[:, :1] @ (basis[:, :1].T @ x), atol=1e-15)
    for exponent in (-900, 900):
        assert np.array_equal(project(np.ldexp(x, exponent), basis), np.ldexp(plain, exponent))
    assert project(np.zeros((6, 0)), basis).shape == (6, 0)
    assert not np.any(project(x, np.zeros((6, 0))))


def test_nan_stays_in_its_column():
    x = np.ones((4, 3))
    x[1, 2] = np.nan
    y = project(x, np.eye(4, 2), complement=True)
    assert np.isfinite(y[:, :2]).all()
    assert np.isnan(y[:, 2]).any()


def test_static_mistakes():
    with pytest.raises(ValueError, match="both are columns"):
        project(np.ones((3, 1)), np.ones((2, 1)))
    with pytest.raises(ValueError, match="basis of shape"):
        project(np.ones((3, 1)), np.ones(3))


def test_gradients_in_both_arguments():
    torch = pytest.importorskip("torch")
    x, q = (
        torch.tensor(gaussian(5, k, dtype="complex128", rng=k), requires_grad=True) for k in (2, 3)
    )
    assert torch.autograd.gradcheck(lambda a, b: project(a, b, complement=True), (x, q))
