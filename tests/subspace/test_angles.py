"""`principal_angles`: against angles known in advance, from 1e-15 up to pi/2."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orthola import Status, haar, principal_angles
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

C_ANGLE = 20.0  # in units of eps
MIXED = (
    0.0,
    1e-12,
    1e-9,
    1e-4,
    0.3,
    math.pi / 4,
    math.pi / 4,
    1.0,
    math.pi / 2 - 1e-9,
    math.pi / 2,
)


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def spaces(angles, m, dtype, *, extra=0, rng=0):
    """Bases, as general matrices with orthonormal columns, of two spaces with these angles."""
    k, wide = len(angles), "complex128" if "complex" in dtype else "float64"
    axes = haar(m, 2 * k + extra, dtype=wide, rng=rng)
    p, o = axes[:, :k], axes[:, k : 2 * k]
    q = p * np.cos(angles) + o * np.sin(angles)
    p = np.concatenate([p, axes[:, 2 * k :]], axis=1)
    mixed = haar(k + extra, dtype=wide, rng=rng + 1), haar(k, dtype=wide, rng=rng + 2)
    return (p @ mixed[0]).astype(dtype), (q @ mixed[1]).astype(dtype)


def assert_vectors(found, dtype, wide_angles):
    u, v = to_numpy(found.vectors_a), to_numpy(found.vectors_b)
    k, bound = u.shape[-1], C_ANGLE * u.shape[-2] * machine_epsilon(dtype)
    assert np.abs(h(u) @ u - np.eye(k)).max() <= bound
    assert np.abs(h(v) @ v - np.eye(k)).max() <= bound
    assert np.abs(h(u) @ v - np.diag(np.cos(wide_angles))).max() <= bound


@pytest.mark.parametrize("swap", [False, True])
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_known_angles_on_every_library(backend, dtype, swap):
    a, b = spaces(MIXED, 30, dtype, extra=2)
    a, b = (b, a) if swap else (a, b)
    a_, b_ = backend.asarray(a, dtype), backend.asarray(b, dtype)
    found = backend.call(principal_angles, a_, b_)
    assert_same_kind(found.angles, a_, dtype=real_of(dtype), shape=(len(MIXED),))
    assert_same_kind(found.vectors_a, a_, shape=(30, len(MIXED)))
    angles = to_numpy(found.angles)
    assert np.abs(angles - MIXED).max() <= C_ANGLE * machine_epsilon(dtype)
    assert np.all(np.diff(angles) >= -machine_epsilon(dtype))
    assert int(found.status) == Status.OK
    assert_vectors(found, dtype, angles)


@pytest.mark.parametrize("near", [0.0, math.pi / 4, math.pi / 2])
def test_clusters_of_angles(near):
    angles = np.clip(near + 1e-7 * np.linspace(-1, 1, 6), 0, math.pi / 2)
    a, b = spaces(angles, 14, "complex128", rng=3)
    found = principal_angles(a, b)
    assert np.abs(found.angles - np.sort(angles)).max() <= C_ANGLE * machine_epsilon("float64")
    assert_vectors(found, "complex128", found.angles)


def test_small_angles_that_cosines_cannot_see():
    angles = np.array([1e-13, 1e-11, 1e-9])
    a, b = spaces(angles, 10, "float64", rng=4)
    cosines = np.clip(np.linalg.svd(a.T @ b, compute_uv=False), -1, 1)
    assert np.abs(np.arccos(cosines) - angles).max() > 1e-9
    assert np.abs(principal_angles(a, b).angles - angles).max() <= 1e-14


def test_equals_scipy_for_general_columns():
    from scipy.linalg import subspace_angles

    a, b = gaussian(12, 4, dtype="complex128", rng=5), gaussian(12, 7, dtype="complex128", rng=6)
    expected = subspace_angles(a, b)[::-1]
    for scale in (1.0, 2.0**900, 2.0**-900):
        found = principal_angles(a * scale, b)
        assert np.abs(found.angles - expected).max() <= 1e-13
    assert_vectors(found, "complex128", found.angles)


def test_missing_directions_are_at_a_right_angle():
    a = np.eye(5)[:, [0, 0, 1]]
    b = np.array([[1.0, 0], [0, 1], [0, 1], [0, 0], [0, 0]])
    found = principal_angles(a, b)
    assert np.allclose(found.angles, [0, math.pi / 4], atol=1e-15)
    assert found.status == Status.RANK_DEFICIENT
    found = principal_angles(a[:, :2], b)
    assert np.allclose(found.angles, [0, math.pi / 2], atol=1e-15)
    assert np.allclose(principal_angles(np.zeros((3, 1)), np.eye(3)).angles, math.pi / 2)


def test_stacks_broadcast_and_bad_items_stay_alone():
    a, b = gaussian(6, 2, shape=(3, 1), dtype="float64", rng=7), gaussian(6, 3, shape=(2,), rng=8)
    a[1] = np.nan
    found = principal_angles(a, b)
    assert found.angles.shape == (3, 2, 2)
    assert found.status.tolist() == [[0, 0], [Status.NONFINITE] * 2, [0, 0]]
    assert np.isnan(found.angles[1]).all()
    one = principal_angles(a[2, 0], b[1])
    assert np.allclose(found.angles[2, 1], one.angles, atol=1e-15)


def test_distances_named_in_the_documentation():
    a, b = gaussian(7, 3, dtype="complex128", rng=9), gaussian(7, 3, dtype="complex128", rng=10)
    found = principal_angles(a, b)
    p, q = (np.linalg.qr(x)[0] for x in (a, b))
    difference = p @ h(p) - q @ h(q)
    chordal = np.linalg.norm(np.sin(found.angles))
    assert np.isclose(chordal, np.linalg.norm(difference) / math.sqrt(2), rtol=1e-13)
    assert np.isclose(np.sin(found.angles[-1]), np.linalg.norm(difference, 2), rtol=1e-13)
    determinant = abs(np.linalg.det(h(p) @ q))
    assert np.isclose(np.prod(np.cos(found.angles)), determinant, rtol=1e-12)
    procrustes = np.linalg.norm(found.vectors_a - found.vectors_b)
    assert np.isclose(procrustes, 2 * np.linalg.norm(np.sin(found.angles / 2)), rtol=1e-13)


def test_derivative_of_simple_angles():
    torch = pytest.importorskip("torch")
    a, b = (torch.tensor(gaussian(6, k, rng=k), requires_grad=True) for k in (2, 3))
    assert torch.autograd.gradcheck(lambda x, y: principal_angles(x, y).angles, (a, b))


def test_empty_and_static_mistakes():
    assert principal_angles(np.zeros((4, 0)), np.eye(4)).angles.shape == (0,)
    assert principal_angles(np.zeros((0, 2)), np.zeros((0, 3))).angles.shape == (0,)
    with pytest.raises(ValueError, match="one length"):
        principal_angles(np.eye(3), np.eye(4))
