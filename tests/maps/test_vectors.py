"""`householder_vectors`: reflectors of orthonormal matrices, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import (
    HouseholderVectors,
    Status,
    StatusError,
    check,
    haar,
    householder_product,
    householder_vectors,
    options,
    polar,
)
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

C_ROUND_TRIP = 25.0  # in units of m eps, that is 50 m u

SHAPES = [(1, 1), (5, 5), (9, 4), (40, 36)]


def round_trip(result):
    v, tau, signs = (to_numpy(x) for x in result[:3])
    return householder_product(v, tau.astype(v.dtype)) * signs[..., None, :]


def close(found, expected, dtype):
    limit = C_ROUND_TRIP * expected.shape[-2] * machine_epsilon(dtype)
    assert np.linalg.norm(found - expected, 2, (-2, -1)).max(initial=0.0) <= limit


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_round_trip_on_every_library(backend, dtype, shape):
    q = haar(*shape, shape=(2,), dtype=dtype, rng=sum(shape))
    x = backend.asarray(q, dtype)
    result = backend.call(householder_vectors, x)
    assert isinstance(result, HouseholderVectors)
    assert_same_kind(result.vectors, x, shape=q.shape)
    assert_same_kind(result.signs, x, shape=(2, shape[1]))
    assert_same_kind(result.tau, x, dtype=real_of(dtype), shape=(2, shape[1]))
    v, tau, signs, status = (to_numpy(part) for part in result)
    assert not status.any()
    assert np.array_equal(np.triu(v[:, : shape[1]], 1), np.zeros_like(v[:, : shape[1]]))
    assert (np.einsum("...ii->...i", v[:, : shape[1]]) == 1).all()
    rounding = C_ROUND_TRIP * shape[0] * machine_epsilon(dtype)
    assert np.abs(v).max() <= 1 + rounding
    assert ((tau >= 1 - rounding) & (tau <= 2 + rounding)).all()
    assert np.abs(np.abs(signs) - 1).max() <= rounding
    if not dtype.startswith("complex"):
        assert (np.abs(signs) == 1).all()
    close(round_trip(result), q, dtype)


@pytest.mark.parametrize("dtype", ["float64", "complex128", "float32"])
def test_thousand_haar_matrices_of_either_determinant(dtype):
    for n, items in ((2, 300), (3, 300), (8, 300), (33, 90), (256, 10)):
        q = haar(n, shape=(items,), dtype=dtype, rng=n)
        if dtype.startswith("float"):
            determinants = np.sign(np.linalg.det(q.astype(float)))
            assert set(determinants) == {-1.0, 1.0}
        result = householder_vectors(q)
        assert not result.status.any()
        close(round_trip(result), q, dtype)


def test_spectrum_near_minus_one():
    for distance in (0.0, 1e-15, 1e-8, 1e-3):
        basis = haar(12, dtype="complex128", rng=1)
        angles = np.pi - distance * np.arange(12)
        q = (basis * np.exp(1j * angles)) @ basis.conj().T
        close(round_trip(householder_vectors(q)), q, "complex128")


def test_it_turns_a_polar_factor_into_reflectors():
    u = polar(gaussian(30, 7, rng=2)).unitary
    result = householder_vectors(u)
    assert result.status == Status.OK
    close(round_trip(result), u, "float64")


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_what_is_not_orthonormal_violates_the_bound(dtype, kernels):
    q = haar(9, 4, shape=(5,), dtype=dtype, rng=3)
    small = 1e4 * machine_epsilon(dtype)
    q[1] *= 1 + small
    q[2, :, 3] += small * q[2, :, 0]  # no single column is longer than one
    q[3] *= 0.5
    q[4, :, 2] = 0
    with options(kernels=kernels):
        result = householder_vectors(q)
    assert list(result.status) == [Status.OK, *[Status.BOUND_VIOLATED] * 4]
    # The reflectors are still unitary, because tau belongs to the vectors.
    back = round_trip(result)
    gram = np.swapaxes(back, -1, -2).conj() @ back
    assert np.abs(gram - np.eye(4)).max() <= C_ROUND_TRIP * 9 * machine_epsilon(dtype)
    with pytest.raises(StatusError, match="BOUND_VIOLATED in 4 of 5"):
        check(result)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@on_dtypes("float64", "complex64")
def test_an_item_that_is_not_finite_is_nan_and_says_so(backend, dtype, value):
    q = haar(6, 3, shape=(3,), dtype=dtype, rng=4)
    clean = round_trip(householder_vectors(q))
    q[1, 4, 2] = value
    result = backend.call(householder_vectors, backend.asarray(q, dtype))
    assert list(to_numpy(result.status)) == [Status.OK, Status.NONFINITE, Status.OK]
    for part in result[:3]:
        assert np.isnan(to_numpy(part)[1]).all()
        assert np.isfinite(to_numpy(part)[::2]).all()
    close(round_trip(result)[::2], clean[::2], dtype)


def test_huge_entries_are_no_overflow_but_a_violated_bound():
    assert householder_vectors(np.full((4, 2), 1e200)).status == Status.BOUND_VIOLATED


@on_dtypes("float64", "complex64")
def test_batched_equals_loop(backend, dtype):
    for shape in ((6, 4), (40, 37)):
        q = haar(*shape, shape=(2, 3), dtype=dtype, rng=5)
        together = backend.call(householder_vectors, backend.asarray(q, dtype))
        for index in np.ndindex(2, 3):
            one = householder_vectors(q[index])
            for part, stack in zip(one, together, strict=True):
                difference = np.abs(part - to_numpy(stack)[index]).max()
                assert difference <= C_ROUND_TRIP * shape[0] * machine_epsilon(dtype)


@pytest.mark.parametrize("shape", [(0, 4, 2), (2, 3, 0), (0, 0)], ids=str)
@on_dtypes("float64")
def test_empty_input(backend, dtype, shape):
    v, tau, signs, status = backend.call(
        householder_vectors, backend.asarray(np.zeros(shape), dtype)
    )
    assert tuple(v.shape) == shape
    assert tuple(tau.shape) == tuple(signs.shape) == (*shape[:-2], shape[-1])
    assert tuple(status.shape) == shape[:-2]
    assert not to_numpy(status).any()


@on_dtypes("float16", "bfloat16")
def test_half_precision_is_computed_in_single(backend, dtype):
    x = backend.asarray(haar(8, 5, rng=6), dtype)
    result = backend.call(householder_vectors, x)
    for part in result[:3]:
        assert_same_kind(part, x)
    assert int(result.status) == Status.OK
    error = np.abs(round_trip(result) - to_numpy(x)).max()
    assert error <= C_ROUND_TRIP * 8 * machine_epsilon(dtype)


@pytest.mark.parametrize("layout", ["F", "strided", "read-only"])
def test_memory_order_changes_nothing_and_nothing_is_written(layout):
    q = haar(40, 36, rng=7)
    laid = {"F": np.asfortranarray(q), "strided": np.repeat(q, 2, 1)[:, ::2]}.get(layout, q.copy())
    laid.flags.writeable = False
    close(round_trip(householder_vectors(laid)), q, "float64")
    assert np.array_equal(laid, q)


def test_results_are_not_in_the_memory_of_the_argument():
    for q in (np.eye(3, 1), np.eye(3), haar(40, 3, rng=8)):
        for part in householder_vectors(q):
            assert not np.shares_memory(part, q)


def test_integers_and_lists():
    result = householder_vectors([[0, 1], [1, 0]])
    assert result.vectors.dtype == np.float64
    assert np.array_equal(round_trip(result), [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        (np.ones(3), ValueError, "at least two axes"),
        (np.ones((2, 3)), ValueError, r"m >= n, got float64 of shape \(2, 3\)"),
        (np.ones((3, 2), bool), TypeError, "floating dtype"),
        ("q", TypeError, "expected an array"),
    ],
)
def test_static_mistakes(argument, error, message):
    with pytest.raises(error, match=message):
        householder_vectors(argument)
