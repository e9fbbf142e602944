"""Inputs that break naive streaming decompositions."""

import numpy as np
import pytest

import orthola
from orthola import Status
from orthola._lowrank.orthonormality import ALWAYS, tended
from orthola._lowrank.phases import turned
from orthola._lowrank.state import SVDConfig

EPS = np.finfo(float).eps


def stream(blocks, config, dtype=None):
    state = orthola.svd_init(config, dtype=dtype or blocks[0].dtype)
    for block in blocks:
        state = orthola.svd_update(state, block, config)
    return orthola.svd_result(state, config), state


def orthogonality(result):
    u = result.basis[:, : int(result.rank)]
    return np.abs(u.conj().T @ u - np.eye(u.shape[1])).max(initial=0.0)


def holds(result, truth):
    low, high = result.certificate.sigma_interval.T
    n = min(len(low), len(truth))
    return bool(np.all(low[:n] <= truth[:n]) and np.all(truth[:n] <= high[:n]))


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


def test_left_projection():
    m = np.array([[1.0, 0.8], [0.5, -0.6]])
    truth = np.linalg.svd(m, compute_uv=False)
    projected = np.array([[1.0], [0.0]])
    config = SVDConfig(features=2, rank=2, axis=1)
    state = orthola.svd_update(orthola.svd_init(config), projected, config, error=None)
    result = orthola.svd_result(orthola.svd_update(state, m[:, 1:], config), config)
    assert int(result.status) == Status.UNCERTIFIED
    assert result.singular_values[0] > truth[0] + 0.05  # a left compression raised it
    state = orthola.svd_update(orthola.svd_init(config), projected, config, error=0.5)
    result = orthola.svd_result(orthola.svd_update(state, m[:, 1:], config), config)
    assert int(result.status) == Status.OK
    assert holds(result, truth)
    # Both singular values are in two-sided intervals as wide as the error that was given.
    widths = np.diff(result.certificate.sigma_interval, axis=1)
    assert np.allclose(widths[0], 1.0, rtol=1e-12)
    assert widths[1] <= 1.0
    careless = orthola.svd_update(orthola.svd_init(config), projected, config)
    assert not holds(
        orthola.svd_result(orthola.svd_update(careless, m[:, 1:], config), config), truth
    )
    with pytest.raises(ValueError, match="error >= 0"):
        orthola.svd_update(state, m, config, error=-1.0)


def test_axis_mixing():
    """Phases along different axes add up linearly; the root of the squares is too small."""
    rng = np.random.default_rng(0)
    beyond_squares = 0
    for _ in range(60):
        m = rng.standard_normal((12, 16)) @ np.diag(0.7 ** np.arange(16))
        config = SVDConfig(features=16, rank=2, engine="brand", oversample=0, sketch=0)
        state, hats, lost = orthola.svd_init(config), [], 0.0
        for panel in np.split(m, 2):
            svd = orthola.IncrementalSVD(2, axis=1, log_rotations=True, oversample=0, buffer=1)
            for block in np.split(panel, 4, axis=1):
                svd.partial_fit(block)
            parts = dict(svd.right_blocks())
            v = np.concatenate([parts[i] for i in range(4)])
            block, error = turned(svd.state, svd.config, v)
            state = orthola.svd_update(state, block, config, error=error)
            basis = svd.state.factor[:, : v.shape[1]]
            hats.append((basis * svd.state.sigma[: v.shape[1]]) @ v.T)
            lost += svd.state.discarded
        result = orthola.svd_result(state, config)
        u = result.basis
        hat = np.concatenate(hats) @ u @ u.T
        final = np.linalg.norm(m - hat)
        assert final <= result.certificate.error[1]
        assert result.certificate.error[1] <= (np.sqrt(lost) + np.sqrt(state.discarded)) * 1.0001
        assert holds(result, np.linalg.svd(m, compute_uv=False))
        beyond_squares += final > np.sqrt(lost + state.discarded) * (1 + 1e-9)
    assert beyond_squares > 0


