"""`IncrementalSVD`: buffers, sources, files, windows, missing entries."""

import itertools
import tracemalloc

import numpy as np
import pytest
import scipy.sparse

import orthola
from orthola import IncrementalSVD, Status
from orthola._core import storage, tuning

RNG = np.random.default_rng(0)
DATA = RNG.standard_normal((300, 40)) @ np.diag(0.85 ** np.arange(40))


def fed(blocks, *args, **options):
    svd = IncrementalSVD(*args, **options)
    for block in blocks:
        svd.partial_fit(block)
    return svd


def holds(result, truth):
    low, high = result.certificate.sigma_interval.T
    n = min(len(low), len(truth))
    return bool(np.all(low[:n] <= truth[:n]) and np.all(truth[:n] <= high[:n]))


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one.state, two.state, strict=True))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("engine", ["brand", "exact-r", "exact-gram"])
@pytest.mark.parametrize("center", [False, True])
def test_buffer_changes_only_rounding(axis, engine, center):
    x = DATA if axis == 0 else DATA.T
    parts = [x[i : i + 1] if axis == 0 else x[:, i : i + 1] for i in range(300)]
    options = {"axis": axis, "engine": engine, "center": center, "oversample": 32}
    one = fed(parts, 6, **options)
    assert one.samples_seen == 300
    two = IncrementalSVD(6, **options, buffer=1).partial_fit(x)
    truth = np.linalg.svd(DATA - DATA.mean(0) if center else DATA, compute_uv=False)
    for svd in (one, two):
        result = svd.result()
        assert holds(result, truth)
        assert np.allclose(result.singular_values, truth[:6], rtol=1e-12)
    centred = x - (DATA.mean(0) if axis == 0 else DATA.mean(0)[:, None]) * center
    basis = one.result().basis
    expected = centred @ basis if axis == 0 else basis.T @ centred
    assert np.allclose(one.transform(x), expected, atol=1e-12)


def test_weights_through_the_buffer():
    w = RNG.random(300)
    svd = IncrementalSVD(5, engine="exact-r")
    for i in range(0, 300, 30):
        svd.partial_fit(DATA[i : i + 30], None if i == 60 else w[i : i + 30])
    w[60:90] = 1.0
    truth = np.linalg.svd(DATA * np.sqrt(w)[:, None], compute_uv=False)
    assert np.allclose(svd.result().singular_values, truth[:5], rtol=1e-12)
    with pytest.raises(ValueError, match="weights"):
        svd.partial_fit(DATA[:3], -w[:3])


@pytest.mark.parametrize("options", [
    {"engine": "brand"}, {"engine": "exact-r"}, {"engine": "exact-gram", "center": True},
    {"engine": "brand", "center": True, "forget": 0.9}, {"engine": "brand", "window": 4},
    {"tol": 0.1, "engine": "brand"},
])  # fmt: skip
def test_kill_and_resume(tmp_path, options):
    rank = None if "tol" in options else 5
    parts = np.array_split(DATA, 12)
    whole = fed(parts[:6], rank, **options)
    whole.save(tmp_path / "svd.npz")
    resumed = IncrementalSVD.load(tmp_path / "svd.npz")
    assert same(whole, resumed)
    for part in parts[6:]:
        whole.partial_fit(part)
        resumed.partial_fit(part)
    assert same(whole, resumed)
    assert np.array_equal(whole.result().basis, resumed.result().basis)
    if "window" not in options:
        with pytest.raises(ValueError, match="in here already"):
            whole.merge(resumed)


def test_interrupted_source_goes_on(tmp_path):
    class Stop(Exception):
        pass

    def progress(done, total, certificate):
        assert total == 300
        assert certificate.error.shape == (2,)
        svd.save(tmp_path / "svd.npz")
        if done >= 128:
            raise Stop

    whole = IncrementalSVD(5, engine="brand").fit_blocks(DATA, batch=32)
    svd = IncrementalSVD(5, engine="brand")
    with pytest.raises(Stop):
        svd.fit_blocks(DATA, batch=32, progress=progress)
    resumed = IncrementalSVD.load(tmp_path / "svd.npz")
    assert resumed.samples_seen == 128
    resumed.fit_blocks(DATA, batch=32, resume=True)
    assert same(whole, resumed)


