"""Constrained relatives: planted answers, optimality conditions, and search by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import orthola
from orthola import (
    Status,
    oblique_procrustes,
    permutation_procrustes,
    stiefel_procrustes,
    symmetric_procrustes,
    two_sided_procrustes,
)
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

U = 2.0**-53
C = 50.0  # roundings allowed: c n u, times the condition where it enters


def gaussian(*shape, seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if dtype.startswith("complex") else x


DTYPES = pytest.mark.parametrize("dtype", ["float64", "complex128"])


# Orthonormal columns


@DTYPES
def test_stiefel_planted(dtype):
    a = gaussian(30, 6, dtype=dtype) * np.geomspace(1, 0.01, 6)
    frame = orthola.haar(6, 3, rng=1, dtype=dtype)
    found = stiefel_procrustes(a, a @ frame)
    assert found.status == Status.OK
    assert found.certified
    assert np.max(np.abs(found.factor - frame)) <= 1e-8
    assert found.residual <= 1e-9


def test_stiefel_planted_optima_are_not_missed():
    missed = 0
    for seed in range(100):
        a, frame = gaussian(20, 5, seed=seed), orthola.haar(5, 2, rng=seed)
        b = a @ frame + 0.3 * gaussian(20, 2, seed=seed + 1000)
        found = stiefel_procrustes(a, b)
        missed += not found.certified and found.residual > np.linalg.norm(a @ frame - b)
        assert found.necessary
    assert missed <= 1


@DTYPES
@pytest.mark.parametrize("weighted", [False, True])
def test_stiefel_is_never_above_the_balanced_solution_or_a_search(weighted, dtype):
    metric = np.array([1.0, 4.0]) if weighted else None
    roots = np.ones(2) if metric is None else np.sqrt(metric)
    for seed in range(5):
        a, b = gaussian(8, 4, seed=seed, dtype=dtype), gaussian(8, 2, seed=seed + 9, dtype=dtype)
        found = stiefel_procrustes(a, b, metric=metric)

        def cost(q, a=a, b=b):
            return np.linalg.norm((a @ q - b) * roots, axis=(-2, -1))

        np.testing.assert_allclose(found.residual, cost(found.factor), rtol=1e-12)
        padded = np.concatenate([b, np.zeros_like(b)], axis=1)
        balanced = orthola.procrustes(a, padded).transform.rotation[:, :2]
        somewhere = orthola.haar(4, 2, shape=(2000,), rng=seed, dtype=dtype)
        best = min(cost(balanced), cost(somewhere).min())
        assert found.residual <= best * (1 + 1e-12)
        # Nowhere lower close by.
        near = found.factor + 1e-3 * gaussian(500, 4, 2, seed=seed, dtype=dtype)
        assert found.residual <= cost(orthola.polar(near).unitary).min()


def test_stiefel_metric_of_a_matrix_and_of_its_diagonal():
    a, b, weights = gaussian(8, 4), gaussian(8, 3, seed=1), np.array([1.0, 2.0, 5.0])
    turn = orthola.haar(3, rng=2)
    one = stiefel_procrustes(a, b, metric=weights)
    two = stiefel_procrustes(a, b @ turn, metric=turn.T @ (weights[:, None] * turn))
    np.testing.assert_allclose(one.residual, two.residual, rtol=1e-8)
    equal = stiefel_procrustes(a, b, metric=4 * np.eye(3))
    plain = stiefel_procrustes(a, b)
    np.testing.assert_allclose(equal.residual, 2 * plain.residual, rtol=1e-8)


def test_stiefel_of_a_square_factor_is_procrustes():
    a, b = gaussian(10, 4), gaussian(10, 4, seed=1)
    found, fit = stiefel_procrustes(a, b), orthola.procrustes(a, b)
    assert np.max(np.abs(found.factor - fit.transform.rotation)) <= C * 4 * U * 10
    assert found.steps == 0


def test_stiefel_statuses_and_refusals():
    a, b = gaussian(10, 4), gaussian(10, 2, seed=1)
    assert stiefel_procrustes(a, b, max_steps=1).status == Status.NOT_CONVERGED
    with pytest.raises(ValueError, match="at most as many columns"):
        stiefel_procrustes(b, a)
    with pytest.raises(ValueError, match="metric of shape"):
        stiefel_procrustes(a, b, metric=np.ones(3))


# Columns of length one


@DTYPES
def test_oblique_planted_and_conditions(dtype):
    a = gaussian(20, 5, dtype=dtype) * np.geomspace(1, 0.01, 5)
    planted = gaussian(5, 7, seed=1, dtype=dtype)
    planted = planted / np.linalg.norm(planted, axis=0)
    found = oblique_procrustes(a, a @ planted)
    assert np.max(np.abs(found.factor - planted)) <= C * 20 * U * 100
    assert found.unique
    b = gaussian(20, 7, seed=2, dtype=dtype)
    found = oblique_procrustes(a, b)
    np.testing.assert_allclose(np.linalg.norm(found.factor, axis=0), 1, rtol=C * U)
    # (A^H A - lambda I) t = A^H b with lambda <= lambda_min is sufficient.
    gram = a.conj().T @ a
    force = gram @ found.factor - a.conj().T @ b
    multiplier = np.sum(found.factor.conj() * force, axis=0).real
    assert np.linalg.norm(force - found.factor * multiplier) <= C * 20 * U * np.linalg.norm(gram)
    assert (multiplier <= np.linalg.eigvalsh(gram)[0] + C * U * np.linalg.norm(gram)).all()


@pytest.mark.parametrize("rows", [2, 10])
def test_oblique_against_a_search_on_the_sphere(rows):
    angles = np.linspace(0, 2 * np.pi, 200_001)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    for seed in range(5):
        a, b = gaussian(rows, 2, seed=seed), gaussian(rows, 1, seed=seed + 50)
        found = oblique_procrustes(a, b)
        best = np.min(np.linalg.norm(a @ circle - b, axis=0))
        assert best - 1e-8 <= found.residual <= best


@pytest.mark.parametrize("part", [0.0, 1e-18, 1e-12, 1e-6])
def test_oblique_hard_case(part):
    # The image has next to nothing along the weakest direction, and the rest is short.
    a, b = np.diag([3.0, 2.0, 1.0]), np.array([[0.6], [0.3], [part]])
    found = oblique_procrustes(a, b)
    assert np.linalg.norm(found.factor) == pytest.approx(1, abs=C * U)
    multiplier = (found.factor.T @ (a @ a @ found.factor - a @ b)).item()
    assert multiplier <= 1 + C * U
    force = a @ a @ found.factor - a @ b - multiplier * found.factor
    assert np.linalg.norm(force) <= C * 9 * U
    assert found.unique == (part > 1e-14)
    assert found.status == (Status.OK if part > 1e-14 else Status.RANK_DEFICIENT)


def test_oblique_with_fewer_rows_than_columns():
    a, b = gaussian(2, 4), 0.1 * gaussian(2, 3, seed=1)
    found = oblique_procrustes(a, b)
    assert found.residual <= C * U  # the images can be reached exactly
    np.testing.assert_allclose(np.linalg.norm(found.factor, axis=0), 1, rtol=C * U)
    assert found.status == Status.RANK_DEFICIENT


# Hermitian matrices


@DTYPES
@pytest.mark.parametrize("shape", [(20, 4), (4, 4), (3, 4)])
def test_symmetric_planted_and_normal_equations(shape, dtype):
    a, x = gaussian(*shape, dtype=dtype), gaussian(4, 4, seed=1, dtype=dtype)
    planted = x + x.conj().T
    found = symmetric_procrustes(a, a @ planted)
    np.testing.assert_array_equal(found.factor, found.factor.conj().T)
    assert found.residual <= C * 20 * U * np.linalg.norm(a) * np.linalg.norm(planted)
    if shape[0] >= 4:
        condition = np.linalg.cond(a)
        assert np.linalg.norm(found.factor - planted) <= C * 20 * U * condition * 10
    assert found.unique == (shape[0] >= 4)
    b = gaussian(*shape, seed=2, dtype=dtype)
    factor = symmetric_procrustes(a, b).factor
    force = a.conj().T @ (a @ factor - b)
    assert np.linalg.norm(force + force.conj().T) <= C * 20 * U * np.linalg.norm(a) ** 2 * 100


def test_symmetric_of_least_norm_where_it_is_free():
    a, b = np.diag([1.0, 0.0]), np.array([[2.0, 3.0], [0.0, 0.0]])
    found = symmetric_procrustes(a, b)
    np.testing.assert_allclose(found.factor, [[2.0, 3.0], [3.0, 0.0]])
    assert found.status == Status.RANK_DEFICIENT


# Two sides


@DTYPES
@pytest.mark.parametrize("other", [(4, 3), (3, 4), (6, 2)])
def test_two_sided_optimum_value(other, dtype):
    a, b = gaussian(4, 3, dtype=dtype), gaussian(*other, seed=1, dtype=dtype)
    left, right, residual, _, status = two_sided_procrustes(a, b)
    m, n = max(4, other[0]), max(3, other[1])
    assert left.shape == (m, m)
    assert right.shape == (n, n)
    values = [np.zeros(8), np.zeros(8)]
    for x, into in zip((a, b), values, strict=True):
        s = np.linalg.svd(x, compute_uv=False)
        into[: len(s)] = s
    np.testing.assert_allclose(residual, np.linalg.norm(values[0] - values[1]), rtol=1e-12)
    for x in (left, right):
        assert np.linalg.norm(x.conj().T @ x - np.eye(len(x))) <= C * len(x) * U
    assert status == Status.OK


@DTYPES
def test_two_sided_symmetric(dtype):
    x, y = gaussian(5, 5, dtype=dtype), gaussian(5, 5, seed=1, dtype=dtype)
    a, b = x + x.conj().T, y + y.conj().T
    left, right, residual, distinct, status = two_sided_procrustes(a, b, symmetric=True)
    np.testing.assert_array_equal(left, right.conj().T)
    best = np.linalg.norm(np.linalg.eigvalsh(a) - np.linalg.eigvalsh(b))
    np.testing.assert_allclose(residual, best, rtol=1e-12)
    turns = orthola.haar(5, shape=(1000,), rng=0, dtype=dtype)
    found = np.linalg.norm(turns.conj().mT @ a @ turns - b, axis=(-2, -1)).min()
    assert residual <= found
    assert (distinct, status) == (True, Status.OK)
    assert two_sided_procrustes(x, b, symmetric=True).status == Status.BOUND_VIOLATED
    assert not two_sided_procrustes(np.eye(3), np.diag([3.0, 2.0, 1.0])).distinct


# Permutations


@DTYPES
def test_permutation_planted(dtype):
    a, order = gaussian(6, 9, dtype=dtype), np.random.default_rng(1).permutation(9)
    noise = 1e-3 * gaussian(6, 9, seed=2, dtype=dtype)
    found = permutation_procrustes(a, a[:, order] + noise)
    np.testing.assert_array_equal(found.permutation, order)
    np.testing.assert_allclose(found.residual, np.linalg.norm(noise), rtol=1e-12)
    np.testing.assert_array_equal(a @ np.eye(9)[:, found.permutation], a[:, order])


def test_permutation_against_all_of_them():
    a, b = gaussian(8, 3, 5), gaussian(8, 3, 5, seed=1)
    found = permutation_procrustes(a, b)
    for k in range(8):
        best = min(
            np.linalg.norm(a[k][:, order] - b[k])
            for order in map(list, itertools.permutations(range(5)))
        )
        np.testing.assert_allclose(found.residual[k], best, rtol=1e-12)


def test_permutation_is_for_numpy_alone():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="NumPy arrays"):
        permutation_procrustes(torch.eye(3), torch.eye(3))


# All of them


FAMILY = [stiefel_procrustes, oblique_procrustes, symmetric_procrustes, two_sided_procrustes]


@pytest.mark.parametrize("function", FAMILY, ids=lambda f: f.__name__)
@on_dtypes("float64", "float32", "complex64")
def test_the_family_on_every_library(function, backend, dtype):
    a = gaussian(3, 8, 4, dtype=dtype)
    b = gaussian(8, 2 if function in FAMILY[:2] else 4, seed=1, dtype=dtype)
    arrays = backend.asarray(a, dtype), backend.asarray(b, dtype)
    found = backend.call(function, *arrays)
    expected = function(a.astype(dtype), b.astype(dtype))
    eps = np.finfo(real_of(dtype)).eps
    assert_same_kind(found[0], arrays[0])
    assert_same_kind(found.residual, arrays[0], dtype=real_of(dtype), shape=(3,))
    assert to_numpy(found.status).tolist() == [Status.OK] * 3
    np.testing.assert_allclose(to_numpy(found.residual), expected.residual, rtol=C * eps)
    if function is not two_sided_procrustes:  # signs are free there
        assert np.max(np.abs(to_numpy(found[0]) - expected[0])) <= max(C * 8 * eps, 1e-7)


@pytest.mark.parametrize("function", [*FAMILY, permutation_procrustes], ids=lambda f: f.__name__)
def test_one_bad_item_and_units(function):
    a, b = gaussian(3, 6, 4), gaussian(3, 6, 4, seed=1)
    whole = function(a, b)
    for size in (2.0**-1000, 2.0**1000):
        scaled = function(size * a, size * b)
        np.testing.assert_array_equal(scaled[0], whole[0])
        np.testing.assert_array_equal(scaled.residual / size, whole.residual)
    a[1, 2, 0] = np.inf
    with pytest.raises(ValueError, match="finite entries"):
        function(a, b)
    found = function(a, b, check_finite=False)
    assert found.status.tolist() == [Status.OK, Status.NONFINITE, Status.OK]
    assert np.isnan(found.residual).tolist() == [False, True, False]
    for k in (0, 2):
        np.testing.assert_allclose(found[0][k], function(a[k], b[k])[0], atol=1e-9)
    with pytest.raises(ValueError, match="broadcast"):
        function(a, b[:2])
