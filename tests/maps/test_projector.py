"""`householder_projector` and its initialisation from a weight."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import (
    Status,
    householder_product,
    householder_projector,
    householder_projector_vectors,
)
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_PROJECTOR = 50.0  # in units of max(m, n) eps


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def nearest(weight, rank):
    u, _, vh = np.linalg.svd(weight, full_matrices=False)
    return u[..., :, :rank] @ vh[..., :rank, :]


def bound(m, n, dtype):
    return C_PROJECTOR * max(m, n) * machine_epsilon(dtype)


@on_dtypes("float64", "complex64")
def test_singular_values_are_one_and_zero(backend, dtype):
    u, v = gaussian(7, 3, dtype=dtype, rng=1), gaussian(5, 3, dtype=dtype, rng=2)
    u_, v_ = backend.asarray(u, dtype), backend.asarray(v, dtype)
    a = backend.call(householder_projector, u_, v_)
    assert_same_kind(a, u_, shape=(7, 5))
    sigma = np.linalg.svd(to_numpy(a), compute_uv=False)
    assert np.abs(sigma - [1, 1, 1, 0, 0]).max() <= bound(7, 5, dtype)


def test_equals_the_square_form():
    u, v = gaussian(6, 2, dtype="float64", rng=3), gaussian(4, 2, dtype="float64", rng=4)
    s = np.eye(6, 4) * (np.arange(4) < 2)
    square = householder_product(u, columns=6) @ s @ h(householder_product(v, columns=4))
    assert np.abs(householder_projector(u, v) - square).max() <= bound(6, 4, "float64")


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_projector_initialisation(dtype, sign):
    weight = gaussian(8, 8, dtype=dtype, rng=5)
    weight[0] *= sign * np.sign(np.linalg.det(weight).real)
    for rank in (1, 3, 8):
        u, v, d, status = householder_projector_vectors(weight, rank=rank)
        error = np.linalg.norm(householder_projector(u, v, d) - nearest(weight, rank))
        assert error <= bound(8, 8, dtype)
        assert status == Status.OK
        packed = householder_projector(u, v, d, packed=True)
        assert np.linalg.norm(packed - nearest(weight, rank)) <= bound(8, 8, dtype)


def test_projector_naive_init_differs():
    weight = gaussian(8, 8, dtype="float64", rng=6)
    u, _, vh = np.linalg.svd(weight)

    def copied(q):  # packed QR with the diagonal of R, columns normalised
        packed, _ = np.linalg.qr(q, mode="raw")
        v = np.tril(packed.T)
        return v / np.linalg.norm(v, axis=0)

    naive = householder_projector(copied(u[:, :3]), copied(vh[:3].T))
    assert np.linalg.norm(naive - nearest(weight, 3)) > 0.5


def test_batches_and_bad_items():
    weight = gaussian(5, 4, shape=(3,), dtype="float64", rng=7)
    weight[1] = np.nan
    weight[2] = 0
    u, v, d, status = householder_projector_vectors(weight, rank=2)
    assert status.tolist() == [Status.OK, Status.NONFINITE, Status.RANK_DEFICIENT]
    a = householder_projector(u, v, d)
    assert np.linalg.norm(a[0] - nearest(weight[0], 2)) <= bound(5, 4, "float64")
    assert np.isnan(u[1]).all()
    assert np.linalg.norm(h(a[2]) @ a[2] @ h(a[2]) - h(a[2])) <= bound(5, 4, "float64")


def test_static_mistakes():
    with pytest.raises(ValueError, match="as many reflectors"):
        householder_projector(np.ones((4, 2)), np.ones((4, 1)))
    with pytest.raises(ValueError, match="one entry per reflector"):
        householder_projector(np.ones((4, 2)), np.ones((4, 2)), np.ones(3))
    with pytest.raises(ValueError, match="batch shapes of u and v that broadcast"):
        householder_projector(np.ones((2, 4, 2)), np.ones((3, 4, 2)))
    with pytest.raises(ValueError, match="rank <= 3"):
        householder_projector_vectors(np.ones((4, 3)), rank=4)


def test_torch_gradient():
    torch = pytest.importorskip("torch")
    u, v = (
        torch.tensor(gaussian(m, 2, dtype="complex128", rng=m), requires_grad=True) for m in (4, 3)
    )
    assert torch.autograd.gradcheck(householder_projector, (u, v))
