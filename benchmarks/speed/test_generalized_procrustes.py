"""Speed of ``generalized_procrustes`` against qc-procrustes, answers judged in the same run."""

import pytest

from benchmarks.speed.generalized import orthola_generalized, theochem_generalized
from benchmarks.speed.protocol import Case
from benchmarks.speed.report import Compare, Goal

ROUNDING = 1e-12  # distances that a turn may change, relative; and what is as low as the peer


@pytest.mark.parametrize(
    ("shape", "goal"),
    [
        pytest.param((500, 30, 3), 40.0, id="500x30x3"),
        pytest.param((50, 1000, 3), None, id="50x1000x3", marks=pytest.mark.full),
        pytest.param((100, 200, 30), None, id="100x200x30", marks=pytest.mark.full),
    ],
)
def test_consensus(compare: Compare, shape: tuple[int, ...], goal: float | None) -> None:
    case = Case("generalized procrustes", shape)
    outcome = compare(case, orthola_generalized, theochem_generalized, Goal(cpu=goal))
    for side in (outcome.ours, outcome.peer):
        assert side["distortion"] <= ROUNDING
    assert outcome.ours["objective"] <= outcome.peer["objective"] * (1 + ROUNDING)
