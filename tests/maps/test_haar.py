"""`haar`: distribution, determinants, reflectors, and the same numbers on every library."""

from __future__ import annotations

import math

import array_api_compat
import numpy as np
import pytest

from orthola import haar, householder_apply, householder_product
from orthola._maps.haar import HaarReflectors
from orthola.testing import dtype_name, machine_epsilon
from tests.dtypes import on_dtypes, real_of
from tests.isolation import to_numpy

C_DEFECT = 10.0  # ||Q^H Q - I||_2 in units of n u
SIZES = [(1, 1), (2, 2), (3, 3), (3, 2), (2, 1), (6, 6), (9, 4), (5, 1)]
SIGMAS = 5.0  # of a mean over samples; all seeds are fixed


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def defect(q):
    q = q.astype(np.complex128)
    return np.linalg.norm(h(q) @ q - np.eye(q.shape[-1]), 2, axis=(-2, -1)).max(initial=0.0)


@pytest.mark.parametrize("size", SIZES, ids=str)
@on_dtypes("float64", "complex64", "float16")
def test_the_same_numbers_on_every_library(backend, dtype, size):
    q = haar(*size, shape=(2, 3), xp=backend.xp, dtype=dtype, device=backend.device, rng=5)
    assert array_api_compat.array_namespace(q) is backend.xp
    assert array_api_compat.device(q) == backend.device
    assert dtype_name(q.dtype) == dtype
    assert tuple(q.shape) == (2, 3, *size)
    wide = "complex128" if dtype.startswith("complex") else "float64"
    expected = haar(*size, shape=(2, 3), dtype=wide, rng=5)
    assert np.array_equal(to_numpy(q), expected.astype(dtype))
    assert defect(expected) <= C_DEFECT * size[0] * machine_epsilon(wide) / 2


@on_dtypes("bfloat16")
def test_bfloat16(backend, dtype):
    q = to_numpy(haar(4, xp=backend.xp, dtype=dtype, device=backend.device, rng=5))
    assert np.abs(q - haar(4, rng=5)).max() <= machine_epsilon("bfloat16")


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("wanted", [1, -1])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_determinant(dtype, wanted, n):
    q = haar(n, shape=50, dtype=dtype, rng=1, determinant=wanted)
    assert np.abs(np.linalg.det(q) - wanted).max() <= 1e-13
    assert defect(q) <= C_DEFECT * n * machine_epsilon("float64") / 2


@pytest.mark.parametrize("n", [2, 3, 5])
def test_both_determinants_occur_equally_often(n):
    total = np.sum(np.linalg.det(haar(n, shape=4000, rng=2)))
    assert abs(total) <= SIGMAS * math.sqrt(4000)


