"""Means taken off, weights, forgetting."""

import numpy as np
import pytest

import orthola
from orthola._lowrank.stack import left_vectors
from orthola._lowrank.state import SVDConfig
from tests.lowrank.feeding import holds, space_of, stream


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("engine", ["brand", "auto"])
def test_centred(dtype, engine):
    rng = np.random.default_rng(6)
    m = (1e6 + rng.standard_normal((900, 20)) @ np.diag(0.8 ** np.arange(20))).astype(dtype)
    exact = m.astype(np.longdouble)
    mean = exact.mean(0)
    truth = np.linalg.svd((exact - mean).astype(float), compute_uv=False)
    config = SVDConfig(features=20, rank=5, center=True, engine=engine, oversample=15)
    result, state = stream(np.array_split(m, 13), config, dtype)
    assert holds(result, truth)
    if dtype == "float64":
        assert np.allclose(result.singular_values, truth[:5], rtol=1e-8)
    assert np.max(np.abs(result.mean - mean)) <= 4e6 * np.finfo(dtype).eps
    scatter = (exact - mean).astype(float)
    kept = state.factor if config.layout(space_of(m)) != "basis" else state.factor * state.sigma
    if config.layout(space_of(m)) == "basis":
        rest = scatter.T @ scatter - kept.astype(float) @ kept.T.astype(float)
        assert abs(np.trace(rest) - state.discarded) <= 1e-5 * np.trace(scatter.T @ scatter)


@pytest.mark.parametrize("engine", ["brand", "exact-r", "exact-gram"])
@pytest.mark.parametrize("center", [False, True])
def test_forgetting(engine, center):
    rng = np.random.default_rng(7)
    config = SVDConfig(features=8, rank=8, engine=engine, forget=0.7, center=center)
    blocks = [rng.standard_normal((n, 8)) + 1 for n in (3, 11, 1, 6, 20, 2)]
    weights = [rng.random(len(x)) for x in blocks]
    state = orthola.svd_init(config)
    for x, w in zip(blocks, weights, strict=True):
        state = orthola.svd_update(state, x, config, weights=w)
    result = orthola.svd_result(state, config)
    x = np.concatenate(blocks)
    w = np.concatenate([v * 0.7 ** (5 - i) for i, v in enumerate(weights)])
    mean = w @ x / w.sum()
    x = x - mean if center else x
    dense = (x.T * w) @ x
    v = result.basis
    found = (v * result.singular_values**2) @ v.T
    assert np.linalg.norm(found - dense) <= 1e-12 * np.linalg.norm(dense)
    assert np.allclose(result.mean, mean, rtol=1e-13)
    assert np.isclose(state.count, w.sum(), rtol=1e-14)


def test_centred_samples_are_not_taken_as_dependent(monkeypatch):
    # They add up to zero: a full block in one piece would take the slow way every time. Only the
    # first one has to, to which no mean is added.
    slow = []

    def counted(*arguments):
        slow.append(arguments)
        return left_vectors(*arguments)

    monkeypatch.setattr("orthola._lowrank.host.left_vectors", counted)
    x = np.random.default_rng(0).standard_normal((400, 320))
    svd = orthola.IncrementalSVD(8, axis=1, center=True, engine="brand")
    for first in range(0, 320, 32):
        svd.partial_fit(x[:, first : first + 32])
    centred = x - x.mean(axis=1, keepdims=True)
    assert svd.result().singular_values[0] <= np.linalg.norm(centred, 2) * (1.0 + 1e-12)
    assert len(slow) <= 1
