"""`orthonormal_basis`: the span, its rank, and what becomes of missing directions."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import Status, orthonormal_basis
from orthola.testing import from_spectrum, gaussian, machine_epsilon
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

C_BASIS = 10.0  # in units of max(m, n) eps


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def low_rank(m, n, rank, dtype, rng=0):
    wide = "complex128" if "complex" in dtype else "float64"
    return gaussian(m, rank, dtype=wide, rng=rng) @ gaussian(rank, n, dtype=wide, rng=rng + 1)


@pytest.mark.parametrize(("m", "n", "rank"), [(7, 4, 4), (3, 6, 2)])
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_projector_and_rank_on_every_library(backend, dtype, m, n, rank):
    a = low_rank(m, n, rank, dtype).astype(dtype)
    a_ = backend.asarray(a, dtype)
    found = backend.call(orthonormal_basis, a_, tol=1e-4)
    assert_same_kind(found.basis, a_, shape=(m, min(m, n)))
    assert_same_kind(found.singular_values, a_, dtype=real_of(dtype), shape=(min(m, n),))
    assert int(found.rank) == rank
    full = rank == min(m, n)
    assert int(found.status) == (Status.OK if full else Status.RANK_DEFICIENT)
    q = to_numpy(found.basis)
    bound = C_BASIS * max(m, n) * machine_epsilon(dtype)
    u, s, _ = np.linalg.svd(a.astype(np.result_type(dtype, np.float64)), full_matrices=False)
    gap = s[0] / s[rank - 1]
    assert np.linalg.norm(q @ h(q) - u[:, :rank] @ h(u[:, :rank]), 2) <= bound * gap
    assert np.linalg.norm(h(q[:, :rank]) @ q[:, :rank] - np.eye(rank), 2) <= bound
    assert not np.any(q[:, rank:])
    assert np.abs(to_numpy(found.singular_values) - s).max() <= bound * s[0]


def test_default_tolerance_keeps_what_rounding_leaves():
    a = from_spectrum(30, 6, np.array([1, 1e-3, 1e-9, 1e-12, 1e-17, 1e-20]), rng=0)
    assert orthonormal_basis(a).rank == 4
    assert orthonormal_basis(a, tol=1e-6).rank == 2
    assert orthonormal_basis(a.astype(np.float32)).rank == 2
    assert orthonormal_basis(np.diag([1.0, 1e-30]), tol=0).rank == 2


@pytest.mark.parametrize("exponent", [-1000, 990])
def test_scale_changes_nothing(exponent):
    a = low_rank(8, 5, 3, "float64")
    plain, scaled = orthonormal_basis(a), orthonormal_basis(np.ldexp(a, exponent))
    assert np.array_equal(plain.basis, scaled.basis)
    assert plain.rank == scaled.rank == 3
    # What is rounding only may be subnormal.
    kept = np.ldexp(plain.singular_values[:3], exponent)
    assert np.array_equal(kept, scaled.singular_values[:3])


def test_items_of_a_stack_do_not_touch_each_other():
    a = gaussian(5, 3, shape=(2, 2), dtype="complex128", rng=3)
    a[0, 1] = np.nan
    a[1, 0] = 0
    a[1, 1, 0, 0] = np.inf
    found = orthonormal_basis(a)
    expected = [[Status.OK, Status.NONFINITE], [Status.RANK_DEFICIENT, Status.NONFINITE]]
    assert found.status.tolist() == expected
    assert found.rank.tolist() == [[3, 0], [0, 0]]
    assert np.array_equal(found.basis[0, 0], orthonormal_basis(a[0, 0]).basis)
    assert np.isnan(found.basis[0, 1]).all()
    assert np.isnan(found.singular_values[1, 1]).all()
    assert not np.any(found.basis[1, 0])


@on_dtypes("float16", "bfloat16")
def test_half_precision(backend, dtype):
    a_ = backend.asarray(low_rank(6, 4, 2, "float32"), dtype)
    found = backend.call(orthonormal_basis, a_, tol=0.05)
    assert_same_kind(found.basis, a_, shape=(6, 4))
    q = to_numpy(found.basis).astype(np.float64)[:, :2]
    assert int(found.rank) == 2
    assert np.linalg.norm(q.T @ q - np.eye(2), 2) <= C_BASIS * machine_epsilon(dtype)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 4)])
def test_empty(shape):
    found = orthonormal_basis(np.zeros(shape))
    assert found.basis.shape == (*shape[:-1], min(shape[-2:]))
    assert found.singular_values.shape == (*shape[:-2], min(shape[-2:]))
    assert not np.any(found.rank)


def test_input_is_not_written_to_and_may_have_any_layout():
    a = gaussian(9, 8, dtype="float64", rng=5)
    views = a[::-2, 1::2], np.asfortranarray(a[::-2, 1::2])
    first, second = (orthonormal_basis(view) for view in views)
    assert np.allclose(first.basis @ first.basis.T, second.basis @ second.basis.T, atol=1e-13)
    assert np.array_equal(a, gaussian(9, 8, dtype="float64", rng=5))
    assert orthonormal_basis([[1, 1], [1, 1]]).rank == 1


def test_static_mistakes():
    with pytest.raises(ValueError, match="at least two axes"):
        orthonormal_basis(np.ones(3))
    with pytest.raises(ValueError, match="tol"):
        orthonormal_basis(np.ones((3, 1)), tol=-0.1)
    with pytest.raises(ValueError, match="relative"):
        orthonormal_basis(np.ones((3, 1)), tol=1)