def test_sources(tmp_path):
    import h5py
    import zarr

    truth = np.linalg.svd(DATA, compute_uv=False)
    np.save(tmp_path / "x.npy", DATA)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = file.create_dataset("x", data=DATA, chunks=(70, 40))
        chunked = zarr.create_array(store={}, shape=(300, 40), chunks=(70, 40), dtype="float64")
        chunked[:] = DATA
        sources = {
            "array": DATA,
            "memmap": np.load(tmp_path / "x.npy", mmap_mode="r"),
            "h5py": stored,
            "zarr": chunked,
            "generator": (DATA[i : i + 7] for i in range(0, 300, 7)),
            "sparse": scipy.sparse.coo_array(DATA),
        }
        for name, source in sources.items():
            svd = IncrementalSVD(5, engine="exact-r").fit_blocks(source)
            assert svd.samples_seen == 300, name
            assert np.allclose(svd.result().singular_values, truth[:5], rtol=1e-12), name
        rest = IncrementalSVD(5, engine="exact-r").partial_fit(DATA[:100])
        rest.fit_blocks(stored, batch=70, resume=True)
        assert np.allclose(rest.result().singular_values, truth[:5], rtol=1e-12)
    columns = IncrementalSVD(5, axis=1).fit_blocks(DATA.T, batch=50)
    assert np.allclose(columns.result().singular_values, truth[:5], rtol=1e-12)


def test_merge():
    one, two = fed([DATA[:100]], 5, center=True), fed([DATA[100:]], 5, center=True)
    truth = np.linalg.svd(DATA - DATA.mean(0), compute_uv=False)
    empty = IncrementalSVD(5, center=True).merge(two)
    assert empty.samples_seen == 200
    one.merge(two).merge(IncrementalSVD(5, center=True))
    assert one.samples_seen == 300
    assert np.allclose(one.result().singular_values, truth[:5], rtol=1e-12)
    with pytest.raises(ValueError, match="in here already"):
        one.merge(two)
    with pytest.raises(ValueError, match="in here already"):
        one.merge(one)
    with pytest.raises(ValueError, match="expected a stream with"):
        one.merge(fed([DATA], 6, center=True))


@pytest.mark.parametrize("engine", ["brand", "exact-r"])
def test_window_swing(engine):
    rng = np.random.default_rng(1)
    blocks = [10.0 ** (3 * np.sin(t / 7)) * rng.standard_normal((2, 8)) for t in range(400)]
    svd = IncrementalSVD(8, engine=engine, window=10)
    for t, block in enumerate(blocks):
        svd.partial_fit(block)
        if t % 23 == 0 or t == 399:
            m = np.concatenate(blocks[max(0, t - 9) : t + 1])
            truth = np.linalg.svd(m, compute_uv=False)
            result = svd.result()
            n = min(len(truth), 8)
            gap = np.max(np.abs(result.singular_values[:n] - truth[:n]))
            assert gap <= 1e-12 * truth[0]
            assert holds(result, truth)
    with pytest.raises(ValueError, match="window"):
        svd.downdate(blocks[0])


@pytest.mark.parametrize("how", ["mean", "project"])
def test_nan_imputed(how):
    rng = np.random.default_rng(2)
    full = rng.standard_normal((200, 3)) @ rng.standard_normal((3, 30))
    holes = np.where(rng.random(full.shape) < 0.05, np.nan, full)
    holes[50] = np.nan
    with pytest.raises(ValueError, match="finite"):
        IncrementalSVD(3).partial_fit(holes)
    svd = IncrementalSVD(3, missing=how, engine="brand", buffer=20)
    svd.partial_fit(full[:40])
    assert int(svd.result().status) == Status.OK
    for i in range(40, 200, 20):
        svd.partial_fit(holes[i : i + 20])
    result = svd.result()
    assert int(result.status) == Status.UNCERTIFIED
    assert svd.samples_seen == 199  # the sample of which nothing is known is left out
    truth = np.linalg.svd(full, compute_uv=False)[:3]
    assert np.allclose(result.singular_values, truth, rtol=0.1 if how == "mean" else 0.01)


