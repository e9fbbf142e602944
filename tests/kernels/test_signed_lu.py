"""The compiled elimination, frames and inverses against the Array-API texts."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import Status, cayley_frame_inverse, haar, householder_vectors, options
from orthola._core.space import resolve
from orthola._kernels.numba.cayley_frame import frame_pullback_stack, frame_stack
from orthola._kernels.numba.cayley_frame_inverse import frame_inverse_stack
from orthola._kernels.numba.frame_status import frame_status_stack
from orthola._kernels.numba.frame_vectors import frame_vectors_stack
from orthola._kernels.numba.signed_lu import signed_lu_stack
from orthola._maps.frame_columns import ACCEPTED, frame_columns
from orthola._maps.frame_derivatives import frame_pullback
from orthola._maps.signed_lu import signed_lu
from orthola.testing import gaussian, machine_epsilon

C_KERNEL = 25.0  # in units of n eps, relative to the largest entry expected
DTYPES = ("float32", "float64", "complex64", "complex128")
# Below and above the order to which the compiled loops go alone, square and tall.
SHAPES = ((1, 1), (5, 5), (9, 4), (7, 1), (40, 33), (100, 32), (90, 90))
dtypes = pytest.mark.parametrize("dtype", DTYPES)
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def close(found, expected, n):
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    limit = C_KERNEL * n * machine_epsilon(expected.dtype.name) * scale
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert np.abs(found - expected).max(initial=0.0) <= limit


@shapes
@dtypes
def test_elimination_equals_the_text(dtype, shape):
    w = haar(*shape, shape=(3,), dtype=dtype, rng=1)
    with options(kernels=False):
        expected = signed_lu(resolve("test", w)[0], w)
    for given in (w, np.asfortranarray(w)):
        for one, other in zip(signed_lu_stack(given), expected, strict=True):
            close(one, other, shape[0])


@shapes
@dtypes
def test_frames_equal_the_text(dtype, shape):
    x = gaussian(*shape, shape=(3,), dtype=dtype, rng=2) / shape[0] ** 0.5
    q, doubtful = frame_stack(x, scale=0.7, accepted=ACCEPTED)
    assert not doubtful.any()
    close(q, frame_columns(resolve("test", x)[0], 0.7, x), shape[0])


@shapes
@dtypes
def test_frame_pullbacks_equal_the_text(dtype, shape):
    x = gaussian(*shape, shape=(3,), dtype=dtype, rng=3) / shape[0] ** 0.5
    bar = gaussian(*shape, shape=(3,), dtype=dtype, rng=4)
    space = resolve("test", x)[0]
    q = frame_columns(space, 0.7, x)
    found = frame_pullback_stack(x, q, bar, scale=0.7)
    close(found, frame_pullback(space, 0.7, x, q, bar), shape[0])


@shapes
@dtypes
def test_inverses_equal_the_texts(dtype, shape):
    q = haar(*shape, shape=(3,), dtype=dtype, rng=8)
    with options(kernels=False):
        expected, coordinates = householder_vectors(q), cayley_frame_inverse(q, scale=0.7)
    for given in (q, np.asfortranarray(q)):
        for one, other in zip(frame_vectors_stack(given), expected[:3], strict=False):
            close(one, other, shape[0])
        x, signs, sizes = frame_inverse_stack(given, scale=0.7)
        size = float(sizes.max())  # ||K||, the condition of both eliminations
        close(x / size, coordinates.skew / size, shape[0])
        close(signs, coordinates.signs, shape[0])
        assert not frame_status_stack(given, 50 * shape[0] * machine_epsilon(dtype)).any()


@pytest.mark.parametrize("k", [3, 60])
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_status_of_every_kind(dtype, k):
    q = haar(70, k, shape=(6,), dtype=dtype, rng=9)
    q[1] *= 1.001
    q[2, 4, 1] = np.nan
    q[3, 69, 0] = np.inf
    q[4] = 1e30  # of float32, the squares overflow
    ok, violated, nonfinite = Status.OK, Status.BOUND_VIOLATED, Status.NONFINITE
    found = frame_status_stack(q, 1e-4)
    assert list(found) == [ok, violated, nonfinite, nonfinite, violated, ok]
    assert frame_status_stack(q[0], 1e-4).shape == ()


@pytest.mark.parametrize("k", [6, 60])
def test_what_the_frame_kernel_cannot_do_well_is_called_doubtful(k):
    x = gaussian(2 * k, k, shape=(6,), dtype="float64", rng=5)
    x[1] = np.outer(x[1, :, 0], x[1, 0])  # one direction alone is large
    x[1] *= 1e5
    x[2] *= 1e6  # large everywhere: rows are to be exchanged
    x[3] *= 1e200  # squares overflow
    x[4, -1, 0] = np.nan
    q, doubtful = frame_stack(x, scale=0.5, accepted=ACCEPTED)
    assert list(doubtful) == [False, True, True, True, True, False]
    for one in (q[0], q[5]):
        assert np.linalg.norm(one.T @ one - np.eye(k)) <= C_KERNEL * 2 * k * 2.0**-52


@pytest.mark.parametrize("shape", [(8, 8), (64, 48)], ids=str)
def test_number_of_threads_changes_no_bit(shape):
    x = haar(*shape, shape=(200,), rng=6)
    for one, other in zip(
        signed_lu_stack(x, threads=1), signed_lu_stack(x, threads=2), strict=True
    ):
        assert np.array_equal(one, other)
    frames = [frame_stack(x, scale=0.5, accepted=ACCEPTED, threads=n)[0] for n in (1, 2)]
    assert np.array_equal(*frames)


def test_nan_stays_in_its_item():
    w = haar(9, 4, shape=(3,), rng=7)
    clean = signed_lu_stack(w)
    w[1, 5, 2] = np.nan
    lu, signs, excess = signed_lu_stack(w)
    assert np.isnan(lu[1]).any()
    for item in (0, 2):
        for one, other in zip((lu, signs, excess), clean, strict=True):
            assert np.array_equal(one[item], other[item])
