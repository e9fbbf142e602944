"""`engine="exact-refresh"`: squares in a basis of the first samples, a triangle where it fails."""

import numpy as np
import pytest

import orthola
from orthola import IncrementalSVD, Status, SVDConfig
from orthola._lowrank.state import Flag

EPS = np.finfo(float).eps


def fed(parts, **options):
    config = SVDConfig(features=len(parts[0]), axis=1, engine="exact-refresh", **options)
    state = orthola.svd_init(config, dtype=parts[0].dtype)
    for part in parts:
        state = orthola.svd_update(state, part, config)
    return state, orthola.svd_result(state, config)


def holds(result, m):
    low, high = result.certificate.sigma_interval.T
    truth = np.linalg.svd(m, compute_uv=False)[: len(low)]
    return bool(np.all(low[: len(truth)] <= truth) and np.all(truth <= high[: len(truth)]))


def has_basis(state):
    d = state.factor.shape[0]
    return bool(np.any(state.factor[:, d:]))


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("center", [False, True])
def test_a_steady_stream_stays_in_its_first_basis(is_complex, center):
    rng = np.random.default_rng(0)
    m = rng.standard_normal((20, 600)) * 10.0 ** -np.linspace(0, 6, 20)[:, None] + 1e-3
    m = m + 1j * m[:, rng.permutation(600)] if is_complex else m
    parts = np.split(m, 12, axis=1)
    state, result = fed(parts, rank=20, center=center)
    m = m - m.mean(axis=1)[:, None] if center else m
    truth = np.linalg.svd(m, compute_uv=False)
    assert has_basis(state)
    assert not int(state.flags)
    assert holds(result, m)
    assert np.allclose(result.singular_values, truth, rtol=1e-9)
    widths = np.diff(result.certificate.sigma_interval, axis=1)[:, 0]
    assert np.all(widths <= 1e-6 * truth + 4 * result.certificate.allowance)
    u = result.basis
    assert np.abs(u.conj().T @ u - np.eye(20)).max() <= 20 * EPS


def test_data_that_leave_the_basis_go_on_as_a_triangle():
    rng = np.random.default_rng(1)
    weak = np.r_[np.ones(5), 1e-9 * np.ones(7)][:, None] * rng.standard_normal((12, 60))
    # Strong in one direction across those that were weak, so C would have the condition 1e16.
    strong = np.r_[np.zeros(5), np.ones(7)][:, None] * rng.standard_normal(40)
    for later in (strong, np.repeat(weak[:, :1], 50, axis=1)):
        parts = [weak, *np.split(later, 5, axis=1), 1e-3 * weak]
        state, result = fed(parts, rank=12)
        m = np.concatenate(parts, axis=1)
        assert holds(result, m)
        gap = result.singular_values - np.linalg.svd(m, compute_uv=False)
        assert np.abs(gap).max() <= 100 * EPS * result.singular_values[0]
    state, _ = fed([weak, strong], rank=12)
    assert int(state.flags) == Flag.FOLDED
    assert not has_basis(state)
    triangle = SVDConfig(features=12, rank=12, axis=1, engine="exact-r")
    exact = orthola.svd_init(triangle)
    for part in (weak, strong):
        exact = orthola.svd_update(exact, part, triangle)
    mine = state.factor[:, :12] @ state.factor[:, :12].T
    other = exact.factor @ exact.factor.T
    assert np.abs(mine - other).max() <= 100 * EPS * np.abs(other).max()


@pytest.mark.parametrize("center", [False, True])
def test_nothing_and_tiny_samples_before_large_ones(center):
    """Squares that vanish, or were never there, leave no basis behind that counts as data."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((3, 12))
    for first in (0.0 * x, 2.0**-900 * x):
        parts = [first, first, 2.0**200 * x[:, :2], 2.0**200 * x]
        _, result = fed(parts, rank=3, center=center)
        m = np.concatenate(parts, axis=1)
        assert holds(result, m - m.mean(axis=1)[:, None] if center else m)


def test_uncertainty_of_squares_is_counted_in_proportion():
    """A bound that trusted H would be narrower than its rounding."""
    rng = np.random.default_rng(2)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        m = rng.standard_normal((5, 4000)) * 10.0 ** -rng.uniform(0, 9, (5, 1))
        state, result = fed(np.split(m, 8, axis=1), rank=5)
        assert has_basis(state)
        assert holds(result, m)


def test_merge_downdate_forgetting_and_files(tmp_path):
    rng = np.random.default_rng(3)
    m = rng.standard_normal((200, 10)) * 0.5 ** np.arange(10)
    options = {"engine": "exact-refresh", "buffer": 25}
    whole = IncrementalSVD(10, **options).partial_fit(m)
    one, two = (IncrementalSVD(10, **options).partial_fit(x) for x in (m[:80], m[80:]))
    truth = np.linalg.svd(m, compute_uv=False)
    for svd in (whole, one.merge(two), one.partial_fit(m).downdate(m)):
        assert holds(svd.result(), m.T)
        assert np.allclose(svd.result().singular_values, truth, rtol=1e-8)
    whole.save(tmp_path / "svd.npz")
    again = IncrementalSVD.load(tmp_path / "svd.npz")
    assert all(np.array_equal(a, b) for a, b in zip(whole.state, again.state, strict=True))
    more = rng.standard_normal((30, 13))
    again.extend_features(3).partial_fit(more)
    both = np.concatenate([np.pad(m, ((0, 0), (0, 3))), more])
    assert holds(again.result(), both.T)
    faded = SVDConfig(features=10, engine="exact-refresh", forget=0.5)
    state = orthola.svd_init(faded)
    for x in np.split(m, 4):
        state = orthola.svd_update(state, x, faded)
    weights = np.repeat(0.5 ** np.arange(3, -1, -1.0), 50)[:, None]
    assert holds(orthola.svd_result(state, faded), (m * np.sqrt(weights)).T)
    assert int(orthola.svd_result(state, faded).status) == Status.OK


def test_other_libraries_keep_the_triangle():
    import torch

    rng = np.random.default_rng(4)
    m = rng.standard_normal((90, 8)) * 0.1 ** np.arange(8)
    config = SVDConfig(features=8, engine="exact-refresh")
    state = orthola.svd_init(config)
    for part in np.split(m, 3):
        state = orthola.svd_update(state, part, config)
    assert has_basis(state)
    moved = type(state)(*(torch.from_numpy(np.array(x)) for x in state))
    one, two = (orthola.svd_result(x, config) for x in (state, moved))
    assert np.allclose(one.singular_values, two.singular_values.numpy(), rtol=1e-12)
    import jax

    @jax.jit
    def compiled(state, rows):
        return orthola.svd_result(orthola.svd_update(state, rows, config), config)

    there = compiled(type(state)(*(jax.numpy.asarray(x) for x in state)), jax.numpy.asarray(m))
    state = orthola.svd_update(state, m, config)
    assert np.allclose(
        orthola.svd_result(state, config).singular_values, there.singular_values, rtol=1e-8
    )
    assert holds(there, np.concatenate([m, m]).T)


def test_single_precision_has_its_squares_in_double():
    config = SVDConfig(features=4, engine="exact-refresh")
    state = orthola.svd_init(config, dtype="float32")
    assert state.factor.shape == (4, 4)
    assert state.factor.dtype == np.float64
