"""Bounds hold for every stream; the identity of right compression behind them, with explicit V."""

import numpy as np
import pytest

import orthola
from orthola._lowrank.rotations import rotation
from orthola._lowrank.state import SVDConfig
from tests.lowrank.streams import random_stream, violations

CASES, LONG_CASES, LONG_RUNS = 2500, 10_000, 12


@pytest.mark.parametrize("part", range(5))
def test_certificates_are_never_violated(part):
    for seed in range(part * CASES // 5, (part + 1) * CASES // 5):
        assert not violations(random_stream(seed)), seed


@pytest.mark.long
@pytest.mark.parametrize("part", range(LONG_RUNS))
def test_certificates_are_never_violated_in_a_hundred_thousand_cases(part):
    first = 10**6 + part * LONG_CASES
    wrong = [seed for seed in range(first, first + LONG_CASES) if violations(random_stream(seed))]
    print(f"{LONG_CASES} cases from seed {first}: {len(wrong)} violations")
    assert not wrong


def tree_of(rng, blocks, config, arity):
    """States with their right factors, joined `arity` at a time; (state, V)."""
    space = _space(config, blocks[0])
    nodes = []
    for a in blocks:
        empty = orthola.svd_init(config, dtype=a.dtype)
        state = orthola.svd_update(empty, a, config)
        nodes.append((state, rotation(space, empty, a, state)))
    while len(nodes) > 1:
        level = []
        while nodes:
            size = int(rng.integers(2, arity + 1))
            group, nodes = nodes[:size], nodes[size:]
            one, v = group[0]
            for two, w in group[1:]:
                both = orthola.svd_merge(one, two, config)
                r = int(two.rank)
                turn = rotation(space, one, two.factor[:, :r] * two.sigma[:r], both)
                corner = np.zeros((v.shape[0], r)), np.zeros((w.shape[0], v.shape[1]))
                v = np.block([[v, corner[0]], [corner[1], w]]) @ turn
                one = both
            level.append((one, v))
        nodes = level
    return nodes[0]


def _space(config: SVDConfig, like: np.ndarray):
    from orthola._core.space import resolve

    return resolve("test", like)[0]


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("arity", [1, 2, 4])
def test_theorem_of_right_compression(is_complex, arity):
    rng = np.random.default_rng(arity)
    for _ in range(25):
        d, q = int(rng.integers(4, 30)), int(rng.integers(1, 6))
        widths = rng.integers(1, min(q + 6, 32), int(rng.integers(1, 9)))
        config = SVDConfig(features=d, rank=q, axis=1, engine="brand", oversample=0, sketch=0)
        m = rng.standard_normal((d, widths.sum()))
        m = m + 1j * rng.standard_normal(m.shape) if is_complex else m
        blocks = np.split(m, np.cumsum(widths)[:-1], axis=1)
        if arity == 1:
            state, v = tree_of(rng, blocks[:1], config, 2)
            for a in blocks[1:]:
                new = orthola.svd_update(state, a, config)
                turn = rotation(_space(config, a), state, a, new)
                v = np.concatenate([v @ turn[: v.shape[1]], turn[v.shape[1] :]])
                state = new
        else:
            state, v = tree_of(rng, blocks, config, arity)
        r, norm, n = int(state.rank), np.linalg.norm(m), m.shape[1]
        limit = 50 * n * np.finfo(float).eps * norm**2
        hat = state.factor[:, :r] * state.sigma[:r]
        e = m - hat @ v.conj().T
        assert abs(np.linalg.norm(e) ** 2 - state.discarded) <= limit
        assert np.linalg.norm(m @ m.conj().T - hat @ hat.conj().T - e @ e.conj().T) <= limit
        assert np.linalg.norm(e @ v) ** 2 <= limit
        tail = np.sum(np.linalg.svd(m, compute_uv=False)[q:] ** 2)
        assert state.discarded <= int(state.levels) * tail * (1 + 1e-12) + limit


def test_merge_tree_of_any_shape_gives_overlapping_intervals():
    rng = np.random.default_rng(0)
    m = rng.standard_normal((40, 120)) * 0.8 ** np.arange(40)[:, None]
    truth = np.linalg.svd(m, compute_uv=False)
    for engine in ("brand", "exact-r"):
        config = SVDConfig(features=40, rank=6, axis=1, engine=engine)
        found = []
        for arity in (2, 3, 8):
            states = [
                orthola.svd_update(orthola.svd_init(config), m[:, cut], config)
                for cut in np.array_split(rng.permutation(120), 11)
            ]
            while len(states) > 1:
                group, states = states[:arity], states[arity:]
                for other in group[1:]:
                    group[0] = orthola.svd_merge(group[0], other, config)
                states.append(group[0])
            found.append(orthola.svd_result(states[0], config))
        for result in found:
            low, high = result.certificate.sigma_interval.T
            assert np.all(low <= truth[: len(low)])
            assert np.all(truth[: len(low)] <= high)
        if engine == "exact-r":
            gap = [abs(x.singular_values - found[0].singular_values).max() for x in found]
            assert max(gap) <= 2 * found[0].certificate.allowance
