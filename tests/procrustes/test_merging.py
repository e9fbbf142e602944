"""Rotations averaged as rotations, and weights merged around them."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import Status, mean_rotation, merge_weights
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

U = 2.0**-53
C = 50.0  # roundings allowed: c n u


def rotations(count, n, *, size=0.3, seed=0):
    x = size * np.random.default_rng(seed).standard_normal((count, n, n))
    return orthola.skew_exp(x - x.mT)


def weights(m, n, count=4, *, rest=0.0, seed=0, size=0.3):
    rng = np.random.default_rng(seed)
    base = rng.standard_normal((m, n))
    tuned = base @ rotations(count, n, seed=seed, size=size)
    return base, tuned + rest * rng.standard_normal((count, m, n))


def singular(x):
    return np.linalg.svd(x, compute_uv=False)


def skew_norm(r):
    return np.linalg.norm(
        orthola.cayley_inverse(r, signs=np.ones(r.shape[:-1])).skew, axis=(-2, -1)
    )


def test_merge_norm_preserved():
    r = rotations(4, 6)
    mean, status = mean_rotation(r)
    assert (status == Status.OK).all()
    assert np.linalg.norm(mean.T @ mean - np.eye(6)) <= C * 6 * U
    assert np.linalg.det(mean) > 0
    np.testing.assert_allclose(skew_norm(mean), skew_norm(r).mean(), rtol=1e-12)
    # Which the plain mean of the skew matrices does not do.
    plain = orthola.cayley_inverse(r, signs=np.ones((4, 6))).skew.mean(0)
    assert np.linalg.norm(plain) < 0.8 * skew_norm(r).mean()


def test_the_mean_is_symmetric_idempotent_and_odd():
    r = rotations(5, 4)
    mean = mean_rotation(r).rotation
    np.testing.assert_allclose(mean_rotation(r[[3, 1, 0, 4, 2]]).rotation, mean, atol=C * 4 * U)
    np.testing.assert_allclose(mean_rotation(r.mT).rotation, mean.T, atol=C * 4 * U)
    same = np.stack([r[0]] * 3)
    np.testing.assert_allclose(mean_rotation(same).rotation, r[0], atol=C * 4 * U)
    opposite = np.stack([r[0], r[0].T])
    np.testing.assert_allclose(mean_rotation(opposite).rotation, np.eye(4), atol=C * 4 * U)


def test_blocks_share_their_norm():
    r = rotations(6, 3).reshape(3, 2, 3, 3)
    whole = np.zeros((3, 6, 6))
    whole[:, :3, :3], whole[:, 3:, 3:] = r[:, 0], r[:, 1]
    one, two = mean_rotation(r, blocks=True).rotation, mean_rotation(whole).rotation
    np.testing.assert_allclose(one[0], two[:3, :3], atol=C * 6 * U)
    np.testing.assert_allclose(one[1], two[3:, 3:], atol=C * 6 * U)


def test_what_has_no_coordinates_is_left_out_of_the_mean():
    r = rotations(3, 4)
    half_turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    reflection, nonsense = np.diag([1.0, 1.0, 1.0, -1.0]), np.ones((4, 4))
    nan = np.full((4, 4), np.nan)
    mean, status = mean_rotation(np.stack([*r, half_turn, reflection, nonsense, nan]))
    bad = [Status.BOUND_VIOLATED] * 3
    assert status.tolist() == [Status.OK] * 3 + bad + [Status.NONFINITE]
    np.testing.assert_array_equal(mean, mean_rotation(r).rotation)
    np.testing.assert_array_equal(mean_rotation(half_turn[None]).rotation, np.eye(4))


@pytest.mark.parametrize("conflicts_only", [False, True])
def test_singular_values_of_the_base_are_kept(conflicts_only):
    base, tuned = weights(8, 5, rest=0.1)
    found = merge_weights(base, tuned, conflicts_only=conflicts_only)
    np.testing.assert_allclose(singular(found.turned), singular(base), rtol=C * 5 * U)
    parts = base @ found.rotations + found.rest
    assert np.max(np.abs(parts - tuned)) <= C * 5 * U * np.max(np.abs(tuned))
    np.testing.assert_allclose(found.merged, found.turned + found.rest.mean(0), rtol=1e-13)


@pytest.mark.parametrize("shape", [(8, 5), (5, 5), (3, 6)])
def test_merge_single_task_identity(shape):
    base, tuned = weights(*shape, 1, rest=0.1)
    found = merge_weights(base, tuned)
    np.testing.assert_allclose(found.merged, tuned[0], atol=C * 6 * U * 10)
    same = merge_weights(base, np.concatenate([tuned] * 3))
    np.testing.assert_allclose(same.merged, tuned[0], atol=C * 6 * U * 10)
    total = merge_weights(base, tuned, rest="sum")
    np.testing.assert_allclose(total.merged, tuned[0], atol=C * 6 * U * 10)


def test_the_order_of_the_tasks_does_not_matter():
    base, tuned = weights(8, 5, rest=0.1)
    one, two = merge_weights(base, tuned), merge_weights(base, tuned[::-1])
    np.testing.assert_allclose(one.merged, two.merged, atol=C * 5 * U * 10)
    np.testing.assert_array_equal(one.rotations, two.rotations[::-1])


def test_merge_det_minus_one_task():
    # The best orthogonal map is a reflection, which the Cayley map could only reach with signs.
    base, tuned = weights(8, 4, 2)
    reflected = base * np.array([1.0, 1.0, 1.0, -1.0])
    tuned = np.concatenate([tuned, reflected[None]])
    free = orthola.procrustes(base, reflected).transform.rotation
    assert np.linalg.det(free) < 0
    found = merge_weights(base, tuned)
    assert (np.linalg.det(found.rotations) > 0).all()
    assert found.status[0] == found.status[1] == Status.OK
    np.testing.assert_allclose(singular(found.turned), singular(base), rtol=C * 4 * U)
    assert np.max(np.abs(base @ found.rotations[2] + found.rest[2] - reflected)) <= C * 4 * U * 10


def test_half_turns_stay_in_the_rest():
    base, tuned = weights(8, 4, 2)
    turned = base * np.array([-1.0, -1.0, 1.0, 1.0])
    found = merge_weights(base, np.concatenate([tuned, turned[None]]))
    assert found.status.tolist() == [Status.OK, Status.OK, Status.BOUND_VIOLATED]
    np.testing.assert_array_equal(found.rotations[2], np.eye(4))
    np.testing.assert_allclose(found.rest[2], turned - base)
    np.testing.assert_array_equal(found.rotation, merge_weights(base, tuned).rotation)


def test_merge_wide_weight():
    base, tuned = weights(3, 6, size=0.1)
    found = merge_weights(base, tuned)
    assert (found.status == Status.RANK_DEFICIENT).all()
    # Of all rotations that fit, the nearest to the identity: nearer than the true ones.
    near = np.linalg.norm(found.rotations - np.eye(6), axis=(-2, -1))
    true = np.linalg.norm(rotations(4, 6, size=0.1) - np.eye(6), axis=(-2, -1))
    assert (near <= true * (1 + 1e-12)).all()
    assert np.max(np.abs(found.rest)) <= C * 6 * U * 10
    np.testing.assert_allclose(singular(found.turned), singular(base), rtol=C * 6 * U)


def test_conflicts_only_turns_the_rows_that_disagree():
    base, tuned = weights(8, 4)
    agreed = np.concatenate([tuned[:1]] * 3)
    found = merge_weights(base, agreed, conflicts_only=True)
    np.testing.assert_allclose(found.rotation, np.eye(4), atol=C * 4 * U)
    np.testing.assert_allclose(found.merged, tuned[0], atol=C * 4 * U * 10)
    found = merge_weights(base, tuned, conflicts_only=True)
    change = tuned - base
    away = np.sum(change * change.mean(0), axis=-1, keepdims=True) < 0
    assert away.any()
    fit = orthola.procrustes(
        np.broadcast_to(base, tuned.shape), base + away * change, rotation_only=True
    )
    np.testing.assert_allclose(found.rotations, fit.transform.rotation, atol=C * 4 * U)


def test_the_rest_is_merged_as_asked():
    base, tuned = weights(8, 4, rest=0.2)
    found = merge_weights(base, tuned, rest=lambda x: np.median(x, axis=-3))
    np.testing.assert_allclose(found.merged, found.turned + np.median(found.rest, axis=0))
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        merge_weights(base, tuned, rest="meen")
    with pytest.raises(ValueError, match="rest to return an array of shape"):
        merge_weights(base, tuned, rest=lambda x: x)  # would be added to every task
    with pytest.raises(ValueError, match=r"tuned weights \(\.\.\., T, m, n\)"):
        merge_weights(base, tuned[0])
    with pytest.raises(ValueError, match="rotations of shape"):
        mean_rotation(np.eye(3))


@on_dtypes("float64", "float32", "complex64", "float16")
def test_merging_on_every_library(backend, dtype):
    base, tuned = weights(6, 4, rest=0.1)
    if dtype.startswith("complex"):
        base, tuned = base + 1j * base[::-1], tuned + 1j * tuned[:, ::-1]
    arrays = backend.asarray(base, dtype), backend.asarray(tuned, dtype)
    found = backend.call(merge_weights, *arrays)
    expected = merge_weights(base.astype(dtype), tuned.astype(dtype))
    eps = np.finfo(real_of(dtype)).eps
    assert_same_kind(found.merged, arrays[0], shape=(6, 4))
    assert_same_kind(found.rotation, arrays[0], shape=(4, 4))
    assert to_numpy(found.status).tolist() == [Status.OK] * 4
    for name in ("merged", "turned", "rotation", "rotations", "rest"):
        ours, other = to_numpy(getattr(found, name)), getattr(expected, name)
        assert np.max(np.abs(ours - other)) <= C * 6 * eps * np.max(np.abs(tuned))


def test_stacks_of_layers():
    layers = [weights(6, 4, rest=0.1, seed=seed) for seed in range(2)]
    base, tuned = (np.stack(x) for x in zip(*layers, strict=True))
    both = merge_weights(base, tuned)
    for k in range(2):
        np.testing.assert_allclose(both.merged[k], merge_weights(*layers[k]).merged, atol=1e-13)


def test_derivatives_of_the_merged_weights():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    base, tuned = weights(5, 3, 2, rest=0.1)
    direction = np.random.default_rng(3).standard_normal(tuned.shape)

    def loss(w, library, start=base):
        return library.sum(merge_weights(start, w).turned[0] ** 3)

    h = 1e-6
    slope = (loss(tuned + h * direction, np) - loss(tuned - h * direction, np)) / (2 * h)
    leaf = torch.tensor(tuned, requires_grad=True)
    loss(leaf, torch, torch.tensor(base)).backward()
    np.testing.assert_allclose(np.sum(leaf.grad.numpy() * direction), slope, rtol=1e-6)
    gradient = jax.grad(lambda w: loss(w, jax.numpy, jax.numpy.asarray(base)))(tuned)
    np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6)
