"""Eight threads meet cold imports, cold kernels and each other."""

from __future__ import annotations

import pytest

from tests.faults.threads import run


def test_threads_that_load_everything_at_once_get_what_one_gets():
    found = run()
    assert not found["wrong"]
    assert not found["never met"]


@pytest.mark.long
@pytest.mark.parametrize("attempt", range(3))
def test_threads_that_compile_everything_at_once_get_what_one_gets(tmp_path, attempt):
    assert not run(cache=str(tmp_path))["wrong"]