def test_tiny_error():
    rng = np.random.default_rng(3)
    u, v = (np.linalg.qr(rng.standard_normal((n, 12)))[0] for n in (60, 200))
    s = np.concatenate([np.linspace(1, 0.5, 8), 2e-11 * np.ones(4)])
    m = (u * s) @ v.T
    config = SVDConfig(features=60, rank=8, axis=1, engine="brand", oversample=0)
    result, state = stream(np.split(m, 10, axis=1), config)
    error = np.linalg.norm(m - result.basis @ (result.basis.T @ m))
    assert abs(np.sqrt(state.discarded) / error - 1) <= 1e-3
    bounds = result.certificate
    assert bounds.error[0] <= error <= bounds.error[1] <= error * 1.001 + 2 * bounds.allowance


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
    kept = state.factor if config.layout(_space(m)) != "basis" else state.factor * state.sigma
    if config.layout(_space(m)) == "basis":
        rest = scatter.T @ scatter - kept.astype(float) @ kept.T.astype(float)
        assert abs(np.trace(rest) - state.discarded) <= 1e-5 * np.trace(scatter.T @ scatter)


def _space(m):
    from orthola._core.space import resolve

    return resolve("test", m)[0]


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


def test_graded_gram():
    rng = np.random.default_rng(12)
    n = 40_000  # rounding of the entries is then small beside the least singular values
    u, v = (np.linalg.qr(rng.standard_normal((m, 14)))[0] for m in (14, n))
    m = (u * 10.0 ** -np.arange(14.0)) @ v.T
    s = accurate_values(m)
    found = {}
    for engine in ("exact-gram", "exact-r", "exact-refresh"):
        config = SVDConfig(features=14, rank=14, axis=1, engine=engine)
        found[engine], _ = stream(np.split(m, 8, axis=1), config)
        assert holds(found[engine], s)
    gram, exact, refreshed = found.values()
    assert gram.certificate.sigma_interval[-1, 1] >= 1e-9  # the floor is told
    assert abs(gram.singular_values[11] / s[11] - 1) > 0.1
    good = s >= 1e-8
    assert np.max(np.abs(exact.singular_values[good] - s[good])) <= 100 * EPS
    for result in (exact, refreshed):
        assert np.max(np.abs(result.singular_values[:12] / s[:12] - 1)) <= 1e-8
        low, high = result.certificate.sigma_interval[11]
        assert high - low <= 0.1 * s[11]
    # Squares in a basis of the first samples add nothing up along the stream.
    assert refreshed.certificate.allowance < exact.certificate.allowance


def accurate_values(m):
    """Singular values by one-sided Jacobi in extended precision, right in proportion to each."""
    a = np.ascontiguousarray(m, dtype=np.longdouble)
    for _ in range(12):
        most = 0.0
        for i in range(len(a) - 1):
            for j in range(i + 1, len(a)):
                p, q, r = a[i] @ a[i], a[j] @ a[j], a[i] @ a[j]
                most = max(most, abs(r) / np.sqrt(p * q))
                if r == 0:
                    continue
                z = (q - p) / (2 * r)
                t = (1 if z >= 0 else -1) / (abs(z) + np.sqrt(1 + z * z))
                c = 1 / np.sqrt(1 + t * t)
                a[i], a[j] = c * (a[i] - t * a[j]), c * (t * a[i] + a[j])
        if most < 1e-17:
            break
    return np.sort(np.sqrt(np.sum(a * a, axis=1)))[::-1].astype(float)


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


