"""Speed of `householder_product` and `householder_apply`, answers judged in the same run.

Time is never asserted: a goal that is missed shows as a number in the table.
"""

from typing import Any

import numpy as np
import pytest

from benchmarks.speed import reflectors as who
from benchmarks.speed.protocol import Case
from benchmarks.speed.report import NO_GOAL, Compare, Goal, Outcome

C_ERROR = 10  # in units of sqrt(m) eps, relative
C_SLOPE = 50
PEER_SLACK = 100

Shape = tuple[int, ...]
full = pytest.mark.full
dtypes = pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=full)])


def judge(outcome: Outcome) -> None:
    eps = float(np.finfo(outcome.case.dtype).eps)
    m = outcome.case.shape[-2]
    # What rounding does to Q, and the error of a central difference with step STEP.
    limits = {"error": C_ERROR * m**0.5 * eps, "slope": C_SLOPE * m * eps + 1e-8}
    for measure, found in outcome.ours.items():
        assert found <= limits[measure], (measure, found)
        assert outcome.peer[measure] <= PEER_SLACK * limits[measure], (measure, outcome.peer)


def shapes(goals: dict[Shape, float], quick: tuple[Shape, ...]) -> pytest.MarkDecorator:
    """Parametrize over shapes and goals; ``--quick`` takes those named."""
    cases = [
        pytest.param(
            shape, goal, id="x".join(map(str, shape)), marks=() if shape in quick else full
        )
        for shape, goal in goals.items()
    ]
    return pytest.mark.parametrize(("shape", "goal"), cases)


@dtypes
@shapes(
    {
        (256, 256): 4.0,
        (512, 512): 8.0,
        (1024, 1024): 12.0,
        (1024, 64): 100.0,
        (4096, 64): 1000.0,
        (2000, 16, 16): 2.0,
    },
    quick=((256, 256), (1024, 64), (2000, 16, 16)),
)
def test_product_with_its_gradient(compare: Compare, shape: Shape, goal: float, dtype: str) -> None:
    case = Case("householder product + gradient", shape, dtype)
    judge(compare(case, who.orthola_torch, who.torch_functions, Goal(cpu=goal)))


FORWARD = {(256, 256): 0.95, (1024, 1024): 0.95, (1024, 64): 1.1, (4096, 64): 1.1}


@dtypes
@pytest.mark.parametrize(
    ("ours", "peer"),
    [
        pytest.param(who.orthola_numpy, who.lapack_functions, id="lapack"),
        pytest.param(who.orthola_torch, who.torch_functions, id="torch"),
    ],
)
@shapes(FORWARD, quick=((256, 256), (1024, 64)))
def test_product_alone(
    compare: Compare, shape: Shape, goal: float, ours: Any, peer: Any, dtype: str
) -> None:
    judge(compare(Case("householder product", shape, dtype), ours, peer, Goal(cpu=goal)))


@dtypes
@pytest.mark.parametrize("columns", who.COLUMNS)
@pytest.mark.parametrize("shape", [(1024, 32), (1024, 1024)], ids=["1024x32", "1024x1024"])
def test_multiplication(compare: Compare, shape: Shape, columns: int, dtype: str) -> None:
    case = Case(f"householder apply {columns}", shape, dtype)
    judge(compare(case, who.orthola_torch, who.torch_functions, Goal(cpu=1.5)))


@dtypes
def test_multiplication_of_arrays(compare: Compare, dtype: str) -> None:
    case = Case("householder apply 32", (1024, 1024), dtype)
    judge(compare(case, who.orthola_numpy, who.lapack_functions, NO_GOAL))


@dtypes
@pytest.mark.parametrize("shape", [(1024, 32), (1024, 1024)], ids=["1024x32", "1024x1024"])
def test_multiplication_with_its_gradient(compare: Compare, shape: Shape, dtype: str) -> None:
    case = Case("householder apply 32 + gradient", shape, dtype)
    judge(compare(case, who.orthola_torch, who.torch_functions, Goal(cpu=50.0)))
