"""The pure functions: schedules, one step, first-step traps, the ball, all libraries."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import Status, dictionary_init, dictionary_result, dictionary_update
from orthola._core.scalars import Scalars
from orthola._core.space import resolve
from orthola._dictionary.objectives import frank_wolfe_gap
from orthola._dictionary.oracle import Oracle, maximiser, plan_oracle
from orthola._dictionary.schedules import SCHEDULES, rates
from tests.dictionary.sampling import codes, error, norm_of, samples, streamed
from tests.isolation import assert_same_kind, to_numpy

EPS = 2.0**-52
FIELDS = orthola.DictionaryState._fields[:-1]


def distance(one, two):
    """Largest difference of the arrays of two states or results, relative where above 1."""
    gaps = [0.0]
    for x, y in zip(one, two, strict=True):
        x, y = to_numpy(x), to_numpy(y)
        gaps.append(np.max(np.abs(x - y) / np.maximum(np.abs(x), 1.0)))
    return max(gaps)


@pytest.mark.parametrize("name", SCHEDULES)
def test_clipped_schedules(name):
    t = np.arange(20000.0)
    rho, gamma = rates(np, SCHEDULES[name], None, t)
    some = [0, 1, 14, 15, 300]
    scalar = np.transpose([rates(Scalars, SCHEDULES[name], None, float(s)) for s in some])
    assert np.allclose([rho[some], gamma[some]], scalar, rtol=8 * EPS, atol=0)
    if name == "published":
        assert np.array_equal(rho, 4.0 * (t + 1.0) ** -0.5)
        assert np.array_equal(gamma, 2.0 * (t + 2.0) ** -0.75)
        assert min(rho[0], gamma[0]) > 1
    else:
        assert np.all((rho >= 0) & (rho <= 1) & (gamma >= 0) & (gamma <= 1))
    rho, gamma = rates(np, SCHEDULES[name], 20.0, t)
    assert min(np.min(rho), np.min(gamma)) >= 0.05


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("lmo", ["exact", "inexact"])
@pytest.mark.parametrize("schedule", ["default", "theory", "published", "sfw"])
def test_stays_in_ball(schedule, lmo, dtype):
    n = 12
    y, _ = samples(600, n, complex_=dtype.startswith("complex"))
    state = dictionary_init(n, rng=0, schedule=schedule, dtype=dtype)
    eps = np.finfo(dtype).eps
    for part in np.split(y.astype(dtype), 60):
        state = dictionary_update(state, part, lmo=lmo)
        assert norm_of(state) <= 1.0 + n * eps
    assert state.iterate.dtype == dtype


@pytest.mark.parametrize("method", ["svd", "polar"])
def test_lmo_value(method):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((8, 8))
    space, _ = resolve("test", z)
    s = maximiser(space, Oracle(method), z, orthola.haar(8, rng=1))
    best = np.linalg.svd(z, compute_uv=False).sum()
    assert abs(np.sum(s * z) - best) <= 1e-7 * best  # it leans towards A by sqrt(eps)
    for k in range(20):
        other = orthola.haar(8, rng=k + 2)
        assert np.sum(other * z) <= best


def test_lmo_selects_the_maximiser_nearest_the_iterate():
    rng = np.random.default_rng(1)
    z = np.outer(rng.standard_normal(6), rng.standard_normal(6))
    space, _ = resolve("test", z)
    a = orthola.haar(6, rng=2)
    s = maximiser(space, Oracle("svd"), z, a)
    u, _, vh = np.linalg.svd(z)
    left, right = u[:, 1:], vh[1:].T
    nearest = np.outer(u[:, 0], vh[0]) + left @ orthola.polar(left.T @ a @ right).unitary @ right.T
    assert np.max(np.abs(s - nearest)) <= 1e-6


def test_inexact_lmo_falls_back():
    rng = np.random.default_rng(2)
    n = 30
    u, v = orthola.haar(n, shape=2, rng=rng)
    z = (u * np.geomspace(1.0, 1e-8, n)) @ v
    space, _ = resolve("test", z)
    plan = plan_oracle(space, "inexact", n, concrete=True)
    a = orthola.haar(n, rng=3)
    s = maximiser(space, plan, z, a)
    assert np.max(np.abs(s - maximiser(space, Oracle("svd"), z, a))) <= 1e-7
    unchecked = maximiser(space, plan._replace(checked=False), z, a)
    assert np.linalg.norm(unchecked @ unchecked.T - np.eye(n)) > 0.1
    # Where the plan is long enough it is used, and passes its own test.
    z = (u * np.geomspace(1.0, 2e-3, n)) @ v
    s = maximiser(space, plan, z, a)
    assert 0 < np.linalg.norm(s @ s.T - np.eye(n)) <= 0.1


@pytest.mark.parametrize("backend", ["torch", "jax", "strict-restricted"], indirect=True)
def test_batch_one_first_step(backend):
    y, _ = samples(1, 6, 0.9)
    options = {"rng": 0, "dtype": "float64"}
    one = dictionary_init(6, **options)._replace(n_samples=np.asarray(5))
    expected = dictionary_update(one, y)
    other = dictionary_init(6, xp=backend.xp, device=backend.device, **options)
    other = other._replace(n_samples=other.n_samples + 5)
    got = dictionary_update(other, backend.asarray(y))
    assert int(expected.step) == 1
    assert np.max(np.abs(to_numpy(got.iterate) - expected.iterate)) <= 1e-6


def test_warm_up_averages_whatever_the_cuts_are():
    y, _ = samples(40, 10)
    whole = dictionary_update(dictionary_init(10, rng=0, warmup=40), y)
    state = dictionary_init(10, rng=0, warmup=40)
    for part in np.split(y, [1, 2, 15, 39]):
        assert int(state.step) == 0
        state = dictionary_update(state, part)
    assert int(state.step) == 1
    assert np.max(np.abs(state.iterate - whole.iterate)) <= 1e-12
    few = dictionary_update(dictionary_init(10, rng=0), y[:9])
    assert int(few.step) == 0
    assert int(dictionary_result(few).status) == Status.NOT_CONVERGED
    assert np.array_equal(few.iterate, orthola.haar(10, rng=0))


def test_zero_start_refused():
    with pytest.raises(ValueError, match="spectral norm"):
        dictionary_init(4, init=np.zeros((4, 4)))
    with pytest.raises(ValueError, match="spectral norm"):
        dictionary_init(4, init=1.1 * np.eye(4))


def test_flat_start_escapes():
    # A Hadamard start: every |<a_i, d_j>| is equal, stationary for the population.
    h = np.array([[1.0]])
    for _ in range(3):
        h = np.block([[h, h], [h, -h]])
    y = codes(np.random.default_rng(0), 30000, 8, 0.3)
    state = streamed(y, 10, init=h / np.sqrt(8.0))
    assert error(state, np.eye(8)) <= 2e-3


def test_scale_of_start_forgotten():
    y, _ = samples(300, 8)
    start = orthola.haar(8, rng=3)
    one, half = (streamed(y, 10, init=c * start) for c in (1.0, 0.5))
    assert np.max(np.abs(one.iterate - half.iterate)) <= 1e-12


@pytest.mark.parametrize("k", [-900, 900, 3])
@pytest.mark.parametrize("complex_", [False, True])
def test_data_scale(k, complex_):
    y, _ = samples(200, 6, complex_=complex_)
    options = {"rng": 0, "dtype": y.dtype}
    one, two = dictionary_init(6, **options), dictionary_init(6, **options)
    for part in np.split(y, 20):
        one, two = dictionary_update(one, part), dictionary_update(two, part * 2.0**k)
    for name in set(FIELDS) - {"scale"}:
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert two.scale == one.scale * 2.0**k
    first, second = dictionary_result(one), dictionary_result(two)
    assert np.array_equal(first.dictionary, second.dictionary)
    assert second.noise == first.noise * 2.0**k
    whole, scaled = (orthola.orthogonal_dictionary(c * y, rng=0) for c in (1.0, 2.0**k))
    assert np.array_equal(whole.dictionary, scaled.dictionary)


def test_rank_deficient_data():
    n, k = 8, 5
    y = np.zeros((2000, n))
    y[:, :k] = samples(2000, k)[0]
    state = streamed(y, 10, init=np.eye(n))
    for refine in (False, True):
        found = dictionary_result(state, refine=refine)
        assert np.max(np.abs(found.dictionary[k:, k:] - np.eye(n - k))) <= 1e-12
        assert np.max(np.abs(found.dictionary[:k, k:])) <= 1e-12
    assert int(found.status) == Status.RANK_DEFICIENT
    assert int(orthola.orthogonal_dictionary(y, rng=0).status) == Status.RANK_DEFICIENT


def test_theta_one_gaussian():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((20000, 6))
    state = streamed(y, 10)
    found = dictionary_result(state)
    assert int(found.status) == Status.OK
    gap = frank_wolfe_gap(state.iterate, rng.standard_normal((20000, 6)))
    assert 0 <= gap <= 0.5  # of an objective of 6 gamma_3 = 9.6


def test_duplicate_rows():
    row = samples(1, 6, 0.9)[0]
    state = streamed(np.repeat(row, 50, axis=0), 10)
    assert norm_of(state) <= 1 + 6 * EPS
    assert int(dictionary_result(state).status) == Status.RANK_DEFICIENT


def test_zero_rows():
    state = streamed(np.zeros((30, 5)), 10)
    assert np.max(np.abs(state.iterate - orthola.haar(5, rng=1))) <= 20 * EPS
    assert float(state.scale) == 0.0
    y, d = samples(6000, 5)
    y[::7] = 0.0
    assert error(streamed(y, 10, state=state), d) <= 5e-3
    empty = dictionary_update(state, np.zeros((0, 5)))
    assert empty is state


def test_one_row_and_n_one():
    state = streamed(samples(1, 4)[0] + 1.0, 1, warmup=0)
    assert (int(state.n_samples), int(state.step)) == (1, 0)
    state = streamed(samples(200, 1)[0], 10)
    found = dictionary_result(state)
    assert abs(abs(found.dictionary[0, 0]) - 1.0) <= 4 * EPS
    assert int(found.status) == Status.OK


def test_counter_past_2_24():
    y, _ = samples(10, 5)
    state = dictionary_update(dictionary_init(5, rng=0, dtype="float32"), y.astype("float32"))
    many = 2**24 + 1
    state = state._replace(step=np.asarray(many), n_samples=np.asarray(2 * many))
    state = dictionary_update(state, y.astype("float32")[:1])
    assert (int(state.step), int(state.n_samples)) == (many + 1, 2 * many + 1)
    assert state.step.dtype == np.int64


def test_input_not_mutated():
    y, _ = samples(50, 5)
    state = dictionary_init(5, rng=0)
    for x in (y, *state[:-1]):
        x.flags.writeable = False
    kept = y.copy(), [np.array(x) for x in state[:-1]]
    later = dictionary_update(state, y)
    dictionary_update(later, y[::-2])
    dictionary_update(later, np.asfortranarray(y))
    assert np.array_equal(y, kept[0])
    assert all(np.array_equal(x, z) for x, z in zip(state[:-1], kept[1], strict=True))


@pytest.mark.parametrize("backend", ["numpy", "torch", "strict-restricted"], indirect=True)
def test_nan_row_leaves_state(backend):
    y, _ = samples(60, 5)
    bad = y[20:40].copy()
    bad[3, 2] = np.nan
    state = dictionary_init(5, rng=0, xp=backend.xp, device=backend.device, dtype="float64")
    for dirty in (bad, np.where(np.isnan(bad), np.inf, bad)):
        with pytest.raises(ValueError, match="1 rows"):
            dictionary_update(state, backend.asarray(dirty))
    state = dictionary_update(state, backend.asarray(y[:20]))
    skipped = dictionary_update(state, backend.asarray(bad), check_finite=False)
    clean = dictionary_update(state, backend.asarray(np.delete(bad, 3, axis=0)))
    assert (int(skipped.n_samples), int(skipped.n_skipped)) == (40, 1)
    assert np.max(np.abs(to_numpy(skipped.iterate) - to_numpy(clean.iterate))) <= 1e-13
    assert int(dictionary_result(skipped).status) == Status.NONFINITE
    none = dictionary_update(state, backend.asarray(np.full((4, 5), np.nan)), check_finite=False)
    assert int(none.n_skipped) == 4
    for name in set(FIELDS) - {"n_samples", "n_skipped"}:
        assert np.array_equal(to_numpy(getattr(none, name)), to_numpy(getattr(state, name))), name


def test_row_out_of_reach_is_refused():
    y, _ = samples(20, 5)
    state = dictionary_update(dictionary_init(5, rng=0), y)
    with pytest.raises(ValueError, match="as large as those of the first call"):
        dictionary_update(state, 1e80 * y)
    assert int(dictionary_update(state, 1e80 * y, check_finite=False).n_skipped) == np.sum(
        y.any(axis=1)
    )


SAME = ["numpy-readonly", "torch", "jax", "strict-restricted"]


@pytest.mark.parametrize("backend", SAME, indirect=True)
def test_same_numbers_same_seed(backend):
    y, _ = samples(1200, 10)
    state = dictionary_init(10, rng=0, xp=backend.xp, device=backend.device, dtype="float64")
    expected = dictionary_init(10, rng=0)
    for part in np.split(y, 100):
        state = dictionary_update(state, backend.asarray(part))
        expected = dictionary_update(expected, part)
    assert int(state.step) == 100
    assert distance(state[:-1], expected[:-1]) <= 1e-10
    found = dictionary_result(state)
    assert distance(found, dictionary_result(expected)) <= 1e-10
    assert_same_kind(found.dictionary, state.iterate, shape=(10, 10))
    assert_same_kind(found.gap, state.iterate, shape=())


@pytest.mark.parametrize("backend", ["numpy", "torch"], indirect=True)
def test_batch_equals_loop(backend):
    kind = "complex128"
    y = np.stack([samples(120, 6, 0.9, seed=k, complex_=True)[0] for k in range(3)])
    y[1, 70, 0] = np.nan  # only this item loses a row
    y[2] *= 2.0**40
    stack = dictionary_init(6, rng=0, shape=3, xp=backend.xp, dtype=kind)
    loop = [dictionary_init(6, init=to_numpy(stack.iterate)[k], window=None) for k in range(3)]
    for first in range(0, 120, 8):
        part = y[:, first : first + 8]
        stack = dictionary_update(stack, backend.asarray(part), check_finite=False)
        loop = [dictionary_update(x, part[k], check_finite=False) for k, x in enumerate(loop)]
    found = dictionary_result(stack)
    for k, x in enumerate(loop):
        item = [to_numpy(field)[k] for field in stack[:-1]]
        assert distance(item, x[:-1]) <= 1e-10
        assert int(found.status[k]) == int(dictionary_result(x).status)


@pytest.mark.parametrize("backend", ["jax"], indirect=True)
def test_jit_scan_equals_loop(backend):
    import jax

    def step(state, batch):
        return dictionary_update(state, batch), None

    y, _ = samples(160, 8, 0.9)
    batches = backend.asarray(y.reshape(20, 8, 8))
    state = dictionary_init(8, rng=0, xp=backend.xp, dtype="float64")
    scanned, _ = jax.jit(lambda s, b: jax.lax.scan(step, s, b))(state, batches)
    assert scanned.options is state.options
    assert distance(scanned[:-1], streamed(y, 8, seed=0)[:-1]) <= 1e-10


@pytest.mark.parametrize("backend", ["jax"], indirect=True)
def test_jax_vmap_over_states_and_inexact_steps(backend):
    import jax

    y, _ = samples(24, 6, 0.9)
    states = dictionary_init(6, rng=0, shape=2, xp=backend.xp, dtype="float64")
    assert len(jax.tree.leaves(states)) == len(FIELDS)
    mapped = jax.jit(jax.vmap(lambda s, x: dictionary_update(s, x, lmo="inexact")))(
        states, backend.asarray(y.reshape(2, 12, 6))
    )
    assert isinstance(mapped, orthola.DictionaryState)
    for k in range(2):
        item = dictionary_init(6, init=to_numpy(states.iterate)[k])
        item = dictionary_update(item, y[12 * k : 12 * k + 12])
        a = to_numpy(mapped.iterate)[k]
        assert np.linalg.norm(a, 2) <= 1 + 6 * EPS
        assert np.linalg.norm(a - item.iterate, 2) <= 0.1
        assert distance([mapped.gradient[k]], [item.gradient]) <= 1e-12


@pytest.mark.parametrize("backend", ["torch"], indirect=True)
def test_torch_vmap_and_compile_keep_options(backend):
    import torch

    y, _ = samples(24, 6)
    state = dictionary_init(6, rng=0, xp=backend.xp, dtype="float64", shape=2)
    part = backend.asarray(np.stack([y[:12], y[12:]]))
    expected = dictionary_update(state, part)
    mapped = torch.func.vmap(dictionary_update)(state, part)
    assert mapped.options == state.options
    assert distance(mapped[:-1], expected[:-1]) <= 1e-12
    compiled = torch.compile(dictionary_update, backend="eager")(state, part)
    assert distance(compiled[:-1], expected[:-1]) <= 1e-12


@pytest.mark.parametrize("dtype", ["float32", "complex64", "float16"])
@pytest.mark.parametrize("backend", ["numpy", "torch"], indirect=True)
def test_single_precision_states(backend, dtype):
    y, d = samples(9000, 6, complex_=dtype == "complex64")
    kind = "float32" if dtype == "float16" else dtype
    state = dictionary_init(6, rng=0, xp=backend.xp, dtype=dtype)
    for part in np.split(y, 900):
        state = dictionary_update(state, backend.asarray(part, dtype))
    assert str(state.iterate.dtype).endswith(kind)
    found = dictionary_result(state)
    assert orthola.dictionary_recovery(found.dictionary, d.astype(kind)).err4 <= 2e-3


@pytest.mark.parametrize("p", [2.5, 3, 4])
@pytest.mark.parametrize("complex_", [False, True])
def test_other_powers(p, complex_):
    y, d = samples(20000, 8, complex_=complex_)
    assert error(streamed(y, 10, p=p), d) <= 4e-3


def test_memory_flat():
    # The state is all there is: its size after many rows is that of the beginning.
    import tracemalloc

    y, _ = samples(1000, 4)
    state = streamed(y, 1)
    before = sum(x.nbytes for x in state[:-1])
    tracemalloc.start()
    state = streamed(y, 1, state=state)
    first = tracemalloc.get_traced_memory()[0]
    for _ in range(3):
        state = streamed(y, 1, state=state)
    growth = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    assert sum(x.nbytes for x in state[:-1]) == before
    assert growth <= 4096


def test_explain_says_how_the_linear_problem_is_solved():
    state, y = dictionary_init(6, rng=0), np.ones((3, 6))
    plan = orthola.explain(dictionary_update, state, y)
    assert plan["linear problem"] == "exact, by the SVD"
    assert plan["kernel"].endswith("dictionary_steps")
    assert (
        "products" in orthola.explain(dictionary_update, state, y, lmo="inexact")["linear problem"]
    )
    with orthola.options(kernels=False):
        assert "text" in orthola.explain(dictionary_update, state, y)["kernel"]