def test_many_updates_of_one_column_stay_orthonormal():
    rng = np.random.default_rng(16)
    base = rng.standard_normal((40, 12))
    config = SVDConfig(features=40, rank=6, axis=1, engine="brand", oversample=2)
    _, state = stream([base @ rng.standard_normal((12, 1)) for _ in range(1000)], config)
    u = state.factor[:, : int(state.rank)]
    assert np.abs(u.T @ u - np.eye(u.shape[1])).max() <= 100 * EPS


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_orthogonality_is_measured_and_restored(dtype):
    """Without it the departure of 80 columns passes 130 units in fewer updates than these."""
    rng = np.random.default_rng(18)
    config = SVDConfig(features=200, rank=70, axis=1, engine="brand", oversample=10)
    state, worst, m = orthola.svd_init(config, dtype=dtype), 0.0, []
    for part in range(60):
        decay = 0.97 ** np.roll(np.arange(200), part)[:, None]
        m.append((decay * rng.standard_normal((200, 3))).astype(dtype))
        state = orthola.svd_update(state, m[-1], config)
        worst = max(worst, departure(state))
    assert 20 * np.finfo(dtype).eps <= worst <= 80 * np.finfo(dtype).eps
    result = orthola.svd_result(state, config)
    assert holds(result, np.linalg.svd(np.concatenate(m, axis=1).astype(float), compute_uv=False))


def test_a_basis_far_from_orthonormal_is_mended_and_counted():
    rng = np.random.default_rng(19)
    config = SVDConfig(features=30, rank=6, axis=1, engine="brand", oversample=0)
    _, state = stream([rng.standard_normal((30, 12))], config)
    bent = state._replace(factor=state.factor + 1e-9 * rng.standard_normal((30, 6)))
    new = tended(_space(bent.factor), bent, ALWAYS)
    assert departure(new) <= 20 * EPS < 1e-10 < departure(bent)
    moved = np.linalg.norm((new.factor - bent.factor) * bent.sigma)
    assert moved <= new.allowance - bent.allowance <= 2 * moved
    assert tended(_space(state.factor), state, ALWAYS) is state


@pytest.mark.long
@pytest.mark.parametrize(
    ("features", "rank", "buffer", "updates", "dtype"),
    [
        (64, 5, "auto", 10**6, "float64"), (20, 5, 1, 10**5, "float64"),
        (160, 77, "auto", 10**6, "float64"), (160, 77, "auto", 10**6, "float32"),
        (20, 5, 1, 10**5, "float32"), (160, 77, 1, 10**5, "float64"),
    ],
    ids=["q8", "q8-1", "q80", "q80-single", "q8-1-single", "q80-1"],
)  # fmt: skip
def test_a_million_updates_of_one_column_stay_orthonormal(features, rank, buffer, updates, dtype):
    rng = np.random.default_rng(17)
    svd = orthola.IncrementalSVD(rank, axis=1, engine="brand", oversample=3, buffer=buffer)
    scatter, worst, looked = np.zeros((features, features)), 0.0, 0
    step = 1 if buffer == 1 else svd_width(rank + 3)
    for part in range(100):
        # The strong directions move on, so the basis never settles.
        decay = 0.9 ** np.roll(np.arange(features), part // 10)
        columns = decay[:, None] * rng.standard_normal((features, updates // 100))
        columns = columns.astype(dtype)
        scatter += columns.astype(float) @ columns.astype(float).T
        for column in np.split(columns, columns.shape[1], axis=1):
            svd.partial_fit(column)
            # All ages of a basis are looked at: those of the last truncations of each part.
            late = svd.samples_seen > (part + 1) * updates // 100 - 40 * step
            if late and svd.samples_seen % step == 0:
                worst, looked = max(worst, departure(svd.state)), looked + 1
    result, eps = svd.result(), np.finfo(dtype).eps
    print(f"{updates} updates, q = {rank + 3}: {worst / eps:.1f} eps at worst in {looked} looks")
    assert int(svd.state.columns) == updates
    assert looked >= 3000
    assert worst <= 100 * eps
    assert holds(result, np.sqrt(np.maximum(np.linalg.eigvalsh(scatter)[::-1], 0.0)))


def svd_width(kept):
    """Columns that the buffer collects."""
    return max(32, kept)


def departure(state):
    """Frobenius norm of what a basis lacks to an orthonormal one."""
    u = state.factor[:, : int(state.rank)].astype(float)
    return np.linalg.norm(u.T @ u - np.eye(u.shape[1]))


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
