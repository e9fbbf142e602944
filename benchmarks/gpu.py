"""Tests and benchmarks on one NVIDIA GPU: one command, one JSON file.

    python benchmarks/gpu.py --json OUT.json [--seconds N] [--quick] [--tests] [--benchmarks]

Without ``--tests`` or ``--benchmarks`` both are run. The file is written anew after every step, so
a run that is cut off keeps what it had; the same command with ``--resume`` does the rest. Exit
status: 0 all well, 1 a test failed or an answer was wrong, 3 no CUDA device, 4 time was up.
"""

import argparse
import importlib.metadata
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # started as a script, Python looks beside this file only
    sys.path.insert(0, str(ROOT))

from benchmarks.cuda import bouts, suite, worker  # noqa: E402
from benchmarks.cuda.device import NoDevice, describe  # noqa: E402
from benchmarks.speed.machine import machine  # noqa: E402

NO_DEVICE, TIME_IS_UP = 3, 4
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
        "--only", nargs="+", metavar="FILE", help="only tests of these files or folders"
    )
    options.add_argument(
        "-k",
        action="append",
        metavar="TEXT",
        help="only benchmarks whose name contains this text, or one of several",
    )
    options.add_argument("--list", action="store_true", help="name the benchmarks and stop")
    options.add_argument(
        "--seconds",
        type=float,
        default=float("inf"),
        metavar="N",
        help="stop after so many seconds, with what there is",
    )
    options.add_argument(
        "--workers",
        type=int,
        default=8,
        metavar="N",
        help="processes that test side by side on the device (8)",
    )
    options.add_argument(
        "--resume",
        action="store_true",
        help="keep what OUT.json and OUT.json.BACKEND.journal have, and do the rest",
    )
    return options


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    until = time.monotonic() + given.seconds
    if given.list:
        print(*(name for name, _ in bouts.every_case(quick=given.quick)), sep="\n")
        return 0
    try:
        device = describe()
    except NoDevice as reason:
        print(f"no CUDA device: {reason}", file=sys.stderr)
        return NO_DEVICE
    head = {"device": device, "quick": given.quick, **machine()}
    head["versions"] |= {name: version for name in PACKAGES if (version := _version(name))}
    before = _before(given.json, head) if given.resume else {}
    record = Record(given.json, {**before, **head})
    record.write("complete", False)
    both = not (given.tests or given.benchmarks)
    good, finished = True, True
    if both or given.tests:
        good, finished = _tests(record, given, until)
    if both or given.benchmarks:
        well, ended = _benchmarks(record, given, until)
        good, finished = good and well, finished and ended
    record.write("complete", finished)
    return TIME_IS_UP if good and not finished else 0 if good else 1


def _before(file: Path, head: dict[str, Any]) -> dict[str, Any]:
    """Results of an earlier part of this run: of the same code on a device of the same name."""
    if not file.exists():
        return {}
    found: dict[str, Any] = json.loads(file.read_text())
    for key, mine, theirs in (
        ("revision", head["revision"], found.get("revision")),
        ("device", head["device"]["name"], found.get("device", {}).get("name")),
        ("quick", head["quick"], found.get("quick")),
    ):
        if mine != theirs:
            raise SystemExit(f"--resume: {file} has {key} {theirs}, this run {mine}")
    kept = {key: found[key] for key in ("tests", "benchmarks") if key in found}
    return {**kept, "earlier_dates": [*found.get("earlier_dates", []), found["date"]]}


def _tests(record: Record, given: argparse.Namespace, until: float) -> tuple[bool, bool]:
    """Whether no test failed, and whether all were run."""
    tests: dict[str, Any] = dict(record.data.get("tests", {}))
    chosen = given.backend or suite.BACKENDS
    for backend in chosen:
        journal = given.json.with_name(f"{given.json.name}.{backend}.journal")
        if not given.resume:
            journal.unlink(missing_ok=True)
        tests[backend] = suite.run(
            backend, ROOT, journal, tuple(given.only or ("tests",)),
            seconds=min(until - time.monotonic(), 1e6), workers=given.workers,
        )  # fmt: skip
        print(suite.line(backend, tests[backend]), flush=True)
        record.write("tests", tests)
    results = [tests[backend] for backend in chosen]
    return (
        all(result.get("ok", True) for result in results),
        all(result.get("finished", True) for result in results),
    )


def _benchmarks(record: Record, given: argparse.Namespace, until: float) -> tuple[bool, bool]:
    """Whether every answer was right, and whether all comparisons were run."""
    entries = list(record.data.get("benchmarks", []))
    peaks = next((x for x in entries if x["name"] == bouts.PEAKS and "flops" in x), None)
    order = {
        "quick": given.quick,
        "containing": given.k or [""],
        "left_out": [x["name"] for x in entries if x["name"] != bouts.PEAKS or x is peaks],
        "peaks": peaks,
    }
    for entry in worker.entries(order, until=until):
        entries.append(entry)
        print(entry["line"], flush=True)
        record.write("benchmarks", entries)
    have = {x["name"] for x in entries}
    wanted = (name for name, _ in bouts.every_case(quick=given.quick))
    texts = order["containing"]
    return (
        all(x.get("ok", True) for x in entries),
        all(name in have for name in wanted if any(text in name for text in texts)),
    )


if __name__ == "__main__":
    sys.exit(main())
