"""`IncrementalSVD`: buffers, windows, merges, features that come later, mistakes."""

import itertools
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import orthola
from orthola import IncrementalSVD, Status
from tests.lowrank.feeding import DATA, RNG, fed, holds


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


def test_every_permutation_of_blocks():
    parts = np.array_split(DATA, 4)
    truth = np.linalg.svd(DATA, compute_uv=False)
    for order in itertools.islice(itertools.permutations(parts), 0, 24, 5):
        assert holds(fed(order, 4, engine="brand", buffer=1).result(), truth)


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


def test_downdate_through_the_shell():
    svd = fed(np.split(DATA, 3), 5, engine="exact-r").downdate(DATA[100:200])
    assert svd.samples_seen == 200
    truth = np.linalg.svd(np.delete(DATA, np.s_[100:200], axis=0), compute_uv=False)
    assert holds(svd.result(), truth)


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


def test_lists_are_taken_as_arrays_are():
    lists = IncrementalSVD(3, start=5).partial_fit(DATA.tolist())
    arrays = IncrementalSVD(3, start=5).partial_fit(DATA)
    assert lists.samples_seen == len(DATA)
    assert np.array_equal(lists.result().basis, arrays.result().basis)


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
    with pytest.raises(ValueError, match=r"expected a block of shape \(b, d\) for axis=0, got"):
        IncrementalSVD(3).partial_fit(DATA[None])
    with pytest.raises(ValueError, match=f"expected samples of length {DATA.shape[1]} for axis=0"):
        svd.transform(DATA[:, :5])
    with pytest.raises(TypeError, match="expected another IncrementalSVD, got SVDState"):
        svd.merge(svd.state)
    with pytest.raises(ValueError, match="batch >= 1"):
        svd.fit_blocks(DATA, batch=0)
    assert svd.samples_seen == len(DATA)
    state, config = svd.state, svd.config
    with pytest.raises(TypeError, match="expected an SVDConfig, got 3"):
        orthola.svd_init(3)
    other = replace(config, features=3)
    for call in (
        lambda: orthola.svd_update(state, DATA[:, :3], other),
        lambda: orthola.svd_downdate(state, DATA[:, :3], other),
        lambda: orthola.svd_merge(state, state, other),
        lambda: orthola.svd_result(state, other),
    ):
        with pytest.raises(ValueError, match="expected the config that the state was made with"):
            call()
    state, config = svd.state, svd.config
    with pytest.raises(ValueError, match="shape"):
        orthola.svd_update(state, DATA.T, config)
    with pytest.raises(ValueError, match="weights"):
        orthola.svd_update(state, DATA, config, weights=np.ones(3))
    svd.partial_fit(DATA.astype(np.float32))  # narrower data are widened
    assert svd.state.sketch.dtype == np.float64