def rows_of_v(svd):
    blocks = dict(svd.right_blocks())
    return np.concatenate([blocks[t] for t in range(len(blocks))])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("center", "forget", "kind"),
    [(False, 1.0, "float64"), (True, 1.0, "complex128"), (True, 0.7, "float64")],
)
def test_right_factor_from_logged_rotations(tmp_path, axis, center, forget, kind):
    rng = np.random.default_rng(6)
    x = (DATA + 3.0 + 0.5j * DATA[::-1]).astype(kind) if kind == "complex128" else DATA + 3.0
    svd = IncrementalSVD(
        4, axis=axis, center=center, forget=forget, log_rotations=True, sketch=2, buffer=40
    )
    cuts = (20, 21, 150, 180, 290)
    parts, weights = np.split(x, cuts), np.split(rng.random(300), cuts)
    weights[2] = np.zeros(129)  # samples that do not count
    sizes = []
    for i, (part, w) in enumerate(zip(parts, weights, strict=True)):
        svd.partial_fit(part if axis == 0 else part.T, w)
        sizes.append(np.full(len(part), forget ** (len(parts) - 1 - i)))
        if i == 3:
            svd.save(tmp_path / "svd.npz")
            svd = IncrementalSVD.load(tmp_path / "svd.npz")
    w = np.concatenate(weights) * np.concatenate(sizes)
    m = x - (w @ x / w.sum()) * center
    m = m * np.sqrt(w)[:, None]
    m = m.conj().T if axis == 0 else m.T
    state = svd.state
    r, v = int(state.rank), rows_of_v(svd)
    unit = np.ldexp(1.0, int(state.scale))
    approximation = (state.factor[:, :r] * state.sigma[:r] * unit) @ v.conj().T
    error = np.linalg.norm(m - approximation)
    assert np.isclose(error**2, state.discarded * unit**2, rtol=1e-10)
    assert np.allclose(v.conj().T @ v, np.eye(r), atol=1e-11)


def test_right_factor_that_is_not_known_any_more():
    rng = np.random.default_rng(7)
    head = np.diag(np.linspace(30.0, 10.0, 10)) @ np.eye(10, 30)
    drip = [2.0 * np.eye(30)[10:11]] * 400
    svd = fed([head, *drip], 10, log_rotations=True, oversample=0, sketch=4, buffer=1)
    assert int(svd.result().status) == Status.NOT_EXACT
    with pytest.raises(ValueError, match="side sketch"):
        svd.right_blocks()
    kept = fed([head, *drip], 10, log_rotations=True, oversample=0, buffer=1)
    assert np.isclose(kept.state.discarded, np.linalg.norm(drip) ** 2)
    assert rows_of_v(kept).shape == (410, 10)
    kept.downdate(drip[0])
    with pytest.raises(ValueError, match="downdate"):
        kept.right_blocks()
    with pytest.raises(ValueError, match="log_rotations"):
        IncrementalSVD(10).merge(kept)
    for options in ({"window": 3}, {"engine": "exact-r"}, {"engine": "randomized"}):
        with pytest.raises(ValueError, match="log_rotations"):
            IncrementalSVD(4, log_rotations=True, **options)
    with pytest.raises(ValueError, match="log_rotations"):
        fed([rng.standard_normal((5, 4))], 2).right_blocks()


