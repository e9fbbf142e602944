"""How far the rotation is determined, and what is chosen where it is not."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import Status, procrustes
from orthola._core.space import resolve
from orthola._procrustes.solve import solve
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import to_numpy

C_ORTHOGONAL = 50.0  # in n u


def orthogonal(r, dtype="float64"):
    n = r.shape[-1]
    defect = np.conj(np.swapaxes(r, -1, -2)) @ r - np.eye(n)
    return np.abs(defect).max() <= C_ORTHOGONAL * n * machine_epsilon(dtype) / 2


def reflected(m=12, n=3, *, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((m, n)) * np.arange(n, 0, -1.0)
    return a, a @ np.diag([1.0] * (n - 1) + [-1.0]) + noise * rng.standard_normal((m, n))


# Reflections


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9, 20])
@pytest.mark.parametrize("stacked", [False, True])
def test_reflection_never_unasked(n, stacked):
    for seed in range(3):
        a, b = reflected(30, n, seed=seed)
        if stacked:
            a, b = np.stack([a, a]), np.stack([b, b])
        free = procrustes(a, b).transform.rotation
        bound = procrustes(a, b, rotation_only=True).transform.rotation
        assert np.all(np.linalg.det(free) < 0)
        np.testing.assert_allclose(np.linalg.det(bound), 1.0, atol=1e-13)
        assert orthogonal(bound)


@pytest.mark.parametrize("shape", [(), (2,)], ids=str)
def test_reflection_gain_exact(shape):
    a, b = (np.broadcast_to(x, (*shape, 12, 3)) for x in reflected())
    w = np.broadcast_to(np.linspace(0.5, 2.0, 12), (*shape, 12))
    for translation in (False, True):
        free = procrustes(a, b, weights=w, translation=translation)
        bound = procrustes(a, b, weights=w, translation=translation, rotation_only=True)
        drop = bound.residual**2 - free.residual**2
        np.testing.assert_allclose(bound.uniqueness.reflection_gain, drop, rtol=1e-11)
        np.testing.assert_array_equal(free.uniqueness.reflection_gain, 0.0)


def test_gap_is_the_sum_of_the_two_smallest_with_sign():
    a, b = reflected()
    s = np.linalg.svd(a.T @ b, compute_uv=False)
    for only, sign in ((False, 1.0), (True, -1.0)):
        for x, y in ((a, b), (a[None], b[None])):
            found = procrustes(x, y, rotation_only=only).uniqueness.gap
            np.testing.assert_allclose(found, s[1] + sign * s[2], rtol=1e-13)


def test_gap_bounds_the_sensitivity():
    a, b = reflected()
    rng = np.random.default_rng(5)
    for only in (False, True):
        fit = procrustes(a, b, rotation_only=only)
        for _ in range(20):
            e = 1e-7 * rng.standard_normal(b.shape)
            moved = procrustes(a, b + e, rotation_only=only).transform.rotation
            change = np.linalg.norm(moved - fit.transform.rotation)
            assert change <= 2.001 * np.linalg.norm(a.T @ e) / fit.uniqueness.gap


def test_scale_with_a_flip_is_the_best_and_not_negative():
    a, b = reflected(noise=1.0)
    fit = procrustes(a, b, rotation_only=True, scaling=True)
    s, r = fit.transform.scale, fit.transform.rotation
    assert s > 0
    least = np.linalg.norm(s * a @ r - b)
    assert all(np.linalg.norm(t * a @ r - b) > least for t in (0.99 * s, 1.01 * s))


def backwards(a, b):
    return procrustes(a, b, rotation_only=True, scaling=True, translation=True)


@on_dtypes("float64")
def test_a_line_is_not_reflected_by_a_scale_below_zero(backend, dtype):
    """The best scale >= 0 of the only rotation of a line that runs the other way is 0."""
    a = np.array([[1.0], [2.0], [4.0]])
    b = np.stack([5.0 - 2.0 * a, 5.0 + 2.0 * a])
    a = np.stack([a, a])
    fit = backend.call(backwards, backend.asarray(a, dtype), backend.asarray(b, dtype))
    parts = *fit.transform, fit.residual, fit.uniqueness.gap, fit.status
    rotation, scale, shift, residual, gap, status = map(to_numpy, parts)
    spread = 2.0 * np.linalg.norm(a[0] - a[0].mean())
    eps = np.finfo(scale.dtype).eps
    np.testing.assert_array_equal(rotation, np.ones((2, 1, 1)))
    np.testing.assert_allclose(scale, [0.0, 2.0], rtol=4 * eps, atol=0)
    np.testing.assert_allclose(shift[:, 0], [b[0].mean(), 5.0], rtol=20 * eps)
    np.testing.assert_allclose(residual, [spread, 0.0], rtol=8 * eps, atol=20 * eps)
    assert np.all(np.abs(gap) > 1)
    assert status.tolist() == [Status.OK, Status.OK]
    if backend.name == "numpy":  # one at a time, and summed in a stream
        for x, y, s in zip(a, b, scale, strict=True):
            assert float(backwards(x, y).transform.scale) == pytest.approx(s, rel=4 * eps)
            stream = orthola.ProcrustesStream()
            stream.update(x, y)
            found = stream.solve(rotation_only=True, scaling=True, translation=True)
            assert float(found.transform.scale) == pytest.approx(s, rel=20 * eps)


# What is not determined


@pytest.mark.parametrize("stacked", [False, True])
def test_det_zero_and_planar_points(stacked):
    """Points in a plane: one rotation is best, but two orthogonal matrices are."""
    a = gaussian(9, 3, rng=0)
    a[:, 2] = 0.0
    r = orthola.haar(3, rng=1, determinant=1)
    b = a @ r
    if stacked:
        a, b = np.stack([a, a]), np.stack([b, b])
    rotation = procrustes(a, b, rotation_only=True)
    assert np.all(rotation.status == Status.OK)
    assert np.all(rotation.uniqueness.rank == 2)
    np.testing.assert_allclose(
        rotation.transform.rotation, np.broadcast_to(r, (*b.shape[:-2], 3, 3)), atol=1e-13
    )
    both = procrustes(a, b)
    assert np.all(both.status == Status.RANK_DEFICIENT)
    assert not np.any(both.uniqueness.unique)
    assert np.all(both.residual <= 1e-13)
    assert orthogonal(both.transform.rotation)


@on_dtypes("float64", "complex64")
def test_fewer_points_than_dimensions(backend, dtype):
    wide = "complex128" if dtype.startswith("complex") else "float64"
    eps = machine_epsilon(dtype)
    r = orthola.haar(5, dtype=wide, rng=3)
    a = gaussian(2, 5, shape=(2,), dtype=wide, rng=0)
    b = a @ r
    given = backend.asarray(a, dtype), backend.asarray(b, dtype)
    fit = backend.call(procrustes, *given)
    assert to_numpy(fit.status).tolist() == [Status.RANK_DEFICIENT] * 2
    assert to_numpy(fit.uniqueness.rank).tolist() == [2, 2]
    assert not np.any(to_numpy(fit.uniqueness.unique))
    found = to_numpy(fit.transform.rotation)
    assert orthogonal(found, dtype)
    assert np.all(to_numpy(fit.residual) <= 50 * eps * np.linalg.norm(b))
    # The nearest to I, hence the same on every library.
    np.testing.assert_allclose(found, nearest(a, b), atol=100 * eps)
    plain = to_numpy(backend.call(procrustes, *given, completion="none").transform.rotation)
    assert np.all(far(found) <= far(plain) + 10 * eps)


def nearest(a, b):
    """By another route: the fixed part, and the nearest map of its complements."""
    found = []
    for x, y in zip(a, b, strict=True):
        u, _, vh = np.linalg.svd(x.conj().T @ y)
        k, v = len(x), vh.conj().T
        p, _, qh = np.linalg.svd(u[:, k:].conj().T @ v[:, k:])
        found.append(u[:, :k] @ vh[:k] + u[:, k:] @ (p @ qh) @ vh[k:])
    return np.stack(found)


def far(r):
    return np.linalg.norm(r - np.eye(r.shape[-1]), axis=(-2, -1))


@pytest.mark.parametrize("rotation_only", [False, True])
def test_the_completion_is_the_nearest_of_all_that_fit(rotation_only):
    rng = np.random.default_rng(2)
    a, r = rng.standard_normal((2, 4)), orthola.haar(4, rng=4, determinant=1)
    fit = procrustes(a, a @ r, rotation_only=rotation_only)
    assert int(fit.status) == Status.RANK_DEFICIENT
    found = fit.transform.rotation
    if rotation_only:
        assert abs(np.linalg.det(found) - 1) <= 1e-13
    null = np.linalg.svd(a)[2][2:]
    turns = orthola.haar(2, shape=(500,), rng=5, determinant=1 if rotation_only else None)
    others = (np.eye(4) + null.T @ (turns - np.eye(2)) @ null) @ found
    assert np.abs(a @ others - a @ r).max() <= 1e-12  # as good a fit
    assert np.all(far(others) >= far(found) - 1e-12)


@on_dtypes("float64")
def test_all_points_equal(backend, dtype):
    a = np.ones((2, 6, 3)) * [1.0, 2.0, 3.0]
    b = np.ones((2, 6, 3)) * [4.0, 4.0, 4.0]
    fit = fitted(backend, dtype, a, b, np.ones((2, 6)))
    assert to_numpy(fit.status).tolist() == [Status.RANK_DEFICIENT] * 2
    assert to_numpy(fit.transform.scale).tolist() == [0.0, 0.0]
    eye = np.broadcast_to(np.eye(3), (2, 3, 3))
    np.testing.assert_allclose(to_numpy(fit.transform.rotation), eye, atol=1e-15)
    np.testing.assert_allclose(to_numpy(fit.transform.translation), b[:, 0], rtol=1e-15)
    assert np.all(to_numpy(fit.residual) <= 1e-14)


def fitted(backend, dtype, a, b, w):
    """One function and one shape for all degenerate points: compilers see it once."""
    return backend.call(similarity, *(backend.asarray(x, dtype) for x in (a, b, w)))


def similarity(a, b, w):
    return procrustes(a, b, weights=w, scaling=True, translation=True)


@pytest.mark.parametrize("shape", [(), (3,)], ids=str)
def test_one_point(shape):
    a = np.broadcast_to([[3.0, 0.0, 4.0]], (*shape, 1, 3))
    b = np.broadcast_to([[0.0, 5.0, 0.0]], (*shape, 1, 3))
    for only in (False, True):
        fit = procrustes(a, b, rotation_only=only)
        assert np.all(fit.status == Status.RANK_DEFICIENT)
        assert np.all(fit.uniqueness.rank == 1)
        np.testing.assert_allclose(a @ fit.transform.rotation, b, atol=1e-14)
        assert orthogonal(fit.transform.rotation)
        shifted = procrustes(a, b, rotation_only=only, translation=True)
        np.testing.assert_allclose(
            shifted.transform.rotation, np.broadcast_to(np.eye(3), (*shape, 3, 3)), atol=1e-15
        )
        np.testing.assert_allclose(shifted.transform.apply(a), b, atol=1e-14)


@on_dtypes("float64")
def test_zero_weights(backend, dtype):
    a, b, w = gaussian(6, 3, shape=(2,), rng=0), gaussian(6, 3, shape=(2,), rng=1), np.ones((2, 6))
    w[0] = 0.0
    w[1, :2] = 0.0
    fit = fitted(backend, dtype, a, b, w)
    assert to_numpy(fit.status).tolist() == [Status.RANK_DEFICIENT, Status.OK]
    np.testing.assert_allclose(to_numpy(fit.transform.rotation)[0], np.eye(3), atol=1e-15)
    assert float(to_numpy(fit.residual)[0]) == 0.0
    expected = procrustes(a[1, 2:], b[1, 2:], scaling=True, translation=True)
    eps = machine_epsilon(str(to_numpy(fit.residual).dtype))
    np.testing.assert_allclose(
        to_numpy(fit.transform.rotation)[1], expected.transform.rotation, atol=50 * eps
    )


@on_dtypes("float64")
def test_points_that_are_all_zero(backend, dtype):
    x = np.zeros((2, 6, 3))
    fit = fitted(backend, dtype, x, x, np.ones((2, 6)))
    assert to_numpy(fit.status).tolist() == [Status.RANK_DEFICIENT] * 2
    eye = np.broadcast_to(np.eye(3), (2, 3, 3))
    np.testing.assert_array_equal(to_numpy(fit.transform.rotation), eye)
    for part in (*fit.transform[1:], fit.residual, fit.uniqueness.gap, fit.uniqueness.rank):
        assert not np.any(to_numpy(part))


@pytest.mark.parametrize("rotation_only", [False, True])
def test_zero_points_without_options(rotation_only):
    for shape in ((4, 3), (3, 4, 3)):
        x = np.zeros(shape)
        fit = procrustes(x, x, rotation_only=rotation_only)
        assert np.all(fit.status == Status.RANK_DEFICIENT)
        assert np.all(fit.transform.rotation == np.eye(3))
        assert np.all(fit.transform.scale == 1.0)


@pytest.mark.parametrize(
    ("dtype", "kappa", "options"),
    [("float64", 1e7, {}), ("float32", 1e2, {"accumulate": "same"}), ("float64", 3e6, {})],
    ids=str,
)
def test_a_direction_that_has_digits_is_flagged_but_not_replaced(dtype, kappa, options):
    """Never worse than the plain product, however early the flag comes."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        u = np.linalg.qr(rng.standard_normal((1800, 8)))[0]
        a = ((u * np.geomspace(1, 1 / kappa, 8)) @ orthola.haar(8, rng=rng)).astype(dtype)
        r = orthola.haar(8, rng=seed)
        b = (a.astype(np.float64) @ r).astype(dtype)
        for x, y in ((a, b), (a[None], b[None]), (np.stack([a, a]), np.stack([b, b]))):
            plain = procrustes(x, y, refine=0, completion="none", **options)
            fit = procrustes(x, y, refine=0, **options)
            errors = (far(f.transform.rotation @ r.T) for f in (fit, plain))
            assert np.all(next(errors) <= next(errors) + 1e-6)
            assert np.all(far(fit.transform.rotation @ r.T) <= 0.1)
            refined = procrustes(x, y, **options)
            assert np.all(far(refined.transform.rotation @ r.T) <= 1e-2)
    if kappa == 1e7:
        assert np.all(fit.status == Status.RANK_DEFICIENT)


