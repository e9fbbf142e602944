"""`cayley_frame` and its inverse: orthonormal for any X, equal to the full map, and back."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from orthola import (
    CayleyResult,
    Status,
    StatusError,
    cayley,
    cayley_frame,
    cayley_frame_inverse,
    check,
    haar,
    options,
)
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_ORTHOGONALITY = 10.0  # ||Q^H Q - I||_2 in units of n eps, that is 20 n u
C_ROUND_TRIP = 25.0  # in units of n eps, that is 50 n u
C_VALUE = 10.0  # error of Q in units of n eps (1 + ||s X||_2)

SHAPES = [(1, 1), (5, 5), (9, 4), (40, 36)]
kernel_choices = pytest.mark.parametrize("kernels", [True, False])


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def orthonormal(q, dtype, c=C_ORTHOGONALITY):
    q = to_numpy(q)
    wide = q.astype(np.result_type(q.dtype, np.float64))
    defect = np.linalg.norm(h(wide) @ wide - np.eye(q.shape[-1]), 2, (-2, -1))
    assert defect.max(initial=0.0) <= c * q.shape[-2] * machine_epsilon(dtype)


def close(found, expected, dtype, c=C_ROUND_TRIP, scale=1.0):
    error = np.linalg.norm(to_numpy(found) - expected, 2, (-2, -1)).max(initial=0.0)
    assert error <= c * expected.shape[-2] * machine_epsilon(dtype) * scale


def full(x, scale, signs=None):
    """The columns of the n x n map."""
    n, k = x.shape[-2:]
    lower = np.tril(x, 0 if np.iscomplexobj(x) else -1)
    e = np.eye(n, k, dtype=x.dtype)
    rows = None
    if signs is not None:
        rows = np.concatenate([signs, np.ones((*signs.shape[:-1], n - k), signs.dtype)], axis=-1)
    return cayley(lower @ e.T - e @ h(lower), scale=scale, signs=rows)[..., :k]


def drawn_signs(k, dtype, shape=()):
    phases = np.exp(2j * np.pi * np.random.default_rng(k).random((*shape, k)))
    return (phases if dtype.startswith("complex") else np.sign(phases.real)).astype(dtype)


def by_signs(x, signs, scale=0.5):
    return cayley_frame(x, scale=scale, signs=signs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_frame_equals_full_cayley(backend, dtype, shape):
    x = gaussian(*shape, shape=(2,), dtype=dtype, rng=sum(shape))
    signs = drawn_signs(shape[1], dtype, (2,))
    given, d = backend.asarray(x, dtype), backend.asarray(signs, dtype)
    size = 1.0 + np.linalg.norm(x, 2, (-2, -1)).max()
    q = backend.call(cayley_frame, given)
    assert_same_kind(q, given, shape=x.shape)
    orthonormal(q, dtype)
    close(q, full(x, 0.5), dtype, C_VALUE, size)
    q = backend.call(by_signs, given, d, scale=1.0)
    assert_same_kind(q, given, shape=x.shape)
    orthonormal(q, dtype)
    close(q, full(x, 1.0, signs), dtype, C_VALUE, size)


def large(n, k, dtype, exponent):
    """Stacks in which X is large in all directions, in few, in none of some columns, ..."""
    x = gaussian(n, k, shape=(7,), dtype=dtype, rng=n + k).astype(np.result_type(dtype, "f8"))
    big, steps = 10.0**exponent, np.linspace(exponent, -exponent, k)
    x[0] *= big
    x[1] = np.outer(x[1, :, 0], x[1, 0]) * big
    x[2] *= 10.0**steps
    x[3] *= big
    x[3, :, k // 2 :] = 0
    x[4] *= 10.0 ** np.linspace(exponent, -exponent, n)[:, None]
    x[5, :k] *= big
    x[6, :k] = np.outer(x[6, :k, 0], x[6, 0]) * big
    x[6, k:] *= 1e-8
    return x.astype(dtype)


@kernel_choices
@pytest.mark.parametrize("exponent", [-4, 0, 1, 2, 4, 8])
@pytest.mark.parametrize("dtype", ["float64", "complex128", "float32"])
def test_frame_large_norm(dtype, exponent, kernels):
    """The form with squares of norms alone would lose 10^(2 exponent) roundings here."""
    for n, k in ((6, 4), (5, 5), (40, 8), (70, 60)):
        x = large(n, k, dtype, exponent)
        with options(kernels=kernels):
            for scale in (0.5, 1.0):
                orthonormal(cayley_frame(x, scale=scale), dtype)


@on_dtypes("float64")
def test_frame_large_norm_on_every_library(backend, dtype):
    for n, k in ((5, 5), (40, 8)):
        for exponent in (2, 8):
            x = backend.asarray(large(n, k, dtype, exponent), dtype)
            orthonormal(backend.call(cayley_frame, x), dtype)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_items_that_need_row_exchanges_are_seen(dtype):
    x = gaussian(3, 3, shape=(4000,), dtype=dtype, rng=5)
    lower = np.tril(x, -1)
    orthonormal(cayley_frame(16.0 * x / np.linalg.norm(lower, axis=(-2, -1))[:, None, None]), dtype)


@kernel_choices
def test_large_parameters_give_the_frame_of_their_conditioning(kernels):
    """Against the full map in extended precision, by the Woodbury form of its inverse."""
    for dtype, wide in (("float64", np.longdouble), ("complex128", np.clongdouble)):
        for exponent in (-4, 0, 2, 4):
            for x in large(6, 2, dtype, exponent):
                y = x.astype(wide) / 2
                a = np.tril(y[:2], 0 if np.iscomplexobj(x) else -1)
                (p, q), (r, s) = np.eye(2) - (a - h(a)) + h(y[2:]) @ y[2:]
                inverse = np.array([[s, -q], [-r, p]]) / (p * s - q * r)
                expected = np.concatenate([2 * inverse - np.eye(2), 2 * y[2:] @ inverse])
                # Cramer's rule in extended precision: good while few digits are lost in it.
                lost = np.finfo(wide).eps * np.abs(p * s) / np.abs(p * s - q * r)
                if lost > machine_epsilon(dtype):
                    continue
                with options(kernels=kernels):
                    found = cayley_frame(x)
                size = 1 + np.linalg.norm(x, 2)
                close(found, expected.astype(dtype), dtype, C_VALUE, size)


@kernel_choices
@pytest.mark.parametrize("exponent", [-300, -170, 160, 300])
def test_scales_near_the_ends_of_the_range(exponent, kernels):
    for dtype in ("float64", "complex128"):
        for shape in ((6, 4), (5, 5), (30, 20), (4, 1)):
            x = gaussian(*shape, dtype=dtype, rng=1) * 10.0**exponent
            with options(kernels=kernels):
                orthonormal(cayley_frame(x), dtype)


def test_frame_allocates_no_square():
    x = gaussian(20_000, 8, rng=2) / 200
    own = x.nbytes
    bar = gaussian(20_000, 8, rng=3)
    cayley_frame_inverse(cayley_frame(x))  # compiled, loaded
    for kernels, copies in ((True, 6), (False, 8)):
        with options(kernels=kernels):
            tracemalloc.start()
            q = cayley_frame(x)
            cayley_frame_inverse(q)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak <= copies * own  # a square would take 2500
    torch = pytest.importorskip("torch")
    parameters = torch.tensor(x, requires_grad=True)
    cayley_frame(parameters).backward(torch.tensor(bar))
    tracemalloc.start()
    cayley_frame(parameters).backward(torch.tensor(bar))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 6 * own
    assert parameters.grad.shape == (20_000, 8)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_round_trip_on_every_library(backend, dtype, shape):
    q = haar(*shape, shape=(2,), dtype=dtype, rng=sum(shape))
    given = backend.asarray(q, dtype)
    result = backend.call(cayley_frame_inverse, given, scale=0.7)
    assert isinstance(result, CayleyResult)
    assert_same_kind(result.skew, given, shape=q.shape)
    assert_same_kind(result.signs, given, shape=(2, shape[1]))
    assert not to_numpy(result.status).any()
    top = to_numpy(result.skew)[:, : shape[1]]
    assert not np.triu(top, 1).any()
    assert not np.einsum("...ii->...i", top).real.any()
    close(by_signs(to_numpy(result.skew), to_numpy(result.signs), 0.7), q, dtype)


@pytest.mark.parametrize("dtype", ["float64", "complex128", "float32"])
def test_thousand_haar_frames(dtype):
    for n, k, items in ((1, 1, 20), (2, 2, 300), (3, 2, 300), (8, 8, 300), (33, 20, 80)):
        q = haar(n, k, shape=(items,), dtype=dtype, rng=n)
        x, signs, status = cayley_frame_inverse(q)
        assert not status.any()
        close(cayley_frame(x, signs=signs), q, dtype)
        if n == k and dtype.startswith("float"):
            assert set(np.sign(np.linalg.det(q.astype(float)))) == {-1.0, 1.0}


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_frame_inverse_n_minus_1(dtype):
    q = haar(256, 255, dtype=dtype, rng=4)
    x, signs, status = cayley_frame_inverse(q)
    assert status == Status.OK
    close(cayley_frame(x, signs=signs), q, dtype)


@kernel_choices
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_frames_where_cayley_needs_signs(dtype, kernels):
    eye = np.eye(5, dtype=dtype)
    cases = [eye, -eye, eye[::-1], np.roll(eye, 1, 0), eye[:, ::-1][:, :3], -eye[:, :2]]
    cases += [np.diag([1, -1, 1, 1, -1]).astype(dtype), eye[:, 4:]]
    for q in cases:
        with options(kernels=kernels):
            x, signs, status = cayley_frame_inverse(q)
            assert status == Status.OK
            close(cayley_frame(x, signs=signs), q, dtype, 2.0)


def test_spectrum_near_minus_one():
    basis = haar(12, dtype="complex128", rng=5)
    for distance in (0.0, 1e-15, 1e-8, 1e-3):
        angles = np.pi - distance * np.arange(12)
        q = (basis * np.exp(1j * angles)) @ h(basis)
        x, signs, status = cayley_frame_inverse(q)
        assert status == Status.OK
        close(cayley_frame(x, signs=signs), q, "complex128")


@on_dtypes("float64", "complex64")
def test_given_signs_are_used(backend, dtype):
    signs = drawn_signs(3, dtype, (4,))
    x = gaussian(7, 3, shape=(4,), dtype=dtype, rng=6)
    x[:, :3] = np.tril(x[:, :3], -1)
    q = backend.asarray(cayley_frame(x, signs=signs), dtype)
    result = backend.call(cayley_frame_inverse_with, q, backend.asarray(signs, dtype))
    assert np.array_equal(to_numpy(result.signs), signs)
    assert not to_numpy(result.status).any()
    size = (1 + np.linalg.norm(x, 2, (-2, -1)).max()) ** 2
    close(result.skew, x, dtype, C_ROUND_TRIP, size)


def cayley_frame_inverse_with(q, signs):
    return cayley_frame_inverse(q, signs=signs)


def test_signs_that_do_not_suit_violate_the_bound():
    q = haar(6, 3, shape=(2,), rng=7)
    q[1] = -np.eye(6, 3)
    status = cayley_frame_inverse(q, signs=[1, 1, 1]).status
    assert list(status) == [Status.OK, Status.BOUND_VIOLATED]
    assert list(cayley_frame_inverse(q, signs=[-1, -1, -1]).status[1:]) == [Status.OK]


@kernel_choices
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_what_is_not_orthonormal_violates_the_bound(dtype, kernels):
    q = haar(9, 4, shape=(4,), dtype=dtype, rng=8)
    small = 1e4 * machine_epsilon(dtype)
    q[1] *= 1 + small
    q[2, :, 3] += small * q[2, :, 0]
    q[3, :, 2] = 0
    with options(kernels=kernels):
        result = cayley_frame_inverse(q)
    assert list(result.status) == [Status.OK, *[Status.BOUND_VIOLATED] * 3]
    with pytest.raises(StatusError, match="BOUND_VIOLATED in 3 of 4"):
        check(result)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@on_dtypes("float64", "complex64")
def test_items_that_are_not_finite_are_nan(backend, dtype, value):
    x = gaussian(6, 3, shape=(3,), dtype=dtype, rng=9)
    clean = cayley_frame(x)
    x[1, 4, 2] = value
    q = to_numpy(backend.call(cayley_frame, backend.asarray(x, dtype)))
    assert np.isnan(q[1]).all()
    close(q[::2], clean[::2], dtype)
    bad = clean.copy()
    bad[1, 5, 0] = value
    result = backend.call(cayley_frame_inverse, backend.asarray(bad, dtype))
    assert list(to_numpy(result.status)) == [Status.OK, Status.NONFINITE, Status.OK]
    assert np.isnan(to_numpy(result.skew)[1]).all()
    assert np.isnan(to_numpy(result.signs)[1]).all()
    assert np.isfinite(to_numpy(result.skew)[::2]).all()


@on_dtypes("float64", "complex64")
def test_what_is_not_read_changes_nothing(backend, dtype):
    x = gaussian(6, 4, dtype=dtype, rng=10)
    poisoned = x.copy()
    poisoned[np.triu_indices(4, 1)] = 1e6
    poisoned[np.arange(4), np.arange(4)] += 1e6
    q = [to_numpy(backend.call(cayley_frame, backend.asarray(y, dtype))) for y in (x, poisoned)]
    # A large real diagonal takes digits from the imaginary part of complex numbers: none here.
    assert np.array_equal(*q)


@on_dtypes("float64", "complex64")
def test_batched_equals_loop(backend, dtype):
    for shape in ((6, 4), (40, 36)):
        x = gaussian(*shape, shape=(2, 3), dtype=dtype, rng=11) / shape[0] ** 0.5
        q = to_numpy(backend.call(cayley_frame, backend.asarray(x, dtype)))
        frames = haar(*shape, shape=(2, 3), dtype=dtype, rng=12)
        result = backend.call(cayley_frame_inverse, backend.asarray(frames, dtype))
        for index in np.ndindex(2, 3):
            close(q[index], cayley_frame(x[index]), dtype)
            one = cayley_frame_inverse(frames[index])
            size = 1 + np.linalg.norm(one.skew, 2) ** 2
            close(to_numpy(result.skew)[index], one.skew, dtype, C_ROUND_TRIP, size)
            assert np.abs(to_numpy(result.signs)[index] - one.signs).max() <= 1e-4


@pytest.mark.parametrize("shape", [(0, 4, 2), (2, 3, 0), (0, 0)], ids=str)
@on_dtypes("float64")
def test_empty_input(backend, dtype, shape):
    given = backend.asarray(np.zeros(shape), dtype)
    assert tuple(backend.call(cayley_frame, given).shape) == shape
    x, signs, status = backend.call(cayley_frame_inverse, given)
    assert tuple(x.shape) == shape
    assert tuple(signs.shape) == (*shape[:-2], shape[-1])
    assert tuple(status.shape) == shape[:-2]
    assert not to_numpy(status).any()


@on_dtypes("float16", "bfloat16")
def test_half_precision_is_computed_in_single(backend, dtype):
    x = backend.asarray(gaussian(8, 5, rng=13) / 4, dtype)
    q = backend.call(cayley_frame, x)
    assert_same_kind(q, x)
    single = backend.call(cayley_frame, backend.asarray(to_numpy(x), "float32"))
    assert np.array_equal(to_numpy(q), to_numpy(backend.asarray(to_numpy(single), dtype)))
    result = backend.call(cayley_frame_inverse, q)
    assert_same_kind(result.skew, x)
    assert int(result.status) == Status.OK
    back = by_signs(to_numpy(result.skew).astype("f4"), to_numpy(result.signs).astype("f4"))
    close(back, to_numpy(q).astype("f4"), dtype)


@pytest.mark.parametrize("layout", ["F", "strided", "reversed", "read-only"])
def test_memory_order_changes_nothing_and_nothing_is_written(layout):
    x = gaussian(40, 36, rng=14) / 10
    laid = {
        "F": np.asfortranarray(x),
        "strided": np.repeat(x, 2, axis=1)[:, ::2],
        "reversed": x[::-1].copy()[::-1],
        "read-only": x.copy(),
    }[layout]
    laid.flags.writeable = False
    close(cayley_frame(laid), cayley_frame(x), "float64", 1.0)
    close(cayley_frame_inverse(laid).skew, cayley_frame_inverse(x).skew, "float64")
    assert np.array_equal(laid, x)


def test_integers_and_lists():
    q = cayley_frame([[0], [2]])
    assert q.dtype == np.float64
    assert np.array_equal(q, [[0], [1]])
    assert np.array_equal(cayley_frame([[0], [2]], signs=np.array([-1], np.int8)), [[-0.0], [1]])


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((np.ones(3),), {}, ValueError, "at least two axes"),
        ((np.ones((2, 3)),), {}, ValueError, r"n >= k, got float64 of shape \(2, 3\)"),
        ((np.ones((3, 2)),), {"scale": 0.0}, ValueError, "scale"),
        ((np.ones((3, 2)),), {"scale": np.nan}, ValueError, "scale"),
        ((np.ones((3, 2)),), {"scale": "half"}, TypeError, "scale"),
        ((np.ones((3, 2)),), {"signs": np.ones(3)}, ValueError, "signs that broadcast"),
        ((np.ones((3, 2)),), {"signs": np.ones(2) * 1j}, TypeError, "real signs"),
        ((np.ones((3, 2), bool),), {}, TypeError, "floating dtype"),
    ],
)
def test_static_mistakes(arguments, keywords, error, message):
    for function in (cayley_frame, cayley_frame_inverse):
        with pytest.raises(error, match=message):
            function(*arguments, **keywords)
