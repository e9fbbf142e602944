"""The command ``python -m benchmarks report``."""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.report import markdown, peers, run
from benchmarks.report.duels import RESULTS, machines, measured
from benchmarks.report.targets import Mismatch, targets
from orthola._cli.terminal import Terminal, terminal

PAGE = Path(__file__).resolve().parents[2] / "docs" / "development" / "targets.md"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    report = commands.add_parser("report", help=__doc__, description=_ABOUT)
    add = report.add_argument
    add("--from-results", action="store_true", help="run nothing: assemble what the files have")
    add("--quick", action="store_true", help="few repeats, few cases; nothing of it is kept")
    add("--only", nargs="+", default=[], metavar="AREA", help="polar, maps, procrustes, ...")
    add("--out", type=Path, metavar="DIR", help="default: benchmarks/results")
    arguments = parser.parse_args(argv)
    try:
        if arguments.quick and arguments.out is None:
            with tempfile.TemporaryDirectory(prefix="benchmarks-") as directory:
                return _report(arguments, Path(directory))
        return _report(arguments, arguments.out or RESULTS)
    except (Mismatch, run.UnknownArea) as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 2


_ABOUT = (
    "Run every comparison and every convergence script, and write one table of ratios: report.json "
    "and report.md, and docs/development/targets.md with every target beside its figure."
)


def _report(arguments: argparse.Namespace, directory: Path) -> int:
    out = terminal()
    failures: dict[str, str] = {}
    if not arguments.from_results:
        directory.mkdir(parents=True, exist_ok=True)
        planned = list(run.parts(quick=arguments.quick, only=arguments.only))
        with out.progress("benchmarks", len(planned)) as tick:
            for part in planned:
                failure = part.run(directory)
                if failure is not None:
                    failures[part.name] = failure
                tick(part.name if failure is None else f"{part.name}: failed")
    report = write(directory, failures, live=not arguments.from_results)
    if not arguments.quick:
        _show_targets(report, out)
    _show_missing(report, out)
    for name, failure in failures.items():
        out.paragraph(f"{name} failed, {failure}")
    return 1 if failures else 0


def write(
    directory: Path = RESULTS, failures: dict[str, str] | None = None, *, live: bool = False
) -> dict[str, Any]:
    """Write report.json and report.md; of the committed results the page of targets as well.

    Versions of the peers are those of this environment in a `live` run, else those of the results.
    """
    found, where = measured(directory), machines(directory)
    goals = targets(found, results=directory if directory == RESULTS else RESULTS)
    who = peers.peers() if live else peers.seen(machine["versions"] for machine in where)
    report = {
        "date": max([machine["date"] for machine in where], default=datetime.now(UTC).isoformat()),
        "ratio": "time of the peer / time of ours: median, quartiles",
        "failures": failures or {},
        "targets": [target.as_json() for target in goals],
        "comparisons": [duel.as_json() for duel in found],
        "peers": who,
        "machines": where,
    }
    text = json.dumps(report, indent=1, default=list) + "\n"
    (directory / "report.json").write_text(text, encoding="utf-8")
    page = markdown.report_page(found, goals, who, where, failures or {})
    (directory / "report.md").write_text(page, encoding="utf-8")
    if directory == RESULTS:
        PAGE.write_text(markdown.targets_page(goals, where), encoding="utf-8")
    return report


def _show_targets(report: dict[str, Any], out: Terminal) -> None:
    out.heading("Targets")
    rows = []
    for target in report["targets"]:
        met = [item["met"] for item in target["items"]]
        reached = f"{met.count(True)} of {len(met)}" if met else ""
        rows.append((target["area"], reached, target["verdict"], target["what"], target["peer"]))
    out.table(("area", ">met", "", "what", "against"), rows)


def _show_missing(report: dict[str, Any], out: Terminal) -> None:
    missing = [f"{p['package']} ({p['reason']})" for p in report["peers"] if not p["version"]]
    if missing:
        out.paragraph(f"Peers that take no part: {'; '.join(missing)}.")