def test_a_stack_of_one_is_the_problem_itself():
    a, b = reflected()
    w = np.linspace(0.5, 2.0, 12)
    options = {"rotation_only": True, "scaling": True, "translation": True}
    one = procrustes(a, b, weights=w, **options)
    fit = procrustes(a[None, None], b[None, None], weights=w, **options)
    assert fit.transform.rotation.shape == (1, 1, 3, 3)
    assert fit.uniqueness.unique.shape == fit.residual.shape == (1, 1)
    for x, y in zip(fit.transform, one.transform, strict=True):
        np.testing.assert_array_equal(x[0, 0], y)


def test_check_raises_on_what_is_not_unique():
    a = gaussian(2, 5, rng=0)
    with pytest.raises(orthola.StatusError, match="RANK_DEFICIENT"):
        orthola.check(procrustes(a, a))


def test_equal_smallest_singular_values_are_told_among_rotations():
    """M = diag(2, 1, -1): a one-parameter family of rotations is best."""
    m = np.diag([2.0, 1.0, -1.0])
    fit = procrustes(np.eye(3), m, rotation_only=True)
    assert int(fit.status) == Status.RANK_DEFICIENT
    assert fit.uniqueness.rank == 3
    assert fit.uniqueness.gap <= 1e-15
    assert int(procrustes(np.eye(3), m).status) == Status.OK


@on_dtypes("float64", "complex64")
def test_solve_gives_the_decomposition_it_promises(backend, dtype):
    wide = "complex128" if dtype.startswith("complex") else "float64"
    cross = gaussian(4, 4, shape=(5,), dtype=wide, rng=0)
    space, (m,) = resolve("test", backend.asarray(cross, dtype))
    tolerance = space.xp.zeros((5,), dtype=space.real_dtype, device=space.device)
    for only in (False,) if space.is_complex else (False, True):
        found = solve(space, m, tolerance, rotation_only=only, completion="nearest")
        r, v, s = (to_numpy(x) for x in found[:3])
        product = (v * s[..., None, :]) @ np.conj(np.swapaxes(v, -1, -2))
        expected = np.conj(np.swapaxes(r, -1, -2)) @ cross
        np.testing.assert_allclose(product, expected, atol=50 * machine_epsilon(dtype))
        if only:
            np.testing.assert_allclose(np.linalg.det(r), 1.0, atol=1e-5)
