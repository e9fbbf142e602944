"""Random examples of every feature against the bounds that its documentation states."""

from __future__ import annotations

import pytest

from tests.fuzz.run import FEATURES, Findings, example, run

EXAMPLES, LONG_EXAMPLES = 100, 100_000


@pytest.mark.parametrize("feature", FEATURES)
def test_a_hundred_examples(feature):
    found = run(Findings(feature), EXAMPLES)
    assert not found.violations
    assert max(seen["ratio"] for seen in found.worst.values()) > 1e-3  # bounds are no formality


@pytest.mark.long
@pytest.mark.parametrize("feature", FEATURES)
def test_a_hundred_thousand_examples(feature):
    assert not run(Findings(feature), LONG_EXAMPLES).violations


def test_examples_are_told_by_their_number():
    for feature in FEATURES:
        assert example(feature, 3) == example(feature, 3)
