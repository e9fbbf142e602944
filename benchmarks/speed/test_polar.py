"""Speed of ``polar`` and ``orthogonalize`` against their peers, answers judged in the same run.

Time is never asserted: a goal that is missed shows as a number in the table.
"""

from typing import Any

import pytest

from benchmarks.speed import contenders as who
from benchmarks.speed.accuracy import polar_limits
from benchmarks.speed.protocol import Case
from benchmarks.speed.report import NO_GOAL, Compare, Goal, Outcome

PEER_SLACK = 100  # a peer further from our targets than this was called wrongly
ORTHOGONALIZE_ALLOWANCE = 2e-4  # what float32 rounding may do to the composed polynomial

Shape = tuple[int, ...]
TINY_STACK: Shape = (10000, 3, 3)
SMALL_STACK: Shape = (4000, 8, 8)
MEDIUM_STACK: Shape = (500, 32, 32)
TORCH_STACK: Shape = (200, 64, 64)

dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


def grid(name: str, *quick: Any, full: tuple[Any, ...] = ()) -> pytest.MarkDecorator:
    """Parametrize; every run has the values ``quick``, and ``--quick`` leaves out ``full``."""
    more = [pytest.param(value, marks=pytest.mark.full, id=_id(value)) for value in full]
    return pytest.mark.parametrize(name, [*(pytest.param(v, id=_id(v)) for v in quick), *more])


def _id(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return getattr(getattr(value, "prepare", value), "__name__", str(value))


def judge_polar(outcome: Outcome) -> None:
    """Ours meets its target, or is at least as accurate as the peer; the peer is sane."""
    for measure, limit in polar_limits(outcome.case).items():
        ours, peer = outcome.ours[measure], outcome.peer[measure]
        assert peer <= PEER_SLACK * limit, (measure, peer)
        assert ours <= max(limit, peer), (measure, ours, limit, peer)


@dtypes
@grid("n", 64, 256, full=(128, 512, 1024, 2048))
def test_square_against_scipy(compare: Compare, n: int, dtype: str) -> None:
    goal = Goal(cpu=1.0 if n >= 256 else None, wall=1.2 if n >= 1024 else None)
    case = Case("polar", (n, n), dtype)
    judge_polar(compare(case, who.orthola_polar, who.scipy_polar, goal))


@dtypes
@grid("n", full=(512,))
def test_ill_conditioned_square_against_scipy(compare: Compare, n: int, dtype: str) -> None:
    case = Case("polar", (n, n), dtype, condition=1e8)
    judge_polar(compare(case, who.orthola_polar, who.scipy_polar, Goal(cpu=1.0)))


@dtypes
@grid("peer", who.scipy_polar, full=(who.numpy_svd_route,))
@grid("shape", (1024, 256), full=((2048, 128), (8192, 256)))
def test_tall(compare: Compare, shape: Shape, peer: Any, dtype: str) -> None:
    goal = Goal(cpu=3.0 if dtype == "float32" else 1.5)
    judge_polar(compare(Case("polar", shape, dtype), who.orthola_polar, peer, goal))


@dtypes
@grid("shape", TINY_STACK, full=(SMALL_STACK, MEDIUM_STACK))
def test_stack_against_scipy_loop(compare: Compare, shape: Shape, dtype: str) -> None:
    goal = Goal(cpu={TINY_STACK: 100.0, SMALL_STACK: 20.0, MEDIUM_STACK: 4.0}[shape])
    case = Case("polar", shape, dtype)
    judge_polar(compare(case, who.orthola_polar, who.scipy_polar_loop, goal))


@dtypes
@grid("shape", TINY_STACK, MEDIUM_STACK, full=(SMALL_STACK,))
def test_stack_against_numpy_svd_route(compare: Compare, shape: Shape, dtype: str) -> None:
    goal = Goal(cpu={TINY_STACK: 15.0, SMALL_STACK: 6.0, MEDIUM_STACK: 2.5}[shape])
    case = Case("polar", shape, dtype)
    judge_polar(compare(case, who.orthola_polar, who.numpy_svd_route, goal))


@grid("peer", who.scipy_polar, who.numpy_svd)
def test_single_tiny_matrix(compare: Compare, peer: Any) -> None:
    """Almost nothing but the cost of a call; ``numpy.linalg.svd`` alone is the yardstick of one."""
    judge_polar(compare(Case("polar", (3, 3)), who.orthola_polar, peer))


@dtypes
@grid("ours", who.orthola_polar, who.orthola_polar_jax)
@grid("n", 256, full=(512, 1024))
def test_square_against_jax(compare: Compare, n: int, ours: Any, dtype: str) -> None:
    judge_polar(compare(Case("polar", (n, n), dtype), ours, who.jax_polar, Goal(cpu=5.0)))


@dtypes
@grid("peer", who.torch_svd_route, full=(who.torch_polar,))
@grid("ours", who.orthola_polar, who.orthola_polar_torch)
@grid("shape", TINY_STACK, full=(TORCH_STACK,))
def test_stack_against_torch(
    compare: Compare, shape: Shape, ours: Any, peer: Any, dtype: str
) -> None:
    goal = Goal(cpu=3.0) if shape == TORCH_STACK else NO_GOAL
    judge_polar(compare(Case("polar", shape, dtype), ours, peer, goal))


@grid("peer", who.torch_muon_float32, who.optax_muon, who.torch_muon_installed)
@grid("shape", (512, 2048), full=((1024, 1024),))
def test_orthogonalize(compare: Compare, shape: Shape, peer: Any) -> None:
    """Ours is as near to orthogonal as the peer's, and has the singular vectors of the input."""
    goal = Goal(cpu=1.0 if shape[0] == shape[1] else 1.5)
    if peer is who.torch_muon_installed:
        goal = NO_GOAL  # half the precision: shown for what the optimiser really runs
    case = Case("orthogonalize", shape, "float32")
    outcome = compare(case, who.orthola_orthogonalize, peer, goal)
    ours = outcome.ours
    assert ours["sigma_distance"] <= outcome.peer["sigma_distance"] + ORTHOGONALIZE_ALLOWANCE
    assert ours["asymmetry"] <= ORTHOGONALIZE_ALLOWANCE
    assert ours["psd_violation"] <= ORTHOGONALIZE_ALLOWANCE
