"""What streams keep does not grow with what they have seen."""

from __future__ import annotations

import sys

import pytest

from tests.faults.memory import STREAMS, growth, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows counts memory otherwise")

FLAT = 2**21  # bytes: an allocator's leeway


@pytest.mark.parametrize("stream", STREAMS)
def test_peak_memory_is_flat(stream):
    # Kept rows would be 15 MB after the first tenth.
    assert growth(run(stream, 70_000)) <= FLAT


@pytest.mark.long
@pytest.mark.parametrize("stream", STREAMS)
def test_peak_memory_is_flat_over_a_million_rows(stream):
    assert growth(run(stream, 1_000_000)) <= FLAT
