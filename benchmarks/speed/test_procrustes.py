"""Speed of ``procrustes`` against its peers, answers judged in the same run.

Time is never asserted: a goal that is missed shows as a number in the table.
"""

from typing import Any

import numpy as np
import pytest

from benchmarks.speed import alignment as who
from benchmarks.speed import symmetric_factors as symmetric
from benchmarks.speed.protocol import Case, Unavailable, peer
from benchmarks.speed.report import NO_GOAL, Compare, Goal, Outcome

Shape = tuple[int, ...]
STACK: Shape = (10_000, 20, 3)
MEDIUM_STACK: Shape = (200, 100, 64)
MILLION: Shape = (1_000_000, 3)
C_ORTHOGONAL, C_EXCESS, C_MISFIT, C_SYMMETRIC = 50.0, 20.0, 20.0, 20.0  # in n u
CONDITION = 1e6  # of points that are worth a refinement
CASES = 1000  # random weighted problems
ROUNDING = 1e-13

full = pytest.mark.full
sizes = pytest.mark.parametrize(
    "shape",
    [
        (100, 3),
        (1000, 100),
        *(
            pytest.param(shape, marks=full)
            for shape in (
                (10, 3),
                (1000, 10),
                (100, 64),
                (5000, 300),
                (20000, 300),
                (300, 300),
                (100_000, 3),
            )
        ),
    ],
    ids=lambda shape: "x".join(map(str, shape)),
)


def judge(outcome: Outcome) -> None:
    """Ours meets its target, or is as good as the peer."""
    n, u = outcome.case.shape[-1], float(np.finfo(outcome.case.dtype).eps) / 2
    for measure, c in (("orthogonality", C_ORTHOGONAL), ("excess", C_EXCESS)):
        ours, other = outcome.ours[measure], outcome.peer[measure]
        assert ours <= max(c * n * u, other), (measure, ours, other)


@sizes
@pytest.mark.parametrize("problem", [who.INDEPENDENT, "procrustes"])
def test_one_problem_against_scipy(compare: Compare, shape: Shape, problem: str) -> None:
    """SciPy gives no residual: where the fit is good, ours forms it from the points."""
    goal = Goal(cpu=2.0 if shape == (100, 3) else 1.0)
    judge(compare(Case(problem, shape), who.orthola_procrustes, who.scipy_procrustes, goal))


@sizes
@pytest.mark.parametrize("ours", [who.orthola_procrustes, who.orthola_same], ids=["auto", "same"])
def test_one_problem_in_single_precision(compare: Compare, shape: Shape, ours: Any) -> None:
    """By default sums are in double precision, which SciPy does not offer: shown, no goal."""
    judge(compare(Case("procrustes", shape, "float32"), ours, who.scipy_procrustes, NO_GOAL))


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=full)])
@pytest.mark.parametrize(
    ("contender", "goal"), [(who.scipy_loop, 30.0), (who.numpy_svd, 2.0)], ids=["loop", "svd"]
)
def test_stack(compare: Compare, contender: Any, goal: float, dtype: str) -> None:
    case = Case("procrustes", STACK, dtype)
    judge(compare(case, who.orthola_procrustes, contender, Goal(cpu=goal)))


@pytest.mark.parametrize(
    ("contender", "goal"),
    [(who.align_vectors_loop, 60.0), (who.theochem_rotational_loop, 75.0)],
    ids=["align_vectors", "qc-procrustes"],
)
def test_stack_of_rotations(compare: Compare, contender: Any, goal: float) -> None:
    case = Case("procrustes", STACK)
    judge(compare(case, who.orthola_rotations, contender, Goal(cpu=goal)))


@pytest.mark.parametrize("shape", [MEDIUM_STACK, pytest.param((2000, 50, 10), marks=full)], ids=str)
def test_larger_stack_against_batched_svd(compare: Compare, shape: Shape) -> None:
    case = Case("procrustes", shape)
    judge(compare(case, who.orthola_procrustes, who.numpy_svd, Goal(cpu=1.0)))


