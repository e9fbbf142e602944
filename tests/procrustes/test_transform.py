"""`OrthogonalTransform`: maps of new points, the way back, one map after the other."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import OrthogonalTransform, procrustes
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy


def host_transform(n=3, *, shape=(), dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    row = gaussian(1, n, shape=shape, dtype=dtype, rng=rng)[..., 0, :]
    rotation = orthola.haar(n, shape=shape, dtype=dtype, rng=rng)
    return OrthogonalTransform(rotation, rng.uniform(0.5, 2.0, shape), row)


def moved(transform, backend, dtype):
    kinds = dtype, real_of(dtype), dtype
    return OrthogonalTransform(
        *(backend.asarray(x, k) for x, k in zip(transform, kinds, strict=True))
    )


@on_dtypes("float64", "complex64", "float16", "bfloat16")
def test_result_maps_new_points(backend, dtype):
    wide = "complex128" if dtype.startswith("complex") else "float64"
    eps = machine_epsilon(dtype)
    host = host_transform(dtype=wide, shape=(2,))
    x = gaussian(5, 3, shape=(2,), dtype=wide, rng=1)
    transform, points = moved(host, backend, dtype), backend.asarray(x, dtype)
    expected = host.scale[:, None, None] * x @ host.rotation + host.translation[:, None, :]
    found = backend.call(OrthogonalTransform.apply, transform, points)
    assert_same_kind(found, points, shape=(2, 5, 3))
    np.testing.assert_allclose(to_numpy(found), expected, atol=50 * eps)
    one = backend.call(OrthogonalTransform.apply, transform, points[0, 0, :])
    np.testing.assert_allclose(to_numpy(one)[0], expected[0, 0], atol=50 * eps)


def test_the_fit_carries_points_that_were_no_anchors():
    rng = np.random.default_rng(0)
    a, new = rng.standard_normal((20, 4)), rng.standard_normal((7, 4))
    truth = host_transform(4, seed=3)
    fit = procrustes(a, truth.apply(a), scaling=True, translation=True)
    np.testing.assert_allclose(fit.transform.apply(new), truth.apply(new), atol=1e-13)


@on_dtypes("float64", "complex64")
def test_compose_inverse(backend, dtype):
    wide = "complex128" if dtype.startswith("complex") else "float64"
    eps = machine_epsilon(dtype)
    one = moved(host_transform(dtype=wide, shape=(2,)), backend, dtype)
    two = moved(host_transform(dtype=wide, seed=5), backend, dtype)  # broadcasts
    x = backend.asarray(gaussian(5, 3, dtype=wide, rng=1), dtype)
    both = one.compose(two)
    assert_same_kind(both.rotation, one.rotation, shape=(2, 3, 3))
    np.testing.assert_allclose(
        to_numpy(both.apply(x)), to_numpy(two.apply(one.apply(x))), atol=100 * eps
    )
    back = one.inverse()
    np.testing.assert_allclose(
        to_numpy(back.apply(one.apply(x))), np.broadcast_to(to_numpy(x), (2, 5, 3)), atol=100 * eps
    )
    for neutral in (one.compose(back), back.compose(one)):
        np.testing.assert_allclose(
            to_numpy(neutral.rotation), np.broadcast_to(np.eye(3), (2, 3, 3)), atol=20 * eps
        )
        np.testing.assert_allclose(to_numpy(neutral.scale), 1.0, atol=20 * eps)
        np.testing.assert_allclose(to_numpy(neutral.translation), 0.0, atol=50 * eps)


def test_composition_is_associative():
    one, two, three = (host_transform(seed=k) for k in range(3))
    left, right = one.compose(two).compose(three), one.compose(two.compose(three))
    for x, y in zip(left, right, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-14)


def test_alignment_means_differ():
    """Images fit the map; texts reuse the rotation with means of their own."""
    rng = np.random.default_rng(1)
    r = orthola.haar(6, rng=2)
    img_old, txt_old = rng.standard_normal((50, 6)) + 1.0, rng.standard_normal((40, 6)) - 2.0
    img_new, txt_new = img_old @ r + rng.standard_normal(6), txt_old @ r + rng.standard_normal(6)
    fit = procrustes(img_old, img_new, translation=True)
    rotation = fit.transform.rotation
    text = OrthogonalTransform(rotation, 1.0, txt_new.mean(0) - txt_old.mean(0) @ rotation)
    np.testing.assert_allclose(fit.transform.apply(img_old), img_new, atol=1e-12)
    np.testing.assert_allclose(text.apply(txt_old), txt_new, atol=1e-12)
    assert np.abs(fit.transform.apply(txt_old) - txt_new).max() > 0.1
    # A general linear map is no rotation, and the residual says so.
    bent = procrustes(img_old, img_old @ rng.standard_normal((6, 6)), translation=True)
    assert bent.residual > 1.0


def test_numbers_stand_for_scale_and_rows():
    transform = OrthogonalTransform(np.eye(2), 2.0, 1.0)
    np.testing.assert_array_equal(transform.apply([[1.0, 2.0]]), [[3.0, 5.0]])
    np.testing.assert_array_equal(transform.inverse().apply([[3.0, 5.0]]), [[1.0, 2.0]])
    assert OrthogonalTransform(np.eye(2)).apply(np.ones(2)).tolist() == [1.0, 1.0]


def test_a_scale_of_zero_has_no_way_back():
    back = OrthogonalTransform(np.eye(2), np.asarray(0.0), np.zeros(2)).inverse()
    assert np.isinf(back.scale)
    assert not np.isfinite(back.translation).any()


def test_wrong_orders_and_kinds_raise():
    transform = host_transform()
    with pytest.raises(ValueError, match="rows are points"):
        transform.apply(np.ones((4, 2)))
    with pytest.raises(ValueError, match="rows are points"):
        transform.apply(np.asarray(1.0))
    with pytest.raises(ValueError, match="one order"):
        transform.compose(host_transform(2))
    with pytest.raises(TypeError, match="another OrthogonalTransform, got ndarray"):
        transform.compose(np.ones((4, 3)))
    with pytest.raises(ValueError, match="rotation"):
        OrthogonalTransform(np.ones(3)).inverse()
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(TypeError, match="one library"):
        transform.apply(torch.ones(4, 3))


def test_transforms_are_trees_of_arrays():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    transform = host_transform()
    leaves, tree = jax.tree_util.tree_flatten(transform)
    assert len(leaves) == 3
    assert isinstance(jax.tree_util.tree_unflatten(tree, leaves), OrthogonalTransform)
    assert set(transform._asdict()) == {"rotation", "scale", "translation"}
