"""A pytest plugin: every finished test is a line of a file at once, so a run may be cut off.

`JOURNAL` in the environment names the file, `JOURNAL_DONE` a list of tests that had finished
before; they are left out. A process whose device is lost (after an access outside of an array,
every later call fails) gives up, and pytest-xdist starts another one.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

_MESSAGE = 1500  # characters of a failure that are kept
_IN_WORKER = "PYTEST_XDIST_WORKER" in os.environ


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    file = os.environ.get("JOURNAL_DONE")
    done = set(json.loads(Path(file).read_text())) if file else set()
    left_out = [item for item in items if item.nodeid in done]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.nodeid not in done]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        _write(report.nodeid, report.outcome, report.duration, _text(report))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _write(report.nodeid, "failed", 0.0, str(report.longrepr))


def pytest_runtest_logfinish(nodeid: str) -> None:
    if _IN_WORKER and _device_is_lost():
        sys.stderr.write(f"the device was lost in {nodeid}\n")
        os._exit(70)


def _text(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr or "")


def _write(test: str, outcome: str, seconds: float, message: str) -> None:
    file = os.environ.get("JOURNAL")
    if file is None or _IN_WORKER:
        return
    line: dict[str, Any] = {"test": test, "outcome": outcome, "seconds": round(seconds, 2)}
    if outcome != "passed":
        line["message"] = message[-_MESSAGE:]  # pytest says last what was wrong
    with open(file, "a") as lines:
        lines.write("\n" + json.dumps(line))  # the line before may have been cut off


def _device_is_lost() -> bool:
    """Whether a library that has used the device can no longer wait for it."""
    cupy, torch = sys.modules.get("cupy"), sys.modules.get("torch")
    try:
        if cupy is not None and cupy.cuda.runtime.getDeviceCount():
            cupy.cuda.runtime.deviceSynchronize()
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.synchronize()
    except Exception as error:
        return "InsufficientDriver" not in str(error) and "NoDevice" not in str(error)
    return False
