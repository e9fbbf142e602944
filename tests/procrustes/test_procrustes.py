"""The contract of `procrustes`: conventions, every library, memory layouts, batches."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from scipy.spatial.transform import Rotation

import orthola
from orthola import Status, procrustes
from orthola.testing import LAYOUTS, gaussian, lay_out, machine_epsilon
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy
from tests.procrustes.planted import C_ORTHOGONAL, U, distance, planted

C_LOOP = 50.0  # batch against loop, in n u kappa^2
EVERY = ("float64", "float32", "complex128", "complex64", "float16", "bfloat16")


def test_argument_order():
    a, b, r = planted(20, 4)
    np.testing.assert_allclose(procrustes(a, b).transform.rotation, r, atol=1e-13)
    np.testing.assert_allclose(procrustes(b, a).transform.rotation, r.T, atol=1e-13)


def test_row_convention_matches_align_vectors_transposed():
    a, b, _ = planted(20, 3, noise=0.5, determinant=1)
    w = np.linspace(0.5, 2.0, 20)
    expected = Rotation.align_vectors(b, a, weights=w)[0].as_matrix()
    found = procrustes(a, b, weights=w, rotation_only=True).transform.rotation
    np.testing.assert_allclose(found, expected.T, atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20])
def test_rotation_is_that_of_scipy(n):
    a, b = gaussian(30, n, rng=0), gaussian(30, n, rng=1)
    fit = procrustes(a, b, refine=0)
    expected, total = scipy.linalg.orthogonal_procrustes(a, b)
    assert distance(fit.transform.rotation, expected) <= 1e-12
    scaled = procrustes(a, b, scaling=True)
    assert abs(scaled.transform.scale - total / np.sum(a * a)) <= 1e-14


def test_similarity_with_all_options_recovers_the_map():
    a, b, r = planted(30, 3, determinant=1)
    row = np.array([1.0, -2.0, 3.0])
    fit = procrustes(
        a, 0.3 * b + row, rotation_only=True, scaling=True, translation=True, weights=np.ones(30)
    )
    np.testing.assert_allclose(fit.transform.rotation, r, atol=1e-14)
    assert abs(fit.transform.scale - 0.3) <= 1e-15
    np.testing.assert_allclose(fit.transform.translation, row, atol=1e-14)


def test_parts_that_were_not_asked_for_are_one_and_zero():
    a, b, _ = planted(9, 3)
    for shape in ((), (2, 2)):
        x, y = (np.broadcast_to(t, (*shape, 9, 3)) for t in (a, 2.0 * b + 1.0))
        transform = procrustes(x, y).transform
        np.testing.assert_array_equal(transform.scale, np.ones(shape))
        np.testing.assert_array_equal(transform.translation, np.zeros((*shape, 3)))


@on_dtypes(*EVERY)
def test_every_library_keeps_kinds_and_recovers_the_map(backend, dtype):
    wide = "complex128" if dtype.startswith("complex") else "float64"
    eps = machine_epsilon(dtype)
    a, b, r = planted(8, 3, shape=(2, 2), dtype=wide)
    b = 2.0 * b + 1.0
    w = np.random.default_rng(0).uniform(0.5, 2.0, (2, 2, 8))
    given = backend.asarray(a, dtype), backend.asarray(b, dtype), backend.asarray(w, real_of(dtype))
    fit = backend.call(weighted, *given)
    transform, unique = fit.transform, fit.uniqueness
    for x, shape in (
        (transform.rotation, (3, 3)), (transform.translation, (3,)),
    ):  # fmt: skip
        assert_same_kind(x, given[0], shape=(2, 2, *shape))
    for x in (transform.scale, fit.residual, unique.gap, unique.reflection_gain):
        assert_same_kind(x, given[0], dtype=real_of(dtype), shape=(2, 2))
    assert np.all(to_numpy(fit.status) == Status.OK)
    assert np.all(to_numpy(unique.rank) == 3)
    assert np.all(to_numpy(unique.unique))
    found = to_numpy(transform.rotation)
    assert np.abs(found - r).max() <= 20 * eps
    defect = np.abs(np.conj(np.swapaxes(found, -1, -2)) @ found - np.eye(3)).max()
    assert defect <= C_ORTHOGONAL * 3 * eps / 2
    assert np.abs(to_numpy(transform.scale) - 2.0).max() <= 20 * eps
    assert np.all(to_numpy(fit.residual) <= 100 * eps * np.linalg.norm(b, axis=(-2, -1)))


def weighted(a, b, w):
    return procrustes(a, b, weights=w, scaling=True, translation=True)


@on_dtypes("float64", "complex64")
def test_libraries_agree_with_numpy_on_noisy_points(backend, dtype):
    wide = "complex128" if dtype.startswith("complex") else "float64"
    a, b, _ = planted(9, 3, noise=2.0, shape=(3,), dtype=wide)
    given = backend.asarray(a, dtype), backend.asarray(b, dtype)
    eps = machine_epsilon(dtype)
    expected = procrustes(*map(to_numpy, given), translation=True)
    fit = backend.call(procrustes, *given, translation=True)
    for x, y in zip(fit.transform, expected.transform, strict=True):
        np.testing.assert_allclose(to_numpy(x), y, atol=100 * eps)
    np.testing.assert_allclose(to_numpy(fit.residual), expected.residual, rtol=100 * eps)
    gaps = to_numpy(fit.uniqueness.gap), expected.uniqueness.gap
    np.testing.assert_allclose(*gaps, rtol=100 * eps)


@on_dtypes("float32")
def test_empty_batch(backend, dtype):
    for shape in ((0, 4, 3), (2, 0, 3), (0, 3), (4, 0), (2, 4, 0)):
        *batch, _, n = shape
        x = backend.asarray(np.zeros(shape), dtype)
        fit = backend.call(procrustes, x, x, translation=True)
        eye = np.broadcast_to(np.eye(n), (*batch, n, n))
        np.testing.assert_array_equal(to_numpy(fit.transform.rotation), eye)
        assert_same_kind(fit.residual, x, shape=tuple(batch))
        code = Status.OK if n == 0 else Status.RANK_DEFICIENT
        assert np.all(to_numpy(fit.status) == code)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(9, 4), (5, 9, 4)], ids=str)
def test_memory_layout_does_not_matter_and_input_is_kept(layout, shape):
    a, b = (lay_out(gaussian(9, 4, shape=shape[:-2], rng=k), layout) for k in (0, 1))
    before = a.copy(), b.copy()
    fit = procrustes(a, b, translation=True)
    expected = procrustes(*before, translation=True)
    np.testing.assert_allclose(fit.transform.rotation, expected.transform.rotation, atol=1e-14)
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])


def test_batch_axes_broadcast_and_lists_and_integers_are_taken():
    a, b = gaussian(6, 3, rng=0), gaussian(6, 3, shape=(4, 1), rng=1)
    w = np.random.default_rng(0).uniform(0.5, 2, (5, 6))
    fit = procrustes(a, b, weights=w)
    assert fit.residual.shape == (4, 5)
    one = procrustes(a, b[2, 0], weights=w[3])
    np.testing.assert_allclose(fit.transform.rotation[2, 3], one.transform.rotation, atol=1e-14)
    fit = procrustes([[1, 0], [0, 2]], [[0, 1], [-2, 0]])
    np.testing.assert_allclose(fit.transform.rotation, [[0, 1], [-1, 0]], atol=1e-15)


@pytest.mark.parametrize("n", [20, 32])
def test_a_stack_beyond_the_kernel_equals_its_loop(n):
    a, b, _ = planted(50, n, noise=1.0, shape=(2, 3))
    fit = procrustes(a, b, scaling=True, translation=True)
    for i in np.ndindex(2, 3):
        one = procrustes(a[i], b[i], scaling=True, translation=True)
        for x, y in zip(fit.transform, one.transform, strict=True):
            np.testing.assert_allclose(x[i], y, atol=C_LOOP * n * U * 10)
    a[1, 0, 2, 1] = np.nan
    with pytest.raises(ValueError, match=r"1 of the items \(the first at flat index 3"):
        procrustes(a, b)
    marked = procrustes(a, b, scaling=True, translation=True, check_finite=False)
    assert marked.status.tolist() == [[Status.OK] * 3, [Status.NONFINITE, *[Status.OK] * 2]]
    np.testing.assert_array_equal(marked.transform.rotation[0], fit.transform.rotation[0])


def test_explain_says_what_runs():
    a = np.ones((50, 9, 3))
    plan = orthola.explain(procrustes, a, a)
    assert plan["method"] == "small"
    assert plan["kernel"].endswith("procrustes_small:procrustes_stack")
    plan = orthola.explain(procrustes, a[0].astype(np.float32), a[0].astype(np.float32))
    assert plan["summed in"] == "float64"
    assert plan["kernel"] == "none: Array-API text"
    with orthola.options(kernels=False):
        assert orthola.explain(procrustes, a, a)["method"] == "svd"
