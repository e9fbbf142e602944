"""The Python driver and the lax driver do the same, and both respect the bound."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from orthola._core.loops import bounded_while
from orthola._core.space import resolve
from tests.isolation import to_numpy

TARGETS = np.array([2.0, 3.0, 10.0], dtype="float32")


class Root(NamedTuple):
    """Square roots of several numbers by Newton's method, finished ones frozen."""

    value: Any
    steps: Any  # steps used, per number


def newton_roots(targets: Any, *, limit: int, tolerance: float = 1e-6) -> Root:
    space, (targets,) = resolve("test", targets)
    xp = space.xp

    def far(state: Root) -> Any:
        return xp.abs(state.value * state.value - targets) > tolerance * targets

    def body(state: Root) -> Root:
        moving = far(state)
        new = 0.5 * (state.value + targets / state.value)
        return Root(xp.where(moving, new, state.value), state.steps + xp.astype(moving, xp.int32))

    start = Root(targets, xp.zeros_like(targets, dtype=xp.int32))
    return bounded_while(space, lambda state: xp.any(far(state)), body, start, limit=limit)


def by_hand(target: np.float32, limit: int) -> tuple[float, int]:
    value, steps = target, 0
    while steps < limit and abs(value * value - target) > np.float32(1e-6) * target:
        value, steps = np.float32(0.5) * (value + target / value), steps + 1
    return float(value), steps


@pytest.mark.parametrize("limit", [0, 1, 3, 50])
def test_all_libraries_do_what_a_plain_loop_does(backend, limit):
    x = backend.asarray(TARGETS)
    value, steps = backend.call(newton_roots, x, limit=limit)
    expected = [by_hand(target, limit) for target in TARGETS]
    np.testing.assert_array_equal(to_numpy(steps), [count for _, count in expected])
    # Compilers may contract a product and a sum: one rounding less in each of the few steps.
    np.testing.assert_allclose(to_numpy(value), [root for root, _ in expected], rtol=4 * 2.0**-23)


def test_the_bound_is_respected_where_the_condition_never_ends(backend):
    def count(x, *, limit):
        space, (x,) = resolve("test", x)
        return bounded_while(
            space, lambda s: space.xp.all(s < 1e9), lambda s: s + 1, x, limit=limit
        )

    start = backend.asarray(np.zeros(1, "float32"))
    for limit in (0, 1, 7):
        assert to_numpy(backend.call(count, start, limit=limit)) == [limit]


def test_nothing_runs_where_the_condition_is_false_at_once(backend):
    def never(x):
        space, (x,) = resolve("test", x)
        return bounded_while(space, lambda s: space.xp.any(s < 0), lambda s: s + 1, x, limit=5)

    assert to_numpy(backend.call(never, backend.asarray(np.ones(1, "float32")))) == [1.0]


def test_nan_in_the_state_ends_the_loop_instead_of_running_on(backend):
    def until_small(x):
        space, (x,) = resolve("test", x)
        return bounded_while(space, lambda s: space.xp.any(s > 0), lambda s: s - 1, x, limit=9)

    assert np.isnan(to_numpy(backend.call(until_small, backend.asarray(np.array([np.nan])))))[0]


def test_python_looks_at_the_condition_once_a_step(monkeypatch):
    space, (x,) = resolve("test", np.zeros(1))
    seen = []

    def goes_on(state):
        seen.append(float(state[0]))
        return np.asarray(state[0] < 2)

    assert bounded_while(space, goes_on, lambda s: s + 1, x, limit=10) == 2
    assert seen == [0.0, 1.0, 2.0]


def test_jax_takes_the_lax_driver_traced_or_not():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    space, (x,) = resolve("test", jax.numpy.zeros(1))
    traced = []

    def body(state):
        traced.append(isinstance(state, jax.core.Tracer))
        return state + 1

    assert bounded_while(space, lambda s: s[0] < 3, body, x, limit=10) == 3
    assert traced == [True]


def test_vmap_freezes_what_is_finished():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    batched = jax.vmap(lambda target: newton_roots(target[None], limit=50))(
        jax.numpy.asarray(TARGETS)
    )
    expected = [by_hand(target, 50)[1] for target in TARGETS]
    np.testing.assert_array_equal(batched.steps[:, 0], expected)
