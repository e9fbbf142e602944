"""Which engine takes a block in, and the random range that it may go through first."""

import numpy as np
import pytest

import orthola
from orthola._core import tuning
from tests.lowrank.feeding import DATA, fed, holds, same


def test_randomized_leaf():
    rng = np.random.default_rng(5)
    m = rng.standard_normal((80, 5)) @ rng.standard_normal((5, 600))
    m += 1e-3 * rng.standard_normal(m.shape)
    truth = np.linalg.svd(m, compute_uv=False)
    svd = fed(np.split(m, 2, axis=1), 5, axis=1, engine="randomized", buffer=1, seed=3)
    result = svd.result()
    assert holds(result, truth)
    assert np.allclose(result.singular_values, truth[:5], rtol=1e-5)
    again = fed(np.split(m, 2, axis=1), 5, axis=1, engine="randomized", buffer=1, seed=3)
    assert same(svd, again)
    low = rng.standard_normal((80, 5)) @ rng.standard_normal((5, 300))
    exact = fed([low], 5, axis=1, engine="randomized", buffer=1).result()
    assert exact.certificate.error[1] <= 1e-11 * exact.norm


def test_explain_names_the_engine():
    config = orthola.SVDConfig(features=40, rank=5)
    state = orthola.svd_init(config)
    plan = orthola.explain(orthola.svd_update, state, DATA, config)
    assert plan["engine"] == "exact-r"
    for engine in ("exact-r", "exact-gram", "exact-refresh", "brand", "stack", "randomized"):
        assert plan[f"{engine} (model)"].endswith("s at the end")
    wide = orthola.SVDConfig(features=4000, rank=50)
    state = orthola.svd_init(wide)
    with tuning.using(tuning.BUILT_IN, lowrank={"svd": ((100, 1e9),)}):  # small SVDs are slow
        for samples, engine in ((10, "brand"), (2000, "randomized")):
            plan = orthola.explain(orthola.svd_update, state, np.zeros((samples, 4000)), wide)
            assert plan["engine"] == engine
        assert "modelled cheaper" in plan["because"]
    with tuning.using(tuning.BUILT_IN, lowrank={"qr": ((100, 1e6),)}):  # bases of the range are
        plan = orthola.explain(orthola.svd_update, state, np.zeros((2000, 4000)), wide)
        assert plan["engine"] == "brand"


@pytest.mark.parametrize("library", ["numpy", "jax"])
def test_wide_blocks_go_through_a_random_range_where_that_is_cheaper(library):
    xp = pytest.importorskip({"jax": "jax.numpy"}.get(library, library), reason="not installed")
    rng = np.random.default_rng(9)
    m = rng.standard_normal((900, 6)) @ rng.standard_normal((6, 400))
    m += 1e-4 * rng.standard_normal(m.shape)
    truth = np.linalg.svd(m, compute_uv=False)
    config = orthola.SVDConfig(features=400, rank=6)
    states = []
    # Operations a second of small SVDs, beside which products cost much or nothing.
    for rate in (1e6, 1e15):
        with tuning.using(tuning.BUILT_IN, lowrank={"svd": ((100, rate),), "qr": ((100, rate),)}):
            state = orthola.svd_init(config, xp=library, dtype="float64")
            states.append(orthola.svd_update(state, xp.asarray(m), config))
        result = orthola.svd_result(states[-1], config)
        low, high = (np.asarray(x) for x in result.certificate.sigma_interval.T)
        assert np.all(low[:6] <= truth[:6])
        assert np.all(truth[:6] <= high[:6])
        assert np.allclose(np.asarray(result.singular_values), truth[:6], rtol=1e-6)
    assert int(states[0].levels) < int(states[1].levels)  # one truncation, not piece after piece
    tail = np.linalg.norm(truth[config.capacity :]) ** 2
    assert float(states[0].discarded) <= 1.2 * tail
