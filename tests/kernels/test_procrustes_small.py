"""The kernel for stacks of small Procrustes problems against the text."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import Status, procrustes
from orthola._kernels.numba.procrustes_items import procrustes_chunk
from orthola._kernels.numba.procrustes_small import procrustes_stack
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import real_of

C_KERNEL = 50.0  # in n eps
ITEMS = 11  # one whole group of lanes and a part of one
DTYPES = ("float64", "complex128", "float32", "complex64")


def stack(m, n, *, dtype="float64", items=ITEMS, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    a = gaussian(m, n, shape=(items,), dtype=dtype, rng=rng)
    r = orthola.haar(n, shape=(items,), dtype=dtype, rng=rng)
    b = a @ r + noise * gaussian(m, n, shape=(items,), dtype=dtype, rng=rng)
    return a, b, rng.uniform(0.5, 2.0, (items, m)).astype(real_of(dtype))


def kernel(a, b, w=None, *, rotation_only=False, scaling=False, translation=False, refining=True):
    return procrustes_stack(
        a, b, w, rotation_only=rotation_only, scaling=scaling, translation=translation,
        refining=refining,
    )  # fmt: skip


def assert_equal_fits(found, expected, limit):
    for x, y in zip(found.transform, expected.transform, strict=True):
        np.testing.assert_allclose(x, y, atol=limit, rtol=limit)
    np.testing.assert_allclose(found.residual, expected.residual, rtol=limit, atol=limit)
    for x, y in zip(found.uniqueness[1:3], expected.uniqueness[1:3], strict=True):
        np.testing.assert_allclose(x, y, rtol=limit, atol=limit)
    np.testing.assert_array_equal(found.uniqueness.rank, expected.uniqueness.rank)
    np.testing.assert_array_equal(found.uniqueness.unique, expected.uniqueness.unique)
    np.testing.assert_array_equal(found.status, expected.status)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("similarity", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_fits_equal_those_of_the_text(dtype, similarity, weighted):
    for m, n in ((7, 1), (7, 2), (20, 3), (9, 5), (17, 16)):
        a, b, w = stack(m, n, dtype=dtype)
        real = not dtype.startswith("complex")
        for only in (False, True) if real else (False,):
            options = {
                "rotation_only": only, "scaling": similarity, "translation": similarity,
                "weights": w if weighted else None,
            }  # fmt: skip
            assert orthola.explain(procrustes, a, b, **options)["method"] == "small"
            found = procrustes(a, b, **options)
            with orthola.options(kernels=False):
                expected = procrustes(a, b, **options)
            assert_equal_fits(found, expected, C_KERNEL * n * machine_epsilon(dtype))


@pytest.mark.parametrize("rotation_only", [False, True])
def test_batched_equals_loop(rotation_only):
    a, b, w = stack(20, 3, noise=1.0)
    options = {"rotation_only": rotation_only, "scaling": True, "translation": True}
    found = procrustes(a, b, weights=w, **options)
    for i in range(ITEMS):
        one = procrustes(a[i], b[i], weights=w[i], **options)
        for x, y in zip(found.transform, one.transform, strict=True):
            np.testing.assert_allclose(x[i], y, atol=1e-13)
        assert found.status[i] == one.status


def test_bits_depend_neither_on_neighbours_nor_on_threads():
    a, b, _ = stack(20, 3, items=3000)
    every = procrustes(a, b)
    some = procrustes(a[5:9], b[5:9])
    with orthola.options(threads=1):
        alone = procrustes(a, b)
    for x, y, z in zip(every.transform, some.transform, alone.transform, strict=True):
        np.testing.assert_array_equal(x[5:9], y)
        np.testing.assert_array_equal(x, z)


def test_quaternion_kernel_near_degenerate():
    """Rotations where the two smallest singular values nearly cancel: 2 (s_2 + d s_3) is tiny."""
    rng = np.random.default_rng(0)
    u, v = (orthola.haar(3, shape=(40,), rng=rng, determinant=1) for _ in range(2))
    gaps = np.geomspace(1e-1, 1e-10, 40)
    s = np.stack([np.full(40, 2.0), np.ones(40), gaps - 1.0], axis=-1)
    m = (u * s[:, None, :]) @ np.swapaxes(v, -1, -2)
    fit = procrustes(np.broadcast_to(np.eye(3), m.shape), m, rotation_only=True)
    assert np.all(fit.status == Status.OK)
    np.testing.assert_allclose(fit.uniqueness.gap, gaps, rtol=1e-5, atol=1e-15)
    np.testing.assert_allclose(np.linalg.det(fit.transform.rotation), 1.0, atol=1e-14)
    errors = np.linalg.norm(fit.transform.rotation - u @ np.swapaxes(v, -1, -2), axis=(-2, -1))
    assert np.all(errors <= 2 * 10 * machine_epsilon("float64") / gaps)


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("rotation_only", [False, True])
def test_repeated_and_zero_singular_values(n, rotation_only):
    """M = I, a permutation, a projector, 0, and columns of very different size."""
    m = np.zeros((6, n, n))
    m[0] = np.eye(n)
    m[1] = 3.0 * np.roll(np.eye(n), 1, axis=0)
    m[2, 0, 0] = 1.0
    m[4] = np.diag([1.0] + [1e-160] * (n - 1)) + 1e-161
    m[5] = np.ones((n, n))
    eye = np.broadcast_to(np.eye(n), m.shape)
    fit = procrustes(eye, m, rotation_only=rotation_only)
    r = fit.transform.rotation
    assert np.abs(np.swapaxes(r, -1, -2) @ r - np.eye(n)).max() <= 1e-14
    np.testing.assert_array_equal(fit.uniqueness.rank, [n, n, 1, 0, 1, 1])
    if rotation_only:
        np.testing.assert_allclose(np.linalg.det(r), 1.0, atol=1e-14)
    np.testing.assert_allclose(r[0], np.eye(n), atol=1e-15)
    with orthola.options(kernels=False):
        expected = procrustes(eye, m, rotation_only=rotation_only)
    np.testing.assert_array_equal(fit.status, expected.status)
    np.testing.assert_array_equal(fit.uniqueness.unique, expected.uniqueness.unique)


def test_batch_with_nan_item():
    a, b, w = stack(20, 3)
    clean = procrustes(a, b, weights=w, translation=True)
    a, b, w = a.copy(), b.copy(), w.copy()
    a[2, 5, 1], b[7, 0, 0], w[9, 3] = np.nan, -np.inf, np.nan
    bad = [2, 7, 9]
    with pytest.raises(ValueError, match=r"3 of the items .the first at flat index 2"):
        procrustes(a, b, weights=w, translation=True)
    fit = procrustes(a, b, weights=w, translation=True, check_finite=False)
    assert np.flatnonzero(fit.status == Status.NONFINITE).tolist() == bad
    good = np.setdiff1d(np.arange(ITEMS), bad)
    for x, y in zip(fit.transform, clean.transform, strict=True):
        assert np.isnan(x[bad]).all()
        np.testing.assert_array_equal(x[good], y[good])


def test_what_is_not_regular_is_left_to_others():
    a, b, w = stack(12, 3, items=9)
    a[0], a[1, 0, 0], w[2, 0] = 0.0, np.nan, -1.0
    a[3] *= 2.0**500
    a[4, :, 2] = 0.0
    q = np.linalg.qr(a[5])[0] * [1.0, 1e-2, 1e-4]
    a[5], b[5] = q, q @ orthola.haar(3, rng=0)
    *_, regular = kernel(a, b, w)
    assert np.flatnonzero(~regular).tolist() == [0, 1, 2, 3, 4, 5]
    assert kernel(a, b, w, refining=False)[-1].tolist() == [False] * 5 + [True] * 4


def test_items_with_a_large_residual_are_not_refined():
    """There a step could win a factor ||B||/||E|| of rounding only."""
    a, b, _ = stack(12, 3, items=2)
    q = np.linalg.qr(a[0])[0] * [1.0, 1e-2, 1e-4]
    a[:], b[0] = q, q
    b[1] = q + 0.2 * np.linalg.norm(q) / np.linalg.norm(b[1]) * b[1]
    assert kernel(a, b)[-1].tolist() == [False, True]


@pytest.mark.parametrize("order", ["C", "F", "reversed"])
def test_layouts_and_byte_orders(order):
    a, b, _ = stack(9, 3)
    expected = procrustes(a, b).transform.rotation
    given = a[::-1].copy()[::-1] if order == "reversed" else np.asarray(a, order=order)
    given.flags.writeable = False
    np.testing.assert_array_equal(procrustes(given, b).transform.rotation, expected)
    swapped = kernel(a.astype(a.dtype.newbyteorder()), b)[0]
    np.testing.assert_array_equal(swapped, expected)


def test_read_only_points_are_compiled_for_as_others():
    a = np.random.default_rng(0).standard_normal((64, 10, 3))
    first = kernel(a, a + 1.0)
    versions = len(procrustes_chunk.signatures)
    a.flags.writeable = False
    again = kernel(a, a + 1.0)
    assert len(procrustes_chunk.signatures) == versions
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))
