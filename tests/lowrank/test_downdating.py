"""Samples that are taken out again."""

import numpy as np
import pytest

import orthola
from orthola import Status
from orthola._lowrank.state import SVDConfig
from tests.lowrank.feeding import holds, stream


@pytest.mark.parametrize("engine", ["brand", "exact-r", "exact-gram"])
@pytest.mark.parametrize("center", [False, True])
def test_downdate(engine, center):
    rng = np.random.default_rng(13)
    m = rng.standard_normal((80, 20)) @ np.diag(0.6 ** np.arange(20)) + 2.0
    config = SVDConfig(features=20, rank=5, engine=engine, center=center, oversample=6)
    _, state = stream(np.split(m, 4), config)
    state = orthola.svd_downdate(state, m[20:40], config)
    rest = np.delete(m, np.s_[20:40], axis=0)
    rest = rest - rest.mean(0) if center else rest
    result = orthola.svd_result(state, config)
    truth = np.linalg.svd(rest, compute_uv=False)
    assert int(result.status) == Status.NOT_EXACT
    assert holds(result, truth)
    assert np.allclose(result.singular_values, truth[:5], rtol=1e-3)
    error = np.linalg.norm(rest - rest @ result.basis @ result.basis.T)
    assert error <= result.certificate.error[1]
    low, high = result.certificate.optimum_interval
    assert low <= np.linalg.norm(truth[5:]) <= high


@pytest.mark.parametrize("engine", ["brand", "exact-r", "exact-gram"])
def test_downdate_to_little(engine):
    rng = np.random.default_rng(14)
    large, little = 1e5 * rng.standard_normal((30, 12)), rng.standard_normal((30, 12))
    config = SVDConfig(features=12, rank=3, engine=engine)
    _, state = stream([large, little], config)
    result = orthola.svd_result(orthola.svd_downdate(state, large, config), config)
    assert int(result.status) == Status.ILL_CONDITIONED
    assert holds(result, np.linalg.svd(little, compute_uv=False))
