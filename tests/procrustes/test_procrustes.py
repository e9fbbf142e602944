"""The contract of `procrustes`: conventions, accuracy, weights, every library, bad input."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy.linalg
from scipy.spatial.transform import Rotation

import orthola
from orthola import Status, procrustes
from orthola.testing import LAYOUTS, gaussian, lay_out, machine_epsilon
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

C_ORTHOGONAL = 50.0  # in n u
C_RECOVERY = 50.0  # in n u kappa, for an exact fit after one step
C_LOOP = 50.0  # batch against loop, in n u kappa^2
U = 2.0**-53
EVERY = ("float64", "float32", "complex128", "complex64", "float16", "bfloat16")


def rotation(n, *, dtype="float64", seed=0, determinant=None):
    return orthola.haar(n, dtype=dtype, rng=seed, determinant=determinant)


def planted(m, n, *, kappa=None, noise=0.0, shape=(), dtype="float64", seed=0, determinant=None):
    """A, B = A R + noise and R; A has geometric singular values from 1 to 1/kappa."""
    rng = np.random.default_rng(seed)
    a = gaussian(m, n, shape=shape, dtype=dtype, rng=rng)
    if kappa is not None:
        u, v = np.linalg.qr(a)[0], orthola.haar(n, dtype=dtype, rng=rng)
        a = (u * np.geomspace(1.0, 1.0 / kappa, n)) @ v
    r = rotation(n, dtype=dtype, seed=seed, determinant=determinant)
    e = gaussian(m, n, shape=shape, dtype=dtype, rng=rng)
    return a, a @ r + noise / np.linalg.norm(e) * e, r


def exact(a, b, *, rotation_only=False, w=None):
    """The best R by an SVD with 40 digits."""
    with mpmath.workdps(40):
        left = mpmath.matrix((a if w is None else w[:, None] * a).tolist())
        m = mpmath.matrix(left.T) * mpmath.matrix(b.tolist())
        u, _, vh = mpmath.svd_r(m)
        if rotation_only and mpmath.det(u * vh) < 0:
            vh[vh.rows - 1, :] = -vh[vh.rows - 1, :]
        return np.array((u * vh).tolist(), dtype=float)


def objective(a, b, w, transform):
    moved = transform.scale * (a @ transform.rotation) + transform.translation
    return np.sum(w * np.sum(np.abs(moved - b) ** 2, axis=-1))


def distance(x, y):
    return np.linalg.norm(x - y)


# Convention


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


# On every library


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


# Accuracy


@pytest.mark.parametrize("rotation_only", [False, True])
def test_refine_beats_squared_condition(rotation_only):
    for kappa in (1e4, 1e6):
        a, b, r = planted(40, 8, kappa=kappa, seed=3, determinant=1)
        x = exact(a, b, rotation_only=rotation_only)
        plain, one, two = (
            distance(procrustes(a, b, refine=k, rotation_only=rotation_only).transform.rotation, x)
            for k in (0, 1, 2)
        )
        limit = C_RECOVERY * 8 * U * kappa
        assert one <= min(limit, 1e-2 * plain)
        assert two <= limit
        assert distance(r, x) <= limit  # the planted one is the exact one, as far as b tells


def test_float64_condition_1e6_within_1e_minus_11_of_the_planted_rotation():
    for seed in range(5):
        a, b, r = planted(40, 8, kappa=1e6, seed=seed)
        assert distance(procrustes(a, b).transform.rotation, r) <= 1e-11


@pytest.mark.parametrize(("kappa", "noise"), [(1e6, 1e-3), (1e6, 0.05), (1e4, 1e-6)])
def test_refine_converges_with_noise(kappa, noise):
    """Divisors from the squares of the singular values of A grow tenfold at every step here."""
    a, b, _ = planted(40, 8, kappa=kappa, noise=noise, seed=1)
    x = exact(a, b)
    errors = [distance(procrustes(a, b, refine=k).transform.rotation, x) for k in range(5)]
    gap = float(procrustes(a, b).uniqueness.gap)
    size = np.linalg.norm(a) * (noise + np.linalg.norm(b) / kappa)
    limit = C_RECOVERY * 8 * U * size / gap  # rounding of A^H E over the gap
    assert errors[1] <= max(limit, 1e-13)
    assert max(errors[1:]) <= 10 * max(errors[1], 1e-14)


def test_refine_at_condition_1e8():
    """Where nothing counts as zero (among rotations), two steps win five digits."""
    a, b, _ = planted(40, 8, kappa=1e8, seed=2, determinant=1)
    x = exact(a, b, rotation_only=True)
    plain, _, two = (
        procrustes(a, b, refine=k, rotation_only=True).transform.rotation for k in range(3)
    )
    assert distance(two, x) <= 1e-6
    assert distance(two, x) <= 1e-3 * distance(plain, x)
    # In O(n) the smallest singular value of M, 1e-16, is rounding: which sign is not known.
    assert int(procrustes(a, b).status) == Status.RANK_DEFICIENT


def test_refine_not_gated_by_objective():
    a, b, _ = planted(40, 8, kappa=1e4, noise=1e-3, seed=5)
    x, w = exact(a, b), np.ones(40)
    fits = [procrustes(a, b, refine=k) for k in (0, 1)]
    before, after = (objective(a, b, w, fit.transform) for fit in fits)
    assert abs(before - after) <= 1e-9 * before  # flat: the objective cannot tell
    assert distance(fits[1].transform.rotation, x) <= 1e-12
    assert distance(fits[0].transform.rotation, x) >= 1e-11


def test_refine_so_stays_in_so():
    for seed in range(4):
        a, b, _ = planted(40, 5, kappa=1e6, noise=1e-3, seed=seed, determinant=-1)
        for steps in (0, 1, 3):
            r = procrustes(a, b, refine=steps, rotation_only=True).transform.rotation
            assert abs(np.linalg.det(r) - 1) <= 1e-13
            assert distance(r.T @ r, np.eye(5)) <= C_ORTHOGONAL * 5 * U


def test_refinement_works_item_by_item_in_stacks():
    a, b, r = planted(40, 4, kappa=1e6)
    x, y, _ = planted(40, 4, noise=1.0)
    many = np.stack([x, a, x]), np.stack([y, b, y])
    fit = procrustes(*many).transform.rotation
    assert distance(fit[1], r) <= 1e-11
    np.testing.assert_allclose(fit[0], procrustes(x, y).transform.rotation, atol=1e-14)


def test_float32_kappa_1e4():
    for seed in range(3):
        a, _, r = planted(400, 8, kappa=1e4, seed=seed)
        a = a.astype(np.float32)
        b = (a.astype(np.float64) @ r).astype(np.float32)
        fit = procrustes(a, b)
        assert fit.transform.rotation.dtype == np.float32
        assert distance(fit.transform.rotation, r) <= 5e-6
        # Sums in single precision lose everything that kappa^2 u says.
        same = procrustes(a, b, accumulate="same", refine=0)
        assert distance(same.transform.rotation, r) >= 1e-4


@pytest.mark.parametrize("shape", [(), (2,)], ids=str)
def test_float32_offset_1e4(shape):
    m = 100_000
    rng = np.random.default_rng(0)
    a, r = rng.standard_normal((*shape, m, 3)), rotation(3)
    b = (a @ r + 1e4).astype(np.float32)
    fit = procrustes((a + 1e4).astype(np.float32), b, translation=True)
    assert np.abs(fit.transform.rotation - r).max() <= 1e-5


@pytest.mark.parametrize("power", [-1000, -500, -30, 30, 500, 1000])
@pytest.mark.parametrize("shape", [(), (9,)], ids=str)
def test_scale_invariance_1e300(power, shape):
    """2^k a and 2^k b, k to +-1000 (1e-301 to 1e301), give the same bits of the rotation."""
    a, b, _ = planted(7, 3, noise=1.0, shape=shape)
    unit = 2.0**power
    for options in ({}, {"scaling": True, "translation": True}):
        base = procrustes(a, b, **options)
        for x, y in ((unit, unit), (unit, 1.0), (1.0, unit)):
            if x != y and not options:
                continue
            fit = procrustes(x * a, y * b, **options)
            np.testing.assert_allclose(
                fit.transform.rotation, base.transform.rotation, rtol=0, atol=1e-14
            )
            np.testing.assert_allclose(fit.residual, y * base.residual, rtol=1e-13)
            assert np.all(fit.status == Status.OK)
            if options:
                np.testing.assert_allclose(
                    fit.transform.scale, y / x * base.transform.scale, rtol=1e-13
                )


@on_dtypes("float64")
def test_other_libraries_are_scale_invariant_too(backend, dtype):
    a, b, _ = planted(7, 3, noise=1.0)
    base = procrustes(a, b, translation=True)
    eps = machine_epsilon(dtype) if dtype in backend.dtypes else machine_epsilon("float32")
    for unit in (2.0**-1000, 2.0**1000):
        x, y = (backend.asarray(unit * t, dtype) for t in (a, b))
        fit = backend.call(procrustes, x, y, translation=True)
        np.testing.assert_allclose(
            to_numpy(fit.transform.rotation), base.transform.rotation, atol=20 * eps
        )
        np.testing.assert_allclose(to_numpy(fit.residual), unit * base.residual, rtol=1000 * eps)


def test_residual_exact_fit():
    for shape in ((), (6,)):
        a, b, _ = planted(50, 4, shape=shape)
        assert np.all(procrustes(a, b).residual <= 1e-13)
        fit = procrustes(a, 2 * b + 1, scaling=True, translation=True)
        assert np.all(fit.residual <= 1e-13)


@pytest.mark.parametrize("noise", [1e-8, 1e-3, 0.1, 10.0])
def test_residual_is_that_of_the_points(noise):
    w = np.linspace(0.5, 2.0, 30)
    a, b, _ = planted(30, 3, noise=noise)
    for options in ({}, {"scaling": True}, {"scaling": True, "translation": True}):
        for x, y in ((a, b), (np.stack([a, a]), np.stack([b, b]))):
            fit = procrustes(x, y, weights=np.broadcast_to(w, x.shape[:-1]), **options)
            one = type(fit.transform)(*(t[0] if x.ndim == 3 else t for t in fit.transform))
            formed = math.sqrt(objective(a, b, w, one))
            np.testing.assert_allclose(fit.residual, formed, rtol=1e-11, atol=1e-15)


# Weights


def test_weights_equal_repeated_rows():
    a, b, _ = planted(10, 3, noise=1.0)
    counts = np.array([1, 2, 3, 1, 0, 1, 4, 1, 2, 1])
    repeated = np.repeat(a, counts, axis=0), np.repeat(b, counts, axis=0)
    for options in ({}, {"scaling": True, "translation": True}):
        expected = procrustes(*repeated, **options)
        fit = procrustes(a, b, weights=counts, **options)
        for x, y in zip(fit.transform, expected.transform, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-14)
        assert abs(fit.residual - expected.residual) <= 1e-14 * np.linalg.norm(b)


def test_weights_with_translation_change_rotation():
    """Means are weighted too: rows times the roots of the weights are not the same problem."""
    a, b, _ = planted(12, 3, noise=2.0)
    w = np.linspace(0.1, 3.0, 12)
    fit = procrustes(a, b, weights=w, translation=True)
    root = np.sqrt(w)[:, None]
    wrong = procrustes(root * a, root * b, translation=True)
    plain = procrustes(a, b, translation=True)
    right = exact(a - w @ a / w.sum(), b - w @ b / w.sum(), w=w)
    assert distance(fit.transform.rotation, right) <= 1e-13
    assert distance(fit.transform.rotation, wrong.transform.rotation) >= 1e-3
    assert distance(fit.transform.rotation, plain.transform.rotation) >= 1e-3


@pytest.mark.parametrize("rotation_only", [False, True])
@pytest.mark.parametrize("scaling", [False, True])
@pytest.mark.parametrize("translation", [False, True])
def test_no_other_map_has_a_lower_weighted_objective(rotation_only, scaling, translation):
    options = {"rotation_only": rotation_only, "scaling": scaling, "translation": translation}
    rng = np.random.default_rng(7)
    for seed in range(3):
        a, b, _ = planted(8, 3, noise=3.0, seed=seed)
        w = rng.uniform(0.01, 3.0, 8)
        fit = procrustes(a, b, weights=w, **options)
        least = objective(a, b, w, fit.transform)
        assert abs(least - fit.residual**2) <= 1e-12 * least
        q = np.concatenate(
            [
                orthola.haar(3, shape=(200,), rng=rng, determinant=1 if rotation_only else None),
                fit.transform.rotation @ orthola.skew_exp(1e-4 * rng.standard_normal((200, 3, 3))),
            ]
        )
        s, t = fit.transform.scale, np.broadcast_to(fit.transform.translation, (len(q), 3))
        if scaling:
            s = s + 1e-4 * rng.standard_normal(len(q))[:, None, None]
        if translation:
            t = t + 1e-4 * rng.standard_normal(t.shape)
        errors = s * (a @ q) + t[:, None, :] - b
        others = np.einsum("m,qmn->q", w, errors**2)
        assert np.all(others >= least * (1 - 1e-12))


@pytest.mark.parametrize("translation", [False, True])
def test_million_weights_memory(translation):
    """Weights stay a vector: sqrt(W) as a matrix of order m would be 20 GB here."""
    import tracemalloc

    m, n = 50_000, 3
    a, b = gaussian(m, n, rng=0), gaussian(m, n, rng=1)
    w = np.random.default_rng(2).uniform(0.5, 2.0, m)
    procrustes(a[:9], b[:9], weights=w[:9], translation=translation)
    tracemalloc.start()
    try:
        procrustes(a, b, weights=w, translation=translation)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 4 * a.nbytes


# Bad input


def test_shape_mismatch_raises_with_both_shapes():
    with pytest.raises(ValueError, match=r"one shape .*\(4, 3\) and \(5, 3\)"):
        procrustes(np.zeros((4, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="broadcast"):
        procrustes(np.zeros((2, 4, 3)), np.zeros((3, 4, 3)))
    with pytest.raises(ValueError, match="at least two axes"):
        procrustes(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="one for each row"):
        procrustes(np.ones((4, 3)), np.ones((4, 3)), weights=np.ones(3))


def test_wrong_kinds_and_options_raise():
    a = np.ones((4, 3))
    with pytest.raises(TypeError, match="real weights"):
        procrustes(a, a, weights=np.ones(4) + 0j)
    with pytest.raises(ValueError, match=r"completion.*nearest"):
        procrustes(a, a, completion="neares")
    with pytest.raises(ValueError, match="accumulate"):
        procrustes(a, a, accumulate="float32")
    with pytest.raises(ValueError, match="refine"):
        procrustes(a, a, refine=-1)
    with pytest.raises(TypeError, match="refine"):
        procrustes(a, a, refine=0.5)
    with pytest.raises(TypeError):
        procrustes(a, "points")


def test_complex_rotation_only_raises():
    a = np.ones((4, 3)) + 0j
    with pytest.raises(ValueError, match=r"rotation_only.*unitary"):
        procrustes(a, a, rotation_only=True)


@on_dtypes("float64")
def test_negative_weights_raise_or_are_told_by_status(backend, dtype):
    a, b, _ = planted(6, 3, noise=1.0, shape=(3,))
    w = np.ones((3, 6))
    w[1, 2] = -1.0
    x, y, z = (backend.asarray(t, dtype) for t in (a, b, w))
    if not backend.jitted:
        with pytest.raises(ValueError, match="weights >= 0"):
            procrustes(x, y, weights=z)
    fit = backend.call(unchecked, x, y, z)
    expected = [Status.OK, Status.BOUND_VIOLATED, Status.OK]
    assert to_numpy(fit.status).tolist() == expected
    if not backend.jitted:
        with pytest.raises(orthola.StatusError, match="BOUND_VIOLATED"):
            orthola.check(fit)


def unchecked(a, b, w=None):
    return procrustes(a, b, weights=w, check_finite=False)


@on_dtypes("float64", "complex64")
def test_nan_raises_or_marks_its_own_item(backend, dtype):
    wide = "complex128" if dtype.startswith("complex") else "float64"
    a, b, _ = planted(6, 3, noise=1.0, shape=(4,), dtype=wide)
    a[1, 2, 0], b[2, 0, 1] = np.nan, np.inf
    x, y = backend.asarray(a, dtype), backend.asarray(b, dtype)
    if not backend.jitted:
        with pytest.raises(ValueError, match=r"2 of the items .the first at flat index 1"):
            procrustes(x, y)
    fit = backend.call(unchecked, x, y)
    bad = [False, True, True, False]
    assert (to_numpy(fit.status) == Status.NONFINITE).tolist() == bad
    for part in (*fit.transform, fit.residual, fit.uniqueness.gap):
        host = to_numpy(part).reshape(4, -1)
        assert np.isnan(host[bad]).all() == (part is not None)
        assert np.isfinite(host[[0, 3]]).all()
    good = [backend.asarray(t[[0, 3]], dtype) for t in (a, b)]
    expected = to_numpy(backend.call(unchecked, *good).transform.rotation)
    np.testing.assert_allclose(
        to_numpy(fit.transform.rotation)[[0, 3]], expected, atol=10 * machine_epsilon(dtype)
    )


def test_nan_and_negative_weights_of_one_problem():
    a, b, _ = planted(6, 3, noise=1.0)
    for w in (np.array([1, 1, np.nan, 1, 1, 1]), np.array([1, 1, np.inf, 1, 1, 1])):
        with pytest.raises(ValueError, match="finite"):
            procrustes(a, b, weights=w)
        assert int(procrustes(a, b, weights=w, check_finite=False).status) == Status.NONFINITE
    w = np.array([1, 1, -1.0, 1, 1, 1])
    with pytest.raises(ValueError, match="negative"):
        procrustes(a, b, weights=w)


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
