"""Long runs of the checks of the suite, and the page that shows what came out.

``python -m benchmarks.evidence fuzz polar`` runs 100 000 random examples of one feature and writes
what it found into ``benchmarks/results/evidence.json``; ``page`` writes the page from that file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from xml.etree import ElementTree

from benchmarks.evidence import imports, page, record
from tests.faults import kill, memory, threads
from tests.fuzz.run import FEATURES, Findings, run

_PART = 2000  # examples between two entries in the file


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    fuzz = what.add_parser("fuzz", help="random examples against stated bounds")
    fuzz.add_argument("feature", choices=FEATURES)
    fuzz.add_argument("--examples", type=int, default=100_000)
    fuzz.add_argument("--resume", action="store_true", help="go on with what the file has")
    kills = what.add_parser("kill", help="kill -9 at random moments of saves")
    kills.add_argument("stream", choices=kill.STREAMS)
    kills.add_argument("--kills", type=int, default=300)
    rows = what.add_parser("memory", help="peak memory along a stream")
    rows.add_argument("stream", choices=memory.STREAMS)
    rows.add_argument("--rows", type=int, default=1_000_000)
    calls = what.add_parser("threads", help="eight threads meet cold imports and kernels")
    calls.add_argument("--runs", type=int, default=3)
    calls.add_argument("--cold", action="store_true", help="with an empty folder of compiled code")
    place = what.add_parser("environment", help="note the result of a suite, from JUnit XML")
    place.add_argument("name")
    place.add_argument("report")
    place.add_argument("ran", help="the command that was run")
    what.add_parser("imports", help="processor time of imports and first calls")
    what.add_parser("page", help="write docs/development/evidence.md")
    given = parser.parse_args()
    if given.what == "fuzz":
        return fuzzed(given.feature, given.examples, given.resume)
    if given.what == "kill":
        command = f"python -m benchmarks.evidence kill {given.stream} --kills {given.kills}"
        found = kill.run(given.stream, given.kills)
        record.write("kill", given.stream, command, found._asdict())
        return int(not found.good)
    if given.what == "memory":
        command = f"python -m benchmarks.evidence memory {given.stream} --rows {given.rows}"
        record.write("memory", given.stream, command, memory.run(given.stream, given.rows))
        return 0
    if given.what == "threads":
        return threaded(given.runs, given.cold)
    if given.what == "environment":
        record.write("environments", given.name, given.ran, {"result": suite(given.report)})
        return 0
    if given.what == "imports":
        command = "python -m benchmarks.evidence imports"
        record.write("imports", "times", command, {"milliseconds": imports.run()})
        return 0
    page.write()
    return 0


def threaded(runs: int, cold: bool) -> int:
    wrong: list[str] = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            found = threads.run(cache=folder if cold else None)
        wrong += found["wrong"]
    command = f"python -m benchmarks.evidence threads --runs {runs}" + " --cold" * cold
    name = "imports and compiled code" if cold else "imports"
    record.write("threads", name, command, found | {"runs": runs, "wrong": wrong})
    return int(bool(wrong))


def suite(report: str) -> str:
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for one in ElementTree.parse(report).getroot().iter("testsuite"):
        for name in counts:
            counts[name] += int(one.get(name, 0))
    bad = counts["failures"] + counts["errors"]
    good = counts["tests"] - bad - counts["skipped"]
    return f"{good:,} passed, {bad} failed, {counts['skipped']:,} skipped"


def fuzzed(feature: str, examples: int, resume: bool) -> int:
    found = Findings(feature)
    before = record.load().get("fuzz", {}).get(feature)
    if resume and before:
        found = Findings(**{name: before[name] for name in asdict(found)})
    command = f"python -m benchmarks.evidence fuzz {feature} --examples {examples}"
    while found.examples < examples:
        run(found, min(_PART, examples - found.examples))
        record.write("fuzz", feature, command, asdict(found))
        print(f"{feature}: {found.examples} examples, {found.violated} violated", flush=True)
    for wrong in found.violations:
        print(wrong)
    return int(bool(found.violations))


if __name__ == "__main__":
    sys.exit(main())
