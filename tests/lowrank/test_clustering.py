"""`cluster_blocks`: every group within its limit, planted groups found, few trials."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import Status, cluster_blocks
from orthola.testing import dtype_name, gaussian
from tests.isolation import to_numpy

METHODS = ("merge", "norm", "residual", "incremental")
ROUNDING = 1e-12  # of errors, relative to norms


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def planted(count=60, d=64, width=6, groups=4, rank=5, noise=0.0, dtype="float64", seed=0):
    """Blocks (d, width) of random strengths, each from one of several spaces, and which."""
    rng = np.random.default_rng(seed)
    spaces = np.linalg.qr(gaussian(d, rank, shape=(groups,), dtype=dtype, rng=rng))[0]
    which = np.arange(count) % groups
    blocks = []
    for g in which:
        block = spaces[g] @ gaussian(rank, width, dtype=dtype, rng=rng)
        dust = gaussian(d, width, dtype=dtype, rng=rng)
        dust = dust * (noise * np.linalg.norm(block) / np.linalg.norm(dust))
        blocks.append(((block + dust) * np.exp(rng.standard_normal())).astype(dtype))
    return blocks, which


def joined(blocks, labels, cluster):
    return np.concatenate([blocks[j] for j in np.flatnonzero(labels == cluster)], axis=1)


def assert_proven(found, blocks, rank, max_error):
    """Dense decompositions of all clusters against everything that was promised."""
    labels, errors = to_numpy(found.labels), to_numpy(found.errors)
    assert sorted(set(labels.tolist())) == list(range(labels.max() + 1))
    blocks = [to_numpy(x).astype(np.result_type(to_numpy(x).dtype, np.float64)) for x in blocks]
    for c, (basis, certificate) in enumerate(zip(found.bases, found.certificates, strict=True)):
        m, u = joined(blocks, labels, c), to_numpy(basis)
        assert np.sum(labels == c) > 1
        s, norm = np.linalg.svd(m, compute_uv=False), np.linalg.norm(m)
        optimum = np.linalg.norm(s[rank:])
        measured = np.linalg.norm(m - u @ (h(u) @ m))
        assert optimum <= measured + ROUNDING * norm
        assert measured <= errors[c] * norm * (1 + ROUNDING)
        assert errors[c] <= max_error + ROUNDING
        low, high = to_numpy(certificate.optimum_interval)
        assert low <= optimum + ROUNDING * norm
        assert optimum <= high
        interval = to_numpy(certificate.sigma_interval)[: len(s)]
        assert np.all(interval[:, 0] <= s[: len(interval)])
        assert np.all(s[: len(interval)] <= interval[:, 1])
        own = int(to_numpy(found.ranks)[c])
        assert np.linalg.norm(s[own:]) <= max_error * norm + ROUNDING * norm
    for j, error in enumerate(to_numpy(found.block_errors)):
        if labels[j] < len(found.bases):
            u = to_numpy(found.bases[labels[j]])
            outside = np.linalg.norm(blocks[j] - u @ (h(u) @ blocks[j]))
            assert outside <= error * np.linalg.norm(blocks[j]) * (1 + ROUNDING)
        else:
            assert error == 0


def counted(found, blocks, rank):
    """The compression ratio, by definition."""
    d, labels = blocks[0].shape[0], to_numpy(found.labels)
    numbers = 0
    for c in range(labels.max() + 1):
        n = sum(blocks[j].shape[1] for j in np.flatnonzero(labels == c))
        numbers += min(rank * (d + n), d * n) if np.sum(labels == c) > 1 else d * n
    return d * sum(x.shape[1] for x in blocks) / numbers


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_planted_groups_are_found(dtype):
    blocks, which = planted(dtype=dtype)
    found = cluster_blocks(blocks, rank=5, max_error=0.05, axis=1)
    assert_proven(found, blocks, 5, 0.05)
    assert len(found.bases) == 4
    assert all(len(set(which[found.labels == c])) == 1 for c in range(4))
    oracle = 64 * 360 / (4 * 5 * (64 + 90))
    assert found.compression_ratio == pytest.approx(oracle, rel=1e-12)
    assert found.compression_ratio == pytest.approx(counted(found, blocks, 5), rel=1e-12)
    assert found.compression_ratio_adaptive >= found.compression_ratio


@pytest.mark.parametrize("seed", range(3))
def test_planted_columns_are_packed_as_well_as_can_be(seed):
    blocks, which = planted(400, d=96, width=1, groups=8, rank=4, noise=0.1, seed=seed)
    found = cluster_blocks(blocks, rank=16, max_error=0.2, axis=1)
    assert_proven(found, blocks, 16, 0.2)
    assert len(found.bases) == found.labels.max() + 1 == 2  # 8 spaces of 4 in two of 16
    assert all(len(set(found.labels[which == g])) == 1 for g in range(8))


@pytest.mark.parametrize("seed", range(3))
def test_infeasible_planted(seed):
    blocks, _ = planted(48, noise=0.075, seed=seed)
    found = cluster_blocks(blocks, rank=5, max_error=0.05, axis=1)
    assert_proven(found, blocks, 5, 0.05)
    best = max(
        cluster_blocks(blocks, rank=5, max_error=0.05, axis=1, method=method).compression_ratio
        for method in METHODS[1:]
    )
    assert found.compression_ratio > best
    assert found.trials <= 12 * len(blocks)


@pytest.mark.parametrize("order", ["norm", "residual"])
@pytest.mark.parametrize("method", METHODS[1:])
def test_greedy_methods_keep_the_limit(method, order):
    blocks, _ = planted(40, width=1, noise=0.05, seed=4)
    found = cluster_blocks(
        blocks, rank=8, max_error=0.25, axis=1, method=method, order=order, patience=3
    )
    assert_proven(found, blocks, 8, 0.25)
    assert found.compression_ratio == pytest.approx(counted(found, blocks, 8), rel=1e-12)
    merged = cluster_blocks(blocks, rank=8, max_error=0.25, axis=1)
    assert merged.compression_ratio >= found.compression_ratio


def test_non_monotone_group():
    # A weak block with an error of 0.71 by itself, and one a hundred times as strong.
    strong = 100 * np.outer(np.ones(6), np.ones(12)) / np.sqrt(72)
    weak = np.zeros((6, 12))
    weak[0, 0] = weak[1, 1] = np.sqrt(0.5)
    found = cluster_blocks([weak, strong], rank=1, max_error=0.02, axis=1)
    assert found.labels.tolist() == [0, 0]
    assert_proven(found, [weak, strong], 1, 0.02)
    assert found.block_errors[0] > 0.7
    each = cluster_blocks([weak, strong], rank=1, max_error=0.02, axis=1, per_block=True)
    assert each.labels.tolist() == [0, 1]
    assert each.bases == ()


def test_per_block_limits_hold_for_every_block():
    blocks, _ = planted(40, noise=0.05, seed=5)
    found = cluster_blocks(blocks, rank=5, max_error=0.06, axis=1, per_block=True)
    assert_proven(found, blocks, 5, 0.06)
    assert found.block_errors.max() <= 0.06
    assert len(found.bases) > 0
    # One of them is so weak that its directions count for nothing in any group.
    weak = [1e-5 * x if j == 7 else x for j, x in enumerate(blocks)]
    found = cluster_blocks(weak, rank=5, max_error=0.06, axis=1, per_block=True)
    assert found.block_errors.max() <= 0.06
    few = [np.eye(6)[:, :1], 1e-6 * np.eye(6)[:, 1:2], np.eye(6)[:, :2]] * 2
    found = cluster_blocks(few, rank=3, max_error=0.01, axis=1, per_block=True)
    assert found.block_errors.max() <= 0.01


def test_limits_at_both_ends():
    blocks, which = planted(24)
    exact = cluster_blocks(blocks, rank=5, max_error=0.0, axis=1)
    assert len(exact.bases) == 4
    assert all(len(set(exact.labels[which == g])) == 1 for g in range(4))
    assert exact.errors.max() < 1e-13
    noisy, _ = planted(24, noise=1e-6)
    assert cluster_blocks(noisy, rank=5, max_error=0.0, axis=1).bases == ()
    everything = cluster_blocks(blocks, rank=2, max_error=1.0, axis=1)
    assert not np.any(everything.labels)


@pytest.mark.parametrize("exponent", [-900, 900])
def test_huge_scale(exponent):
    blocks, _ = planted(24, noise=0.02)
    plain = cluster_blocks(blocks, rank=5, max_error=0.05, axis=1)
    found = cluster_blocks([np.ldexp(x, exponent) for x in blocks], rank=5, max_error=0.05, axis=1)
    assert np.array_equal(found.labels, plain.labels)
    assert np.allclose(found.errors, plain.errors, rtol=1e-9)
    ends = zip(found.certificates, plain.certificates, strict=True)
    assert all(np.allclose(f.error, np.ldexp(p.error, exponent), rtol=1e-9) for f, p in ends)


def test_complex_conjugate_and_rows():
    blocks, _ = planted(24, noise=0.02, dtype="complex128")
    found = cluster_blocks(blocks, rank=5, max_error=0.05, axis=1)
    rows = cluster_blocks([h(x) for x in blocks], rank=5, max_error=0.05)
    assert np.array_equal(found.labels, rows.labels)
    assert all(np.allclose(a, b) for a, b in zip(found.bases, rows.bases, strict=True))
    other = cluster_blocks([x.conj() for x in blocks], rank=5, max_error=0.05, axis=1)
    assert np.array_equal(found.labels, other.labels)
    x = h(blocks[3])
    u = rows.bases[rows.labels[3]]
    assert np.linalg.norm(x @ u @ h(u) - x) <= rows.block_errors[3] * np.linalg.norm(x)


@pytest.mark.parametrize("backend", ["numpy-readonly", "strict", "torch", "jax"], indirect=True)
def test_other_libraries_give_the_same_groups(backend):
    # Few shapes: a library may compile every one.
    blocks, _ = planted(4, d=8, width=4, groups=2, rank=2, noise=0.01, dtype="float32")
    arrays = [backend.asarray(x, "float32") for x in blocks]
    found = cluster_blocks(arrays, rank=2, max_error=0.05, axis=1)
    assert_proven(found, blocks, 2, 0.05)
    host = cluster_blocks(blocks, rank=2, max_error=0.05, axis=1)
    assert len(host.bases) == 2
    assert np.array_equal(to_numpy(found.labels), host.labels)
    assert type(found.labels) is type(found.errors) is type(found.bases[0]) is type(arrays[0])
    assert dtype_name(found.bases[0].dtype) == "float32"


def test_special_blocks():
    blocks, _ = planted(16, groups=2)
    blocks[3] = np.zeros((64, 4))
    blocks[5] = np.full((64, 2), np.nan)
    blocks[7] = np.zeros((64, 0))
    blocks.append(1e-200 * blocks[0])  # its squares are zero beside the others
    found = cluster_blocks(blocks, rank=5, max_error=0.05, axis=1)
    assert found.status.tolist() == [Status.NONFINITE if j == 5 else Status.OK for j in range(17)]
    assert found.labels[3] == 0
    assert all(np.sum(found.labels == found.labels[j]) == 1 for j in (5, 7, 16))
    assert len(found.bases) == 2
    assert not np.any(found.block_errors[[3, 5, 7, 16]])
    zeros = cluster_blocks(np.zeros((4, 3, 5)), rank=1, max_error=0.0)
    assert not np.any(zeros.labels)
    alone = cluster_blocks([blocks[0]], rank=5, max_error=0.05, axis=1)
    assert alone.labels.tolist() == [0]
    assert alone.compression_ratio == 1.0


def test_same_groups_every_time_and_input_untouched():
    blocks, _ = planted(30, noise=0.04, seed=6)
    kept = [x.copy() for x in blocks]
    first, second = (cluster_blocks(blocks, rank=5, max_error=0.05, axis=1) for _ in range(2))
    assert np.array_equal(first.labels, second.labels)
    assert all(np.array_equal(x, y) for x, y in zip(blocks, kept, strict=True))
    seeded = cluster_blocks(blocks, rank=5, max_error=0.05, axis=1, rng=7)
    assert_proven(seeded, blocks, 5, 0.05)


def test_many_groups_are_found_through_buckets(monkeypatch):
    # The search by random hyperplanes, which larger collections take, on a small one.
    monkeypatch.setattr("orthola._lowrank.cluster_candidates._EXACT", 50)
    monkeypatch.setattr("orthola._lowrank.cluster_candidates._LEAF", 16)
    blocks, _ = planted(240, d=40, width=2, groups=4, rank=5, noise=0.02, seed=8)
    found = cluster_blocks(blocks, rank=5, max_error=0.1, axis=1)
    assert len(found.bases) == found.labels.max() + 1 == 4
    assert found.trials <= 12 * len(blocks)


def test_static_mistakes():
    block = [np.ones((3, 2))]
    with pytest.raises(ValueError, match="did you mean 'merge'"):
        cluster_blocks(block, rank=1, max_error=0.1, method="merg")
    with pytest.raises(ValueError, match="order"):
        cluster_blocks(block, rank=1, max_error=0.1, order="?")
    with pytest.raises(ValueError, match=r"0\.0 <= max_error < inf"):
        cluster_blocks(block, rank=1, max_error=-0.1)
    with pytest.raises(ValueError, match="needs method='merge'"):
        cluster_blocks(block, rank=1, max_error=0.1, method="norm", per_block=True)
    with pytest.raises(ValueError, match="rank"):
        cluster_blocks(block, rank=0, max_error=0.1)
