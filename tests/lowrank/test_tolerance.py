"""Ranks that a tolerance decides: kept at every time, with few directions."""

import numpy as np
import pytest

import orthola
from orthola import IncrementalSVD, Status
from orthola._core import storage
from orthola._lowrank.state import SVDConfig
from tests.lowrank.feeding import space_of, stream


@pytest.mark.parametrize("tol", [1e-3, 0.05, 0.3])
def test_tol_budget(tol):
    rng = np.random.default_rng(8)
    base = rng.standard_normal((40, 40)) * 0.8 ** np.arange(40)
    blocks = [10.0 ** rng.integers(-2, 3) * base @ rng.standard_normal((40, 9)) for _ in range(15)]
    for order in (blocks, blocks[::-1]):
        for options in ({}, {"max_rank": 40}, {"engine": "exact-r"}):
            config = SVDConfig(features=40, tol=tol, axis=1, **({"engine": "brand"} | options))
            state = orthola.svd_init(config)
            for t, block in enumerate(order):
                state = orthola.svd_update(state, block, config)
                m = np.concatenate(order[: t + 1], axis=1)
                result = orthola.svd_result(state, config)
                u = result.basis
                assert np.linalg.norm(m - u @ (u.T @ m)) <= tol * np.linalg.norm(m)
                assert result.certificate.error[1] <= tol * result.norm * (1 + 1e-9)
                assert int(result.status) == Status.OK
            tails = np.sqrt(np.cumsum(np.linalg.svd(m, compute_uv=False)[::-1] ** 2))[::-1]
            best = int(np.sum(tails > tol * np.linalg.norm(m)))
            assert best <= int(result.rank) <= best + max(3, 0.04 * best)


def test_tol_that_the_capacity_cannot_keep():
    rng = np.random.default_rng(9)
    config = SVDConfig(features=40, tol=0.01, max_rank=4, engine="brand")
    result, _ = stream(np.split(rng.standard_normal((60, 40)), 4), config)
    assert int(result.status) == Status.RANK_CAPPED
    assert result.certificate.error[1] > 0.01 * result.norm
    exact = SVDConfig(features=40, energy=0.99, engine="exact-r")
    assert np.isclose(exact.tolerance, 0.1)


@pytest.mark.parametrize("engine", ["brand", "stack"])
def test_directions_that_are_about_equally_strong(engine):
    """What is discarded early was not the weakest of these; enough has to be left for later."""
    rng = np.random.default_rng(10)
    decay = np.concatenate([0.8 ** np.arange(24), np.zeros(104)])
    m = decay[:, None] * rng.standard_normal((128, 3200)) + 1e-2 * rng.standard_normal((128, 3200))
    tails = np.sqrt(np.cumsum(np.linalg.svd(m, compute_uv=False)[::-1] ** 2))[::-1]
    tol = 1.001 * tails[87] / tails[0]
    svd = IncrementalSVD(tol=tol, axis=1, engine=engine)
    for block in np.split(m, 100, axis=1):
        svd.partial_fit(block)
    result = svd.result()
    assert 87 <= int(result.rank) <= 87 + max(3, 0.04 * 87)
    assert result.certificate.error[1] <= tol * result.norm * (1 + 1e-9)


def test_squares_serve_a_coarse_tolerance(tmp_path):
    """ "auto" keeps them from 5e-3 on: as few directions as ever, certified as sharply."""
    rng = np.random.default_rng(11)
    m = rng.standard_normal((900, 60)) @ np.diag(0.7 ** np.arange(60))
    tails = np.sqrt(np.cumsum(np.linalg.svd(m, compute_uv=False)[::-1] ** 2))[::-1]
    for tol, layout in ((5e-2, "gram"), (5e-3, "gram"), (4e-3, "r")):
        svd = IncrementalSVD(tol=tol)
        for block in np.split(m, 30):
            svd.partial_fit(block)
        assert svd.config.layout(space_of(m)) == layout
        result, norm = svd.result(), tails[0]
        rank = int(result.rank)
        assert rank == int(np.sum(tails > tol * norm))
        assert tails[rank] <= result.certificate.error[1] <= min(tol * norm, 1.0001 * tails[rank])
    # A stream of an older file goes on with the triangle that it has.
    old = IncrementalSVD(tol=5e-2, engine="exact-r").partial_fit(m[:600])
    old.save(tmp_path / "new.npz")
    stored = storage.load(tmp_path / "new.npz", "svd stream", version=3)
    header = stored.header | {"config": stored.header["config"] | {"engine": "auto"}}
    storage.save(tmp_path / "old.npz", "svd stream", 2, stored.arrays, header)
    again = IncrementalSVD.load(tmp_path / "old.npz").partial_fit(m[600:])
    assert np.array_equal(again.result().basis, old.partial_fit(m[600:]).result().basis)
