"""Inputs that break naive streaming decompositions."""

import numpy as np
import pytest

import orthola
from orthola import Status
from orthola._lowrank.state import SVDConfig
from tests.lowrank.feeding import EPS, holds, orthogonality, stream


@pytest.mark.parametrize("exponent", [-498, 0, 498])
@pytest.mark.parametrize("engine", ["brand", "stack"])
def test_rank_deficient_residual(exponent, engine):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((60, 5)) * 2.0**exponent
    config = SVDConfig(features=60, rank=8, axis=1, engine=engine, oversample=0)
    result, state = stream([base @ rng.standard_normal((5, 3)) for _ in range(200)], config)
    assert orthogonality(result) <= 1e-12
    assert result.singular_values[5] <= 1e-13 * result.singular_values[0]
    u = state.factor[:, : int(state.rank)]
    assert np.abs(u.T @ u - np.eye(u.shape[1])).max() <= 100 * EPS


@pytest.mark.parametrize("engine", ["brand", "stack", "exact-r", "exact-gram", "randomized"])
def test_duplicate_and_zero(engine):
    rng = np.random.default_rng(1)
    a = rng.standard_normal((30, 4))
    config = SVDConfig(features=30, rank=6, axis=1, engine=engine)
    zero = np.zeros((30, 3))
    result, _ = stream([zero, a, a, zero, a, a, zero], config)
    truth = 2 * np.linalg.svd(a, compute_uv=False)
    assert int(result.rank) >= 4
    assert holds(result, np.concatenate([truth, np.zeros(2)]))
    if engine != "exact-gram":
        assert np.allclose(result.singular_values[:4], truth, rtol=0, atol=1e-13 * truth[0])
    assert orthogonality(result) <= 100 * EPS
    nothing, _ = stream([zero, zero], config)
    assert int(nothing.rank) == 0
    assert not np.any(nothing.basis)
    assert not np.any(nothing.certificate.error)


def test_repeated_block_float32():
    rng = np.random.default_rng(2)
    a = rng.standard_normal((60, 4)).astype(np.float32)
    config = SVDConfig(features=60, rank=4, axis=1, engine="brand", oversample=2)
    result, _ = stream([a] * 2000, config)
    truth = np.sqrt(2000.0) * np.linalg.svd(a.astype(float), compute_uv=False)
    assert holds(result, truth)
    assert orthogonality(result) <= 100 * np.finfo(np.float32).eps


@pytest.mark.parametrize("engine", ["brand", "stack", "exact-r"])
def test_tiny_error(engine):
    """Three digits of an error of 1e-11 of the norm, in what a user reads."""
    rng = np.random.default_rng(3)
    u, v = (np.linalg.qr(rng.standard_normal((n, 12)))[0] for n in (60, 200))
    s = np.concatenate([np.linspace(1, 0.5, 8), 1e-11 * np.ones(4)])
    m = (u * s) @ v.T
    config = SVDConfig(features=60, rank=8, axis=1, engine=engine, oversample=0)
    result, state = stream(np.split(m, 10, axis=1), config)
    error = np.linalg.norm(m - result.basis @ (result.basis.T @ m))
    bounds = result.certificate
    for low, high in (bounds.error, bounds.optimum_interval):
        assert low <= error <= high <= error * 1.001
    if engine != "exact-r":
        assert abs(np.sqrt(state.discarded) / error - 1) <= 1e-6


@pytest.mark.parametrize("engine", ["brand", "stack", "exact-r", "exact-gram"])
@pytest.mark.parametrize("center", [False, True])
def test_huge_scale(engine, center):
    rng = np.random.default_rng(4)
    m = rng.standard_normal((100, 30)) @ np.diag(0.7 ** np.arange(30))
    config = SVDConfig(features=30, rank=4, engine=engine, center=center, oversample=2)
    plain, _ = stream(np.split(m, 5), config)
    for exponent in (900, -900):
        factor = 2.0**exponent
        result, _ = stream(np.split(m * factor, 5), config)
        assert np.array_equal(result.basis, plain.basis)
        assert np.array_equal(result.singular_values / factor, plain.singular_values)
        assert np.array_equal(result.mean / factor, plain.mean)
        for mine, other in zip(result.certificate, plain.certificate, strict=True):
            assert np.array_equal(mine / factor, other)


def drip():
    """Ten strong directions, then 400 columns along a new one, each too weak to be kept."""
    rng = np.random.default_rng(5)
    u = np.linalg.qr(rng.standard_normal((50, 11)))[0]
    strong = u[:, :10] * np.linspace(30, 10, 10)
    return [strong, *(2.0 * u[:, 10:] for _ in range(400))]