@pytest.mark.parametrize("size", [(4, 4), (7, 3), (2, 2), (3, 1)], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex64", "complex128"])
def test_reflectors_are_the_same_frame(dtype, size):
    found = haar(*size, shape=(3,), dtype=dtype, rng=3, reflectors=True)
    assert isinstance(found, HaarReflectors)
    v, tau, signs = found
    assert (v.dtype, tau.dtype, signs.dtype) == (dtype, real_of(dtype), dtype)
    assert np.array_equal(np.tril(v), v)
    assert np.array_equal(np.einsum("...jj->...j", v[..., : size[1], :]), np.ones((3, size[1])))
    assert np.abs(np.abs(signs) - 1).max() <= 2 * machine_epsilon(dtype)
    np.testing.assert_allclose(tau, 2 / np.sum(np.abs(v) ** 2, axis=-2), rtol=1e-5)
    q = householder_product(v, tau.astype(dtype)) * signs[..., None, :]
    assert defect(q) <= 2 * C_DEFECT * size[0] * machine_epsilon(dtype)
    if size[0] > 3 or dtype.startswith("complex"):  # else drawn by angle and quaternion
        wide = "complex128" if dtype.startswith("complex") else "float64"
        expected = haar(*size, shape=(3,), dtype=wide, rng=3)
        assert np.abs(q - expected).max() <= 10 * size[0] * machine_epsilon(dtype)


def test_reflectors_of_given_determinant_multiply_vectors():
    v, tau, signs = haar(5, rng=4, determinant=-1, reflectors=True)
    q = householder_apply(v, tau, np.diag(signs))
    assert abs(np.linalg.det(q) + 1) <= 1e-14
    assert np.abs(q - haar(5, rng=4, determinant=-1)).max() <= 1e-14


def moments(q):
    """Means of |tr Q|^2, |tr Q|^4, and of the |q_11|^2."""
    trace = np.abs(np.trace(q, axis1=-2, axis2=-1)) ** 2
    return np.array([trace.mean(), (trace**2).mean(), (np.abs(q[..., 0, 0]) ** 2).mean()])


# E |tr Q|^4 is 3 for O(n), n >= 4, and 2 for U(n), n >= 2 (Diaconis and Shahshahani 1994,
# doi:10.2307/3214948).
@pytest.mark.parametrize(
    ("n", "dtype", "fourth"),
    [(4, "float64", 3.0), (6, "float64", 3.0), (3, "complex128", 2.0), (5, "complex128", 2.0)],
)
def test_haar_not_plain_qr(n, dtype, fourth):
    count = 20_000
    found = moments(haar(n, shape=count, dtype=dtype, rng=6))
    expected = np.array([1.0, fourth, 1.0 / n])
    # Standard deviations: below 10 for |tr|^4, below 2 for |tr|^2, below 1/n for |q|^2 by far.
    spread = SIGMAS / math.sqrt(count) * np.array([2.0, 10.0, 0.5])
    assert (np.abs(found - expected) <= spread).all()
    rng = np.random.default_rng(6)
    g = rng.standard_normal((count, n, n))
    g = g if dtype == "float64" else g + 1j * rng.standard_normal((count, n, n))
    plain = moments(np.linalg.qr(g)[0])
    assert (np.abs(plain - expected) > spread).any()


def test_rotations_of_the_plane_and_of_space():
    q = haar(3, shape=20_000, rng=7, determinant=1)
    # tr = 1 + 2 cos(angle), the angle having density (1 - cos)/pi: E tr = 0, E tr^2 = 1.
    trace = np.trace(q, axis1=-2, axis2=-1)
    assert abs(trace.mean()) <= SIGMAS / math.sqrt(20_000)
    assert abs((trace**2).mean() - 1) <= SIGMAS * 2 / math.sqrt(20_000)
    # Invariance: each entry has mean 0 and mean square 1/3, and rows are exchangeable.
    assert np.abs(q.mean(axis=0)).max() <= SIGMAS * 0.6 / math.sqrt(20_000)
    assert np.abs((q**2).mean(axis=0) - 1 / 3).max() <= SIGMAS * 0.4 / math.sqrt(20_000)
    angle = haar(2, shape=20_000, rng=8, determinant=1)
    corners = np.arctan2(angle[:, 1, 0], angle[:, 0, 0])
    for order in (1, 2, 3):
        assert abs(np.exp(1j * order * corners).mean()) <= SIGMAS / math.sqrt(20_000)


@pytest.mark.parametrize("size", [(4, 2), (3, 2), (2, 1)], ids=str)
def test_frames_are_invariant(size):
    q = haar(*size, shape=20_000, rng=9)
    projector = (q @ h(q)).mean(axis=0)
    expected = size[1] / size[0] * np.eye(size[0])
    assert np.abs(projector - expected).max() <= SIGMAS * 0.5 / math.sqrt(20_000)
    assert np.abs(q.mean(axis=0)).max() <= SIGMAS * 0.8 / math.sqrt(20_000)


def test_a_seed_decides_and_a_generator_moves_on():
    assert np.array_equal(haar(5, rng=11), haar(5, rng=11))
    assert not np.array_equal(haar(5, rng=11), haar(5, rng=12))
    rng = np.random.default_rng(11)
    first, second = haar(5, rng=rng), haar(5, rng=rng)
    assert np.array_equal(first, haar(5, rng=11))
    assert not np.array_equal(first, second)
    assert not np.array_equal(haar(5), haar(5))


def test_default_dtype_of_the_library():
    torch = pytest.importorskip("torch")
    assert haar(3, xp="torch", rng=0).dtype == torch.float32
    assert haar(3, xp=torch, dtype=torch.float64, rng=0).dtype == torch.float64
    assert haar(3, rng=0).dtype == np.float64
    assert haar(3, dtype=np.float32, rng=0).dtype == np.float32


def test_constant_under_jit():
    jax = pytest.importorskip("jax")
    q = jax.jit(lambda: haar(3, xp="jax", dtype="float64", rng=1))()
    assert np.array_equal(np.asarray(q), haar(3, rng=1))


@pytest.mark.parametrize("size", [(0,), (0, 0), (3, 0)], ids=str)
def test_empty(size):
    n, k = (*size, *size)[:2] if len(size) == 1 else size
    assert haar(*size, rng=0).shape == (n, k)
    v, tau, signs = haar(*size, shape=(2, 0), rng=0, reflectors=True)
    assert (v.shape, tau.shape, signs.shape) == ((2, 0, n, k), (2, 0, k), (2, 0, k))


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((2.5,), {}, TypeError, "n to be an integer"),
        ((-1,), {}, ValueError, "n >= 0"),
        ((2, 3), {}, ValueError, "at most n = 2"),
        ((3,), {"shape": -1}, ValueError, "shape >= 0"),
        ((3,), {"shape": (2, "a")}, TypeError, "shape to be an integer"),
        ((3,), {"determinant": 2}, ValueError, "determinant"),
        ((3, 2), {"determinant": 1}, ValueError, "square"),
        ((3,), {"rng": -1}, ValueError, "not negative"),
        ((3,), {"rng": "seed"}, TypeError, "rng"),
        ((3,), {"rng": True}, TypeError, "rng"),
        ((3,), {"dtype": "int64"}, TypeError, "floating dtype"),
        ((3,), {"dtype": "bfloat16"}, ValueError, "no dtype bfloat16"),
        ((3,), {"xp": math}, TypeError, "array namespace"),
        ((3,), {"xp": "nothing"}, TypeError, "array namespace"),
    ],
)
def test_static_mistakes(arguments, keywords, error, message):
    with pytest.raises(error, match=message):
        haar(*arguments, **keywords)
