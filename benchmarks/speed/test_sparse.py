"""Speed of ``omp`` against its peers; supports and residuals are judged in the same run.

Time is never asserted: a goal that is missed shows as a number in the table.
"""

import pytest

from benchmarks.speed import pursuit_forms as forms
from benchmarks.speed import pursuits as who
from benchmarks.speed.protocol import Case
from benchmarks.speed.report import Compare, Goal, Outcome

SAME = 0.001  # of the signals may have another support: near ties
EXCESS = {"float64": 1e-12, "float32": 1e-4}  # residuals on equal supports, relative to the signal

full = pytest.mark.full
dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])
configurations = pytest.mark.parametrize(
    "name", [pytest.param("A", marks=full), "B", pytest.param("C", marks=full)]
)


def judge(outcome: Outcome, *, doubtful_peer: bool = False) -> None:
    """Supports and residuals are those of another method, for both contenders."""
    sides = [outcome.ours] if doubtful_peer else [outcome.ours, outcome.peer]
    limit = SAME if outcome.case.dtype == "float64" else 10 * SAME
    for side in sides:
        assert side["wrong"] <= limit, outcome
        assert side["excess"] <= EXCESS[outcome.case.dtype], outcome


@configurations
@dtypes
def test_against_scikit_learn(compare: Compare, name: str, dtype: str) -> None:
    """The Gram matrix is given to both. The peer may return float64 or stop in float32."""
    goal = Goal(cpu={"A": 30.0, "B": 40.0, "C": 25.0}[name])
    outcome = compare(who.case_of(name, dtype), who.orthola_omp, who.sklearn_gram, goal)
    judge(outcome, doubtful_peer=dtype == "float32")


@configurations
def test_against_spams(compare: Compare, name: str) -> None:
    """It is orthogonal least squares, in float64; both form the Gram matrix."""
    case = who.case_of(name, rule="ols")
    judge(compare(case, who.orthola_whole, who.spams_omp, Goal(cpu=1.5)))


@configurations
def test_against_dictlearn(compare: Compare, name: str) -> None:
    goal = Goal(cpu={"A": 2.0, "B": 2.5, "C": 1.5}[name])
    judge(compare(who.case_of(name), who.orthola_omp, who.dictlearn_gram, goal))


@configurations
def test_single_against_double_precision(compare: Compare, name: str) -> None:
    case = who.case_of(name, "float32")
    judge(compare(case, who.orthola_omp, who.orthola_double, Goal(cpu=1.5)))


@configurations
def test_least_squares_rule_against_the_usual_one(compare: Compare, name: str) -> None:
    """At most 1.3 times its time; the supports are others."""
    compare(who.case_of(name, rule="ols"), who.orthola_rule_ols, who.orthola_rule_omp, Goal(0.77))


@configurations
@dtypes
def test_two_threads_against_one(compare: Compare, name: str, dtype: str) -> None:
    goal = Goal(wall=1.8)
    judge(compare(who.case_of(name, dtype), who.orthola_omp, who.orthola_one_thread, goal))


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case.shape[0] == 64 else full) for case in forms.CASES],
    ids=lambda case: f"{case.problem} {case.shape[0]}x{case.shape[1]}",
)
def test_form_that_is_chosen_against_the_other(compare: Compare, case: Case) -> None:
    judge(compare(case, forms.chosen_form, forms.other_form, Goal(cpu=0.87)))