def test_rotations_of_the_first_file_format(tmp_path):
    svd = fed(np.array_split(DATA, 9), 4, log_rotations=True, buffer=1)
    svd.save(tmp_path / "new.npz")
    stored = storage.load(tmp_path / "new.npz", "svd stream", version=2)
    arrays = {name: x for name, x in stored.arrays.items() if not name.startswith("rotation")}
    for i, one in enumerate(svd._in.rotations):
        arrays[f"rotation.{i}"] = np.concatenate([one.upper, one.lower])
    header = stored.header | {"rotations": [len(one.roots) for one in svd._in.rotations]}
    storage.save(tmp_path / "old.npz", "svd stream", 1, arrays, header)
    old = IncrementalSVD.load(tmp_path / "old.npz")
    assert np.array_equal(rows_of_v(old), rows_of_v(svd))


@pytest.mark.parametrize("engine", ["brand", "exact-r", "exact-gram"])
def test_features_that_come_later(engine):
    svd = fed([DATA[:100]], 5, engine=engine, oversample=35).extend_features(10)
    rest = RNG.standard_normal((50, 50))
    svd.partial_fit(rest)
    whole = np.concatenate([np.pad(DATA[:100], ((0, 0), (0, 10))), rest])
    truth = np.linalg.svd(whole, compute_uv=False)
    result = svd.result()
    assert result.basis.shape == (50, 5)
    assert holds(result, truth)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("center", [False, True])
def test_sparse_input(axis, center):
    rng = np.random.default_rng(3)
    x = scipy.sparse.random_array((400, 500), density=0.01, rng=rng)
    dense = x.toarray()
    m = dense if axis == 0 else dense.T
    m = m - m.mean(0) if center else m
    truth = np.linalg.svd(m, compute_uv=False)
    for options in ({}, {"engine": "stack", "power": 1}):
        svd = IncrementalSVD(6, axis=axis, center=center, **options).partial_fit(x)
        result = svd.result()
        assert holds(result, truth)
        error = np.linalg.norm(m - m @ result.basis @ result.basis.T)
        assert error <= result.certificate.error[1]
        assert np.isclose(result.norm, np.linalg.norm(m), rtol=1e-12)
        assert np.allclose(result.mean, (dense if axis == 0 else dense.T).mean(0))
    # Narrow features: dense slices, exact.
    svd = IncrementalSVD(3, engine="exact-r").partial_fit(x[:, :20])
    assert np.allclose(
        svd.result().singular_values, np.linalg.svd(dense[:, :20], compute_uv=False)[:3]
    )


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("options", [
    {"window": 2, "engine": "brand"},
    {"window": 2, "center": True},
    {"forget": 0.5, "center": True},
    {"forget": 0.5, "engine": "exact-r"},
    {"forget": 0.5, "log_rotations": True, "oversample": 20},
])  # fmt: skip
def test_sparse_blocks_are_units_however_they_are_cut(axis, options):
    rng = np.random.default_rng(8)
    x = scipy.sparse.random_array((240, 200), density=0.05, rng=rng, format="csr")
    cuts = ((0, 100), (100, 110), (110, 240))
    dense = x.toarray()
    svd = IncrementalSVD(3, axis=axis, **options)
    for start, stop in cuts:
        svd.partial_fit(x[start:stop] if axis == 0 else x[start:stop].T)
    assert svd.samples_seen == 240
    if "window" in options:
        m, w = dense[100:], np.ones(140)
    else:
        m, w = dense, np.repeat([0.25, 0.5, 1.0], [100, 10, 130])
    m = m - (w @ m / w.sum()) * options.get("center", False)
    m = m * np.sqrt(w)[:, None]
    truth, result = np.linalg.svd(m, compute_uv=False), svd.result()
    assert np.isclose(result.norm, np.linalg.norm(m), rtol=1e-12)
    assert holds(result, truth)
    assert np.linalg.norm(m - m @ result.basis @ result.basis.T) <= result.certificate.error[1]
    if "log_rotations" in options:
        r, state = int(svd.state.rank), svd.state
        error = m.T - (state.factor[:, :r] * state.sigma[:r]) @ rows_of_v(svd).T
        assert np.isclose(np.linalg.norm(error) ** 2, state.discarded, rtol=1e-10)


