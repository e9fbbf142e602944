"""Consensus of many configurations: a minimum, found downhill, whatever is weighted or missing."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import Status, generalized_procrustes
from orthola.testing import gaussian
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

U = 2.0**-53
C = 50.0  # roundings per summand allowed


def configurations(count=12, m=10, n=3, *, noise=0.1, seed=0, sizes=False, shifts=False):
    rng = np.random.default_rng(seed)
    turned = rng.standard_normal((m, n)) @ orthola.haar(n, shape=(count,), rng=seed, determinant=1)
    x = turned + noise * rng.standard_normal((count, m, n))
    if sizes:
        x = rng.uniform(0.5, 2.0, (count, 1, 1)) * x
    if shifts:
        x = x + rng.standard_normal((count, 1, n))
    return x


def objective_of(found, x, weights=None, mask=None):
    """The sum of squares of what is known, from the result alone, where the points are."""
    back = found.transforms.inverse().apply(found.consensus)
    squares = (found.transforms.scale[..., None, None] * (back - x)) ** 2
    if weights is not None:
        squares = weights[..., None] * squares
    return np.sum(squares if mask is None else squares[mask])


OPTIONS = [
    {},
    {"rotation_only": True, "translation": True},
    {"scaling": True},
    {"rotation_only": True, "scaling": True, "translation": True},
]


@pytest.mark.parametrize("missing", [None, "points", "entries"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_gpa_objective_monotone(options, weighted, missing):
    x, rng = configurations(sizes=True, shifts=True), np.random.default_rng(1)
    w = rng.uniform(0.1, 2.0, x.shape[:-1]) if weighted else None
    mask = {None: None, "points": x.shape[:-1], "entries": x.shape}[missing]
    mask = None if mask is None else rng.random(mask) > 0.1
    given = x if mask is None else np.where(mask if mask.ndim == 3 else mask[..., None], x, np.nan)
    found = generalized_procrustes(given, weights=w, mask=mask, max_steps=500, **options)
    assert found.status == Status.OK
    assert (np.diff(found.objective) <= 0).all()
    assert (np.diff(found.objective)[found.steps :] == 0).all()
    known = mask if mask is None or mask.ndim == 3 else np.broadcast_to(mask[..., None], x.shape)
    value = objective_of(found, x, w, known)
    np.testing.assert_allclose(found.objective[-1], value, rtol=1e-9)
    if options.get("rotation_only"):
        assert (np.linalg.det(found.transforms.rotation) > 0).all()


def test_missing_entries_monotone():
    x, rng = configurations(noise=0.0), np.random.default_rng(1)
    mask = rng.random(x.shape) > 0.15
    found = generalized_procrustes(np.where(mask, x, np.nan), mask=mask, max_steps=3000, tol=1e-15)
    assert (np.diff(found.objective) <= 0).all()
    # Nothing disturbs these points: what is missing comes back.
    back = found.transforms.inverse().apply(found.consensus)
    assert np.max(np.abs(back - x)) <= 1e-5


@pytest.mark.parametrize("options", OPTIONS[:2])
def test_every_rotation_and_the_consensus_are_best_for_the_others(options):
    x = configurations(noise=0.5, shifts=True)
    found = generalized_procrustes(x, tol=1e-14, max_steps=2000, **options)
    moved = found.transforms.apply(x)
    assert np.max(np.abs(moved.mean(0) - found.consensus)) <= C * 12 * U * np.max(np.abs(moved))
    fit = orthola.procrustes(x, np.broadcast_to(found.consensus, x.shape), **options)
    assert np.max(np.abs(fit.transform.rotation - found.transforms.rotation)) <= 1e-5
    np.testing.assert_allclose(np.sum(fit.residual**2), found.objective[-1], rtol=1e-12)


def test_the_best_of_many_starts_is_not_missed_where_the_noise_is_small():
    x = configurations(noise=0.2)
    default, rng = generalized_procrustes(x), np.random.default_rng(1)
    for _ in range(10):
        other = generalized_procrustes(x, start=rng.standard_normal(x.shape[1:]))
        assert default.objective[-1] <= other.objective[-1] * (1 + 1e-8)


def test_two_configurations_are_an_ordinary_fit():
    a, b = configurations(2)
    fit = orthola.procrustes(a, b)
    found = generalized_procrustes(np.stack([a, b]))
    # Both meet half way: twice the square of half of the residual.
    np.testing.assert_allclose(found.objective[-1], fit.residual**2 / 2, rtol=1e-12)
    there = found.transforms.rotation[0] @ found.transforms.rotation[1].T
    np.testing.assert_allclose(there, fit.transform.rotation, atol=1e-5)


@pytest.mark.parametrize("missing", [False, True])
def test_gpa_scale_does_not_collapse(missing):
    x = configurations(noise=0.5, sizes=True)
    mask = np.random.default_rng(1).random(x.shape) > 0.1 if missing else np.ones(x.shape, bool)
    found = generalized_procrustes(
        x, scaling=True, mask=mask if missing else None, max_steps=20_000, tol=1e-13
    )
    kept = np.sum(np.where(mask, x, 0.0) ** 2, axis=(1, 2))
    np.testing.assert_allclose(np.sum(found.transforms.scale**2 * kept), np.sum(kept), rtol=1e-12)
    assert (found.transforms.scale > 0.1).all()


def test_scales_are_the_top_eigenvector_of_the_aligned_configurations():
    x = configurations(noise=0.3, sizes=True)
    found = generalized_procrustes(x, scaling=True, tol=1e-15, max_steps=5000)
    y = (x @ found.transforms.rotation).reshape(len(x), -1)
    sizes = np.linalg.norm(y, axis=1)
    _, vectors = np.linalg.eigh((y @ y.T) / np.outer(sizes, sizes))
    expected = np.abs(vectors[:, -1]) * np.linalg.norm(sizes) / sizes
    np.testing.assert_allclose(found.transforms.scale, expected, rtol=1e-5)


def test_weights_equal_repeated_configurations_and_points():
    x = configurations(noise=0.3, shifts=True)
    twice = np.concatenate([x, x[:1]])
    w = np.ones(x.shape[:-1])
    w[0] = 2.0
    for options in OPTIONS[:2]:
        one = generalized_procrustes(x, weights=w, tol=1e-14, **options)
        two = generalized_procrustes(twice, tol=1e-14, **options)
        np.testing.assert_allclose(one.objective[-1], two.objective[-1], rtol=1e-11)
    w = np.ones(x.shape[:-1])
    w[:, 3] = 2.0
    repeated = np.concatenate([x, x[:, 3:4]], axis=1)
    one = generalized_procrustes(x, weights=w, translation=True, tol=1e-14)
    two = generalized_procrustes(repeated, translation=True, tol=1e-14)
    np.testing.assert_allclose(one.objective[-1], two.objective[-1], rtol=1e-11)


@on_dtypes("float64", "float32", "complex128", "complex64")
def test_generalized_procrustes_on_every_library(backend, dtype):
    x = configurations(shifts=True, sizes=True)
    if dtype.startswith("complex"):
        x = x + 1j * configurations(seed=1)
    w = np.random.default_rng(2).uniform(0.5, 2.0, x.shape[:-1])
    options = {"scaling": True, "translation": True, "tol": 1e-6}

    def solve(x, w, **options):
        return generalized_procrustes(x, weights=w, **options)

    arrays = backend.asarray(x, dtype), backend.asarray(w, real_of(dtype))
    found = backend.call(solve, *arrays, **options)
    expected = generalized_procrustes(x.astype(dtype), weights=w, **options)
    assert_same_kind(found.consensus, arrays[0], shape=(10, 3))
    assert_same_kind(found.transforms.rotation, arrays[0], shape=(12, 3, 3))
    assert_same_kind(found.transforms.scale, arrays[1], shape=(12,))
    assert_same_kind(found.objective, arrays[1], shape=(200,))
    eps = np.finfo(real_of(dtype)).eps
    assert int(found.status) == Status.OK
    # The sweeps may end one earlier or later.
    last, other = to_numpy(found.objective)[-1], expected.objective[-1]
    assert abs(last - other) <= max(1e-6, 64 * eps) * other
    assert np.max(np.abs(to_numpy(found.consensus) - expected.consensus)) <= 1e-2


def test_stacks_equal_their_loop():
    x = np.stack([configurations(noise=noise, seed=seed) for seed, noise in ((0, 0.0), (1, 1.0))])
    both = generalized_procrustes(x, scaling=True)
    for k in range(2):
        one = generalized_procrustes(x[k], scaling=True)
        assert one.steps == both.steps[k]
        np.testing.assert_allclose(both.consensus[k], one.consensus, atol=1e-12)
        np.testing.assert_allclose(both.objective[k], one.objective, rtol=1e-12, atol=1e-24)


@pytest.mark.parametrize("size", [2.0**-1000, 2.0**-300, 2.0**400, 2.0**1000])
def test_units_do_not_matter(size):
    x = configurations(shifts=True, sizes=True)
    unit = generalized_procrustes(x, scaling=True, translation=True)
    found = generalized_procrustes(size * x, scaling=True, translation=True)
    np.testing.assert_array_equal(found.transforms.rotation, unit.transforms.rotation)
    np.testing.assert_array_equal(found.transforms.scale, unit.transforms.scale)
    np.testing.assert_array_equal(found.consensus, size * unit.consensus)


def test_statuses():
    x = configurations()
    flat = np.array(x)
    flat[..., 2] = flat[..., 1] = 0
    assert generalized_procrustes(flat).status == Status.RANK_DEFICIENT
    assert generalized_procrustes(flat[..., :2], rotation_only=True).status == Status.OK
    noisy = configurations(noise=5.0)
    assert generalized_procrustes(noisy, max_steps=2).status == Status.NOT_CONVERGED
    stack = np.stack([x, x])
    stack[1, 3, 2, 0] = np.nan
    with pytest.raises(ValueError, match="finite entries"):
        generalized_procrustes(stack)
    found = generalized_procrustes(stack, check_finite=False)
    assert found.status.tolist() == [Status.OK, Status.NONFINITE]
    assert np.isnan(found.consensus[1]).all()
    np.testing.assert_array_equal(found.consensus[0], generalized_procrustes(x).consensus)
    w = -np.ones(x.shape[:-1])
    with pytest.raises(ValueError, match="weights >= 0"):
        generalized_procrustes(x, weights=w)
    assert generalized_procrustes(x, weights=w, check_finite=False).status == Status.BOUND_VIOLATED
    w = np.ones(x.shape[:-1])
    w[:, 4] = 0
    with pytest.raises(ValueError, match="every point"):
        generalized_procrustes(x, weights=w)
    found = generalized_procrustes(x, weights=w, translation=True, check_finite=False)
    assert found.status == Status.RANK_DEFICIENT


def test_points_that_are_all_equal_get_scale_zero():
    x = configurations(noise=0.1)
    x[2] = 1.0
    found = generalized_procrustes(x, scaling=True, translation=True)
    assert found.transforms.scale[2] == 0
    assert found.status == Status.RANK_DEFICIENT
    assert np.isfinite(found.objective).all()


def test_a_line_that_runs_backwards_gets_scale_zero_instead_of_a_reflection():
    line = gaussian(12, 1, rng=0)
    x = np.stack([line, 2.0 * line, -line]) + 0.1 * gaussian(12, 1, shape=(3,), rng=1)
    found = generalized_procrustes(x, rotation_only=True, scaling=True)
    np.testing.assert_allclose(found.transforms.rotation, 1.0, rtol=C * U)
    assert np.all(found.transforms.scale[:2] > 0.5)
    assert found.transforms.scale[2] == 0.0
    assert np.all(np.diff(found.objective) <= 0.0)
    free = generalized_procrustes(x, scaling=True)
    assert np.all(free.transforms.scale > 0.5)
    assert free.objective[-1] < found.objective[-1]


def test_what_does_not_fit_is_refused():
    x = configurations()
    for bad, what in (
        ({"weights": np.ones(3)}, r"weights of shape \(12, 10\)"),
        ({"mask": np.ones(x.shape)}, "boolean mask"),
        ({"start": np.ones((3, 3))}, "start of shape"),
        ({"max_steps": 0}, "max_steps"),
    ):
        with pytest.raises(ValueError, match=what):
            generalized_procrustes(x, **bad)
    with pytest.raises(ValueError, match="configurations of shape"):
        generalized_procrustes(x[0])
    with pytest.raises(ValueError, match="rotation_only"):
        generalized_procrustes(x + 0j, rotation_only=True)


def test_derivatives_of_the_consensus_in_torch_and_jax():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    x = configurations(4, 6, 2, noise=0.1)
    options = {"scaling": True, "translation": True, "tol": 1e-14}
    direction = np.random.default_rng(3).standard_normal(x.shape)

    def distances(points, library):
        g = generalized_procrustes(points, **options).consensus
        return library.sum((g[1:] - g[:-1]) ** 2)

    h = 1e-5
    slope = (distances(x + h * direction, np) - distances(x - h * direction, np)) / (2 * h)
    leaf = torch.tensor(x, requires_grad=True)
    distances(leaf, torch).backward()
    np.testing.assert_allclose(np.sum(leaf.grad.numpy() * direction), slope, rtol=1e-6)
    _, forward = jax.jvp(lambda p: distances(p, jax.numpy), (x,), (direction,))
    np.testing.assert_allclose(forward, slope, rtol=1e-6)
