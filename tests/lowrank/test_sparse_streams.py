"""Sparse samples: never dense as a whole, one block however they are cut."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse

from orthola import IncrementalSVD
from tests.lowrank.feeding import DATA, holds
from tests.lowrank.test_right_factor import rows_of_v


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
    svd = IncrementalSVD(3, engine="exact-r").partial_fit(x.tocsr()[:, :20])
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