def test_a_bad_sparse_block_is_rejected_whole():
    x = scipy.sparse.csr_array(np.pad(DATA, ((0, 0), (0, 60))))
    bad = x.copy()
    bad.data[-1] = np.nan
    for options in ({}, {"forget": 0.5}, {"engine": "brand"}):
        svd = IncrementalSVD(3, **options)
        with pytest.raises(ValueError, match="finite"):
            svd.partial_fit(bad)
        assert svd.config is None
        svd.partial_fit(x)
        before = svd.state
        for wrong, weights in ((bad, None), (x[:, :5], None), (x, -np.ones(300)), (x * 1j, None)):
            with pytest.raises(ValueError, match="expected"):
                svd.partial_fit(wrong, weights)
        assert all(np.array_equal(a, b) for a, b in zip(before, svd.state, strict=True))


def test_sparse_memory():
    rng = np.random.default_rng(4)
    n, d, k = 40_000, 20_000, 4
    rows, columns = rng.integers(0, n, 80_000), rng.integers(0, d, 80_000)
    x = scipy.sparse.csr_array((rng.random(80_000), (rows, columns)), shape=(n, d))
    svd = IncrementalSVD(k, center=True)
    tracemalloc.start()
    svd.partial_fit(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    q = svd.config.capacity
    given = x.data.nbytes + x.indices.nbytes + x.indptr.nbytes
    assert peak < 8 * 10 * (d + n // 4) * q + 4 * given  # a dense copy would be 6.4e9
    assert svd.result().certificate.error[1] > 0


def test_memory_does_not_grow_with_the_number_of_blocks():
    peaks = []
    data = np.tile(DATA, (1, 20))
    for blocks in (40, 400):
        svd = IncrementalSVD(4, engine="brand")
        svd.partial_fit(data[:100])
        tracemalloc.start()
        for i in range(blocks):
            svd.partial_fit(data[i % 40 : i % 40 + 5])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= 1.1 * peaks[0]


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


def test_arguments():
    for options in (
        {"rank": 3, "tol": 0.1}, {"rank": 0}, {"tol": -1.0}, {"energy": 2.0}, {"axis": 2},
        {"engine": "magic"}, {"max_rank": 3}, {"forget": 0.0}, {"window": 0}, {"missing": "guess"},
        {"oversample": -1},
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError)):
            IncrementalSVD(**options)
    svd = IncrementalSVD(3)
    with pytest.raises(ValueError, match="samples"):
        svd.result()
    with pytest.raises(ValueError, match="samples"):
        svd.save("nowhere")
    with pytest.raises(ValueError, match="finite"):
        svd.partial_fit(np.full((2, 4), np.inf))
    svd.partial_fit(DATA)  # the bad block left nothing behind
    for wrong in (DATA[:, :5], DATA.astype(complex), DATA[0]):
        with pytest.raises(ValueError, match="expected"):
            svd.partial_fit(wrong)
    state, config = svd.state, svd.config
    with pytest.raises(ValueError, match="shape"):
        orthola.svd_update(state, DATA.T, config)
    with pytest.raises(ValueError, match="weights"):
        orthola.svd_update(state, DATA, config, weights=np.ones(3))
    svd.partial_fit(DATA.astype(np.float32))  # narrower data are widened
    assert svd.state.sketch.dtype == np.float64


def test_downdate_through_the_shell():
    svd = fed(np.split(DATA, 3), 5, engine="exact-r").downdate(DATA[100:200])
    assert svd.samples_seen == 200
    truth = np.linalg.svd(np.delete(DATA, np.s_[100:200], axis=0), compute_uv=False)
    assert holds(svd.result(), truth)


def test_every_permutation_of_blocks():
    parts = np.array_split(DATA, 4)
    truth = np.linalg.svd(DATA, compute_uv=False)
    for order in itertools.islice(itertools.permutations(parts), 0, 24, 5):
        assert holds(fed(order, 4, engine="brand", buffer=1).result(), truth)