def test_drip():
    blocks = drip()
    optimum = 10.0  # 40 comes in, the weakest of the ten goes out
    without = SVDConfig(features=50, rank=10, axis=1, engine="brand", oversample=0, sketch=0)
    result, _ = stream(blocks, without)
    assert np.isclose(result.certificate.error[1], 40.0, rtol=1e-9)
    sketched = SVDConfig(features=50, rank=10, axis=1, engine="brand", oversample=0)
    result, _ = stream(blocks, sketched)
    m = np.concatenate(blocks, axis=1)
    error = np.linalg.norm(m - result.basis @ (result.basis.T @ m))
    assert error <= 1.05 * optimum
    assert result.certificate.error[1] >= error
    assert int(result.status) == Status.NOT_EXACT
    assert holds(result, np.linalg.svd(m, compute_uv=False))


def test_first_batch_small():
    rng = np.random.default_rng(10)
    config = SVDConfig(features=30, rank=10, center=True, engine="brand")
    state = orthola.svd_init(config)
    assert int(orthola.svd_result(state, config).rank) == 0
    data = rng.standard_normal((9, 30))
    state = orthola.svd_update(state, data[:1], config)
    assert int(orthola.svd_result(state, config).rank) == 0  # one centred sample is nothing
    state = orthola.svd_update(state, data[:0], config)
    assert int(state.position) == 2
    assert int(state.columns) == 1
    result = orthola.svd_result(orthola.svd_update(state, data[1:], config), config)
    assert int(result.rank) == 8
    truth = np.linalg.svd(data - data.mean(0), compute_uv=False)
    assert np.allclose(result.singular_values[:8], truth[:8], rtol=1e-12)


@pytest.mark.parametrize("engine", ["brand", "exact-r", "exact-gram", "randomized"])
def test_complex_conjugate(engine):
    rng = np.random.default_rng(11)
    m = rng.standard_normal((90, 24)) + 1j * rng.standard_normal((90, 24))
    for axis in (0, 1):
        config = SVDConfig(features=24, rank=3, engine=engine, axis=axis, center=True)
        results = []
        for x in (m, m.conj()):
            parts = np.split(x, 2) if axis == 0 else np.split(x.T, 2, axis=1)
            results.append(stream(parts, config)[0])
        one, two = results
        if engine == "randomized":  # the draws are not conjugated
            assert np.allclose(one.singular_values, two.singular_values, rtol=0.2)
            continue
        assert np.allclose(one.basis, two.basis.conj(), atol=1e-12)
        assert np.allclose(one.singular_values, two.singular_values, rtol=1e-13)
        assert np.allclose(one.mean, m.mean(0))
        space = m - m.mean(0)
        rows = space @ one.basis if axis == 0 else one.basis.conj().T @ space.T
        along = 0 if axis == 0 else 1
        assert np.allclose(np.linalg.norm(rows, axis=along), one.singular_values, rtol=0.05)


def test_float32_certificate():
    for seed in range(100):
        rng = np.random.default_rng(seed)
        m = rng.standard_normal((40, 4)) @ rng.standard_normal((4, 60))
        m = (m + 1e-4 * rng.standard_normal((40, 60))).astype(np.float32)
        config = SVDConfig(features=40, rank=4, axis=1, engine="brand", oversample=2)
        result, _ = stream(np.split(m, 6, axis=1), config)
        u, x = result.basis.astype(float), m.astype(float)
        error = np.linalg.norm(x - u @ (u.T @ x))
        assert error <= result.certificate.error[1]
        assert holds(result, np.linalg.svd(x, compute_uv=False))


def test_first_chunk_layout():
    rng = np.random.default_rng(15)
    m = rng.standard_normal((36, 20))
    wide = np.asfortranarray(np.concatenate([m, m], axis=1))
    for engine in ("brand", "exact-r", "exact-gram"):
        config = SVDConfig(features=20, rank=4, engine=engine)
        layouts = {
            "C": m,
            "F": np.asfortranarray(m),
            "strided": wide[:, :20],
            "negative": np.ascontiguousarray(m[::-1, ::-1])[::-1, ::-1],
        }
        found = []
        for x in layouts.values():
            x.flags.writeable = False
            kept = x.copy()
            found.append(stream([x[:1], x[1:4], x[4:5], x[5:]], config)[0])
            assert np.array_equal(x, kept)
        for result in found[1:]:
            assert np.allclose(result.singular_values, found[0].singular_values, rtol=1e-13)
            assert np.allclose(result.basis, found[0].basis, atol=1e-11)


def test_nonfinite_values():
    config = SVDConfig(features=5, rank=2)
    bad = np.ones((3, 5))
    bad[1, 2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        orthola.svd_update(orthola.svd_init(config), bad, config)
    for engine in ("brand", "exact-r", "exact-gram"):
        config = SVDConfig(features=5, rank=2, engine=engine, check_finite=False)
        state = orthola.svd_update(orthola.svd_init(config), bad, config)
        result = orthola.svd_result(state, config)
        assert int(result.status) == Status.NONFINITE
        assert np.all(np.isnan(result.certificate.sigma_interval))
        with pytest.raises(orthola.StatusError):
            orthola.check(result)
