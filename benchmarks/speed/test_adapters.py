"""Speed of layers with orthogonal weights against those of PyTorch, answers judged in the same run.

Time is never asserted: a goal that is missed shows as a number in the table.
"""

from typing import Any

import pytest

from benchmarks.speed import adapters as who
from benchmarks.speed.protocol import Case
from benchmarks.speed.report import Compare, Goal, Outcome

SQUARE, TALL = (512, 512), (2048, 32)
LIMIT = 1e-6  # ||Q^T Q - I||_2 of ours, in float32
PEER_LIMIT = 1e-3  # a peer further from orthonormal was called wrongly


def judge(outcome: Outcome) -> None:
    """Weights are orthonormal after the steps, and the steps have lowered the loss."""
    assert outcome.ours["orthogonality"] <= LIMIT
    assert outcome.peer["orthogonality"] <= PEER_LIMIT
    assert outcome.ours["fall"] < 1
    assert outcome.peer["fall"] < 1


@pytest.mark.parametrize(
    ("ours", "peer", "goal"),
    [
        pytest.param(who.ours_cayley, who.torch_cayley, 1.0, id="cayley"),
        pytest.param(who.ours_householder, who.torch_householder, 4.0, id="householder"),
        pytest.param(who.ours_matrix_exp, who.torch_matrix_exp, 2.0, id="matrix_exp"),
    ],
)
def test_training_step_of_a_square_weight(compare: Compare, ours: Any, peer: Any, goal: float):
    judge(compare(Case("orthogonal step", SQUARE, "float32"), ours, peer, Goal(cpu=goal)))


@pytest.mark.parametrize(
    ("ours", "peer"),
    [
        pytest.param(who.ours_cayley, who.torch_cayley, id="cayley"),
        pytest.param(who.ours_householder, who.torch_householder, id="householder"),
        pytest.param(
            who.ours_matrix_exp, who.torch_matrix_exp, id="matrix_exp", marks=pytest.mark.full
        ),
    ],
)
def test_training_step_of_a_tall_weight(compare: Compare, ours: Any, peer: Any) -> None:
    """The memory of ours is O(nk)."""
    outcome = compare(Case("orthogonal step", TALL, "float32"), ours, peer, Goal(cpu=100.0))
    judge(outcome)
    assert outcome.ours["megabytes"] < 16


def test_reflections_against_the_dense_form(compare: Compare) -> None:
    """The memory of ours is O(dr)."""
    case = Case("reflections", (2048, 16), "float32")
    outcome = compare(case, who.reflector_adapter, who.dense_adapter, Goal(cpu=50.0))
    for answer in (outcome.ours, outcome.peer):
        assert answer["error"] < 1e-5
        assert answer["slope"] < 1e-3
        assert answer["radial"] < 1e-4
    assert outcome.ours["megabytes"] < 16
