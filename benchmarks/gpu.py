"""Tests and benchmarks on one NVIDIA GPU: one command, one JSON file.

    python benchmarks/gpu.py --json OUT.json [--quick] [--tests] [--benchmarks]

Without ``--tests`` or ``--benchmarks`` both are run. The file is written anew after every step, so
a run that is cut off keeps what it had. Exit status: 0 all well, 1 a test failed or an answer was
wrong, 3 no CUDA device.
"""

import argparse
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # started as a script, Python looks beside this file only
    sys.path.insert(0, str(ROOT))

from benchmarks.cuda import suite  # noqa: E402
from benchmarks.cuda.device import NoDevice, describe  # noqa: E402
from benchmarks.speed.machine import machine  # noqa: E402

NO_DEVICE = 3
PACKAGES = ("cupy-cuda12x", "cupy-cuda13x", "array-api-compat", "ml-dtypes", "triton")


class Record:
    """What is known so far, on disk at any time."""

    def __init__(self, file: Path, head: dict[str, Any]) -> None:
        self.file = file
        self.data: dict[str, Any] = head

    def write(self, part: str, result: Any) -> None:
        self.data[part] = result
        unfinished = self.file.with_suffix(self.file.suffix + ".part")
        unfinished.write_text(json.dumps(self.data, indent=1) + "\n")
        os.replace(unfinished, self.file)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="benchmarks/gpu.py", description=__doc__.split("\n")[0])
    options.add_argument("--json", type=Path, required=True, metavar="OUT.json")
    options.add_argument("--quick", action="store_true", help="few repeats on a part of the grid")
    options.add_argument("--tests", action="store_true", help="the test suite")
    options.add_argument("--benchmarks", action="store_true", help="the benchmarks")
    options.add_argument(
        "--backend",
        action="append",
        choices=suite.BACKENDS,
        help="only the tests of this back-end; may be repeated",
    )
    options.add_argument(
        "-k", default="", metavar="TEXT", help="only benchmarks whose name contains this text"
    )
    return options


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    both = not (given.tests or given.benchmarks)
    try:
        device = describe()
    except NoDevice as reason:
        print(f"no CUDA device: {reason}", file=sys.stderr)
        return NO_DEVICE
    record = Record(given.json, {"device": device, "quick": given.quick, **machine()})
    record.data["versions"] |= {name: version for name in PACKAGES if (version := _version(name))}
    record.write("complete", False)
    good = True
    if both or given.tests:
        tests: dict[str, Any] = {}
        for backend in given.backend or suite.BACKENDS:
            tests[backend] = suite.run(backend, ROOT)
            print(suite.line(backend, tests[backend]), flush=True)
            record.write("tests", tests)
        good = all(result.get("ok", True) for result in tests.values())
    if both or given.benchmarks:
        from benchmarks.cuda.bouts import every_bout  # loads the libraries on the device

        entries = []
        for entry in every_bout(quick=given.quick, containing=given.k):
            entries.append(entry)
            print(entry["line"], flush=True)
            record.write("benchmarks", entries)
        good = good and all(entry.get("ok", True) for entry in entries)
    record.write("complete", True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
