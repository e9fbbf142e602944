"""A stream that is killed while it saves: the file is one of the states, and nothing piles up."""

from __future__ import annotations

import os
import signal

import pytest

from orthola._core.atomic import replacing
from tests.faults.kill import STREAMS, run

pytestmark = pytest.mark.skipif(
    not (hasattr(os, "fork") and hasattr(signal, "SIGKILL")), reason="no fork and SIGKILL here"
)


@pytest.mark.parametrize("stream", STREAMS)
def test_killed_saves_leave_a_state(stream):
    found = run(stream, 40)
    assert found.good
    assert found.while_saving > 0


@pytest.mark.long
@pytest.mark.parametrize("stream", STREAMS)
def test_ten_thousand_killed_saves_leave_a_state(stream):
    assert run(stream, 10_000).good


def test_parts_of_others_stay_while_they_are_written(tmp_path):
    path = tmp_path / "state"
    with replacing(path) as first:
        first.write(b"first")
        with replacing(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
        assert len(os.listdir(tmp_path)) == 2
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["state"]


def test_abandoned_parts_go_and_other_files_stay(tmp_path):
    for name in (".state.01234567.part", ".other.01234567.part", ".state.part", "x.01234567.part"):
        (tmp_path / name).touch()
    with replacing(tmp_path / "state") as file:
        file.write(b"whole")
    left = {".other.01234567.part", ".state.part", "state", "x.01234567.part"}
    assert set(os.listdir(tmp_path)) == left
