"""Bounds hold for every stream; the identity of right compression behind them, with explicit V."""

import numpy as np
import pytest
import scipy.linalg

import orthola
from orthola._lowrank import host
from orthola._lowrank.appending import Part
from orthola._lowrank.rotations import rotation
from orthola._lowrank.state import SVDConfig
from tests.lowrank.streams import examined, random_stream, violations

CASES, LONG_CASES, LONG_RUNS = 2500, 10_000, 12


@pytest.mark.parametrize("part", range(5))
def test_certificates_are_never_violated(part):
    for seed in range(part * CASES // 5, (part + 1) * CASES // 5):
        assert not violations(random_stream(seed)), seed


@pytest.mark.long
@pytest.mark.parametrize("part", range(LONG_RUNS))
def test_certificates_are_never_violated_in_a_hundred_thousand_cases(part):
    first = 10**6 + part * LONG_CASES
    found = {seed: examined(random_stream(seed)) for seed in range(first, first + LONG_CASES)}
    wrong = [seed for seed, (events, _) in found.items() if events]
    worst = max(ratio for _, ratio in found.values())
    print(
        f"{LONG_CASES} cases from seed {first}: {len(wrong)} violations, worst ratio {worst:.15f}"
    )
    assert not wrong


def tree_of(rng, blocks, config, arity):
    """States with their right factors, joined `arity` at a time; (state, V)."""
    space = _space(config, blocks[0])
    nodes = []
    for a in blocks:
        empty = orthola.svd_init(config, dtype=a.dtype)
        state = orthola.svd_update(empty, a, config)
        nodes.append((state, turn_of(space, config, empty, a, state)))
    while len(nodes) > 1:
        level = []
        while nodes:
            size = int(rng.integers(2, arity + 1))
            group, nodes = nodes[:size], nodes[size:]
            one, v = group[0]
            for two, w in group[1:]:
                both = orthola.svd_merge(one, two, config)
                r = int(two.rank)
                turn = turn_of(space, config, one, two.factor[:, :r] * two.sigma[:r], both)
                corner = np.zeros((v.shape[0], r)), np.zeros((w.shape[0], v.shape[1]))
                v = np.block([[v, corner[0]], [corner[1], w]]) @ turn
                one = both
            level.append((one, v))
        nodes = level
    return nodes[0]


def turn_of(space, config, before, columns, after):
    """W with K = [U S, columns] taken to K W."""
    one = rotation(space, config, before, columns, None, after)
    return np.concatenate([one.upper, one.lower])


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
                turn = turn_of(_space(config, a), config, state, a, new)
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


def joined_by_any_columns(rng, children, config):
    """One node over children (state, V): any orthonormal columns W take [K_1 ... K_a] to K W.

    What K (I - W W^H) holds is handed in with the columns as a loss; the state itself keeps all
    columns that it is given.
    """
    states = [state for state, _ in children]
    k = np.concatenate([s.factor * s.sigma for s in states], axis=1)[:, _live(states)]
    w = rng.standard_normal((k.shape[1], int(rng.integers(1, 1 + min(k.shape)))))
    w = w + 1j * rng.standard_normal(w.shape) if np.iscomplexobj(k) else w
    w = np.linalg.qr(w)[0]
    lost = k - k @ w @ w.conj().T
    part = Part(
        columns=np.asfortranarray(k @ w),
        energy=sum(s.energy for s in states),
        discarded=sum(s.discarded for s in states) + np.linalg.norm(lost) ** 2,
        spectral=sum(s.spectral for s in states) + np.linalg.norm(lost, 2) ** 2,
        allowance=np.linalg.norm([s.allowance for s in states]) + _step(k),
        square_loss=0.0, sketch=None, sketch_shrink=0.0, sketch_trace=0.0,
    )  # fmt: skip
    empty = orthola.svd_init(config, dtype=k.dtype)
    kept = part.columns.copy()
    state = host.append_part(_space(config, k), config, "basis", empty, part)
    v = scipy.linalg.block_diag(*(v for _, v in children))
    return state, v @ w @ _turn(config, empty, kept, state)


def _step(k):
    """Rounding of one product with orthonormal columns."""
    return 2 * np.sqrt(k.shape[1]) * np.finfo(float).eps * np.linalg.norm(k)


def _turn(config, before, columns, after):
    """A rotation whose columns for small singular values are orthonormal too."""
    q, r = np.linalg.qr(turn_of(_space(config, columns), config, before, columns, after))
    return q * np.sign(np.diag(r).real)


def _live(states):
    return np.concatenate([np.arange(s.sigma.shape[0]) < int(s.rank) for s in states])


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("arity", [2, 4])
@pytest.mark.parametrize("is_stream", [False, True])
def test_theorem_holds_for_any_columns_at_all_nodes(is_complex, arity, is_stream):
    rng = np.random.default_rng(100 * arity + 10 * is_stream + is_complex)
    large = 0
    for _ in range(20):
        d = int(rng.integers(4, 30))
        widths = rng.integers(1, d + 1, int(rng.integers(2, 9)))
        config = SVDConfig(features=d, axis=1, engine="brand")
        m = rng.standard_normal((d, widths.sum())) * 10.0 ** -rng.uniform(0, 4, (d, 1))
        m = m + 1j * rng.standard_normal(m.shape) if is_complex else m
        nodes = []
        for a in np.split(m, np.cumsum(widths)[:-1], axis=1):
            empty = orthola.svd_init(config, dtype=a.dtype)
            state = orthola.svd_update(empty, a, config)
            nodes.append((state, _turn(config, empty, a, state)))
        while len(nodes) > 1:
            group, nodes = nodes[:arity], nodes[arity:]
            one = joined_by_any_columns(rng, group, config)
            nodes = [one, *nodes] if is_stream else [*nodes, one]
        (state, v), norm, n = nodes[0], np.linalg.norm(m), m.shape[1]
        if not is_stream:  # columns come in the order of the leaves
            m = m[:, _order(widths, arity)]
        limit = 50 * n * np.finfo(float).eps * norm**2
        hat = (state.factor * state.sigma)[:, : int(state.rank)]
        e = m - hat @ v.conj().T
        large += np.linalg.norm(e) > 0.1 * norm
        assert abs(np.linalg.norm(e) ** 2 - state.discarded) <= limit
        assert abs(np.sum(state.sigma**2) + state.discarded - norm**2) <= limit
        assert np.linalg.norm(m @ m.conj().T - hat @ hat.conj().T - e @ e.conj().T) <= limit
        assert np.linalg.norm(e @ v) ** 2 <= limit
        assert np.linalg.norm(e, 2) ** 2 <= state.spectral + limit
        bounds, s = (
            orthola.svd_result(state, config).certificate,
            np.linalg.svd(m, compute_uv=False),
        )
        low, high = bounds.sigma_interval[: len(s)].T
        assert np.all((low <= s[: len(low)]) & (s[: len(low)] <= high))
        assert bounds.error[0] <= np.linalg.norm(e) <= bounds.error[1]
        best = np.linalg.norm(s[int(state.rank) :])
        assert bounds.optimum_interval[0] <= best <= bounds.optimum_interval[1]
    assert large >= 10  # such columns lose much, and the identity is about what was lost


def _order(widths, arity):
    """Columns in the order in which a queue of `arity` nodes at a time leaves them."""
    nodes = np.split(np.arange(widths.sum()), np.cumsum(widths)[:-1])
    while len(nodes) > 1:
        group, nodes = nodes[:arity], nodes[arity:]
        nodes.append(np.concatenate(group))
    return nodes[0]


def test_order_and_tree():
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