@pytest.mark.parametrize(
    ("ours", "unweighted"),
    [
        (who.orthola_weighted, who.orthola_procrustes),
        (who.orthola_weighted_shift, who.orthola_shift),
    ],
    ids=["plain", "translation"],
)
def test_a_million_weights(compare: Compare, ours: Any, unweighted: Any) -> None:
    """Against the same call without weights: they may double the time at most."""
    compare(Case("procrustes", MILLION), ours, unweighted, Goal(cpu=0.5))


@pytest.mark.parametrize(
    ("shape", "goal"),
    [((1000, 64), 2.0), pytest.param((400, 400), 3.0, marks=full)],
    ids=["1000x64", "400x400"],
)
def test_one_problem_against_qc_procrustes(compare: Compare, shape: Shape, goal: float) -> None:
    case = Case(who.INDEPENDENT, shape)
    judge(compare(case, who.orthola_procrustes, who.theochem_orthogonal, Goal(cpu=goal)))


@pytest.mark.parametrize(
    "shape", [(500, 50), pytest.param((10_000, 50), marks=full)], ids=["500x50", "10000x50"]
)
def test_refined_against_plain(compare: Compare, shape: Shape) -> None:
    """It may take three times the time, and wins back what the plain fit has lost."""
    case = Case(who.EXACT, shape, condition=CONDITION)
    outcome = compare(case, who.orthola_refined, who.orthola_plain, Goal(cpu=1 / 3))
    n, u = shape[-1], float(np.finfo(case.dtype).eps) / 2
    assert outcome.ours["orthogonality"] <= C_ORTHOGONAL * n * u
    assert outcome.ours["misfit"] <= C_MISFIT * n * u
    assert outcome.peer["misfit"] > 10 * outcome.ours["misfit"]


@pytest.mark.parametrize(
    "shape", [(40, 30), pytest.param((400, 300), marks=full)], ids=["40x30", "400x300"]
)
def test_symmetric_factor_against_qc_procrustes(compare: Compare, shape: Shape) -> None:
    case = Case(symmetric.PROBLEM, shape)
    goal = Goal(cpu=6.0 if shape == (400, 300) else None)
    outcome = compare(case, symmetric.orthola_symmetric, symmetric.theochem_symmetric, goal)
    u = float(np.finfo(case.dtype).eps) / 2
    for side in (outcome.ours, outcome.peer):
        assert side["asymmetry"] <= C_SYMMETRIC * shape[-1] * u
        assert side["slope"] <= C_SYMMETRIC * shape[-1] * u


def test_weights_against_qc_procrustes(compare: Compare) -> None:
    case = Case("procrustes", (8000, 3))
    judge(compare(case, who.orthola_weighted, who.theochem_weighted, Goal(cpu=100.0)))


@pytest.mark.parametrize("translation", [False, True])
def test_weighted_objective_is_never_above_the_peer(translation: bool) -> None:
    """For its rotation the peer is given the best shift, which it does not return."""
    import orthola

    try:
        orthogonal = peer("procrustes").orthogonal
    except Unavailable as reason:
        pytest.skip(str(reason))
    rng = np.random.default_rng(20240229)
    for _ in range(CASES):
        m, n = rng.integers(3, 30), rng.integers(2, 6)
        a, b = rng.standard_normal((2, m, n)) * 10.0 ** rng.uniform(-2, 2, (2, 1, n))
        w = rng.uniform(0.0, 2.0, m)
        fit = orthola.procrustes(a, b, weights=w, translation=translation)
        other = orthogonal(a, b, weight=w, translate=translation).t
        x, y = (t - (w @ t / w.sum() if translation else 0.0) for t in (a, b))
        ours, theirs = (
            w @ np.sum((x @ r - y) ** 2, axis=1) for r in (fit.transform.rotation, other)
        )
        assert ours <= theirs + ROUNDING * (w @ np.sum(x**2 + y**2, axis=1))
        assert abs(fit.residual**2 - ours) <= ROUNDING * (w @ np.sum(x**2 + y**2, axis=1))
