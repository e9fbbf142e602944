"""The report as Markdown: every comparison, and the page of targets."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from benchmarks.report.duels import Measured
from benchmarks.report.targets import HELD, MISSED, PARTLY, Item, Target

HEAD = "<!-- written by: python -m benchmarks report --from-results -->\n"
RATIO = """\
A ratio is time of the peer / time of ours, so above 1 ours is faster: the median of paired samples,
of CPU time at one thread unless wall time is said. The answers of both sides are judged in the same
run.
"""
TARGETS = """\
Every benchmark target with the measured ratio beside it, and for each one that is missed the reason
and what was tried. **Bold** falls short of its goal. The samples of every figure are in
`benchmarks/results`; what is in no file there counts as not measured.
"""


def report_page(
    found: Sequence[Measured], goals: Sequence[Target], peers: Sequence[dict[str, Any]],
    machines: Sequence[dict[str, Any]], failures: dict[str, str],
) -> str:  # fmt: skip
    """Everything."""
    failed = _list(f"{name}: {reason}" for name, reason in failures.items())
    sections = [
        f"{HEAD}# Benchmarks\n",
        RATIO,
        *(["## Parts that failed\n", failed] if failures else []),
        "## Comparisons\n", _duels(found),
        "## Targets\n", _counted(goals), *_areas(goals),
        "## Peers\n", _peers(peers),
        "## Machines\n", _list(_machine(machine) for machine in machines),
    ]  # fmt: skip
    return "\n".join(sections)


def targets_page(goals: Sequence[Target], machines: Sequence[dict[str, Any]]) -> str:
    """Every target with its measured ratio, and for those that are missed the reason."""
    missed = [target for target in goals if target.verdict in (MISSED, PARTLY)]
    sections = [
        f"{HEAD}# Targets\n", TARGETS, RATIO, _counted(goals), "## By area\n", *_areas(goals),
        "## Goals that are missed\n", *(_reason(target) for target in missed),
        "## Measured on\n", _list(_machine(machine) for machine in machines),
    ]  # fmt: skip
    return "\n".join(sections)


def _counted(goals: Sequence[Target]) -> str:
    reached = [item.met for target in goals for item in target.items]
    known = [met for met in reached if met is not None]
    unknown = len(reached) - len(known)
    met = f"{sum(known)} of {len(known)} measured figures reach their goal"
    return f"{met}, {unknown} are not measured.\n"


def _areas(goals: Sequence[Target]) -> Iterable[str]:
    for area, group in groupby(goals, key=lambda target: target.area):
        yield f"### {area}\n"
        rows = [row for target in group for row in _rows(target)]
        yield _table(("what", "against", "case", "goal", "measured"), rows)


def _rows(target: Target) -> list[tuple[str, ...]]:
    """One for each item; what it belongs to stands in the first one."""
    if target.verdict == HELD:
        return [(target.what, "", "", "", ", ".join(f"`{test}`" for test in target.tests))]
    rows = [("", "", item.name, _goal(item), _value(item)) for item in target.items]
    return [(target.what, target.peer, *rows[0][2:]), *rows[1:]]


def _goal(item: Item) -> str:
    must = "" if item.must is None else f" (must {item.must:.3g})"
    return f"{'≥' if item.bound == 'least' else '≤'} {item.goal:.3g}{must}"


def _value(item: Item) -> str:
    if item.value is None:
        return f"not measured{': ' * bool(item.note)}{item.note}"
    return f"{item.value:.3g}" if item.met else f"**{item.value:.3g}**"


def _reason(target: Target) -> str:
    low = ", ".join(
        f"{item.name} {item.value:.3g} ({_goal(item)})"
        for item in target.items
        if item.met is False
    )
    return f"**{target.area}: {target.what}**, against {target.peer}: {low}.\n{target.reason}\n"


def _duels(found: Sequence[Measured]) -> str:
    rows = [
        (
            duel.case, duel.ours, duel.peer, _ratio(duel.cpu),
            f"{_ratio(duel.wall)}, {duel.threads} threads", str(duel.pairs), duel.date[:10],
        )
        for duel in found
    ]  # fmt: skip
    return _table(("case", "ours", "peer", "CPU ratio", "wall ratio", "pairs", "date"), rows)


def _ratio(spread: tuple[float, float, float]) -> str:
    median, low, high = spread
    return f"{median:.3g} [{low:.3g}, {high:.3g}]"


def _peers(peers: Sequence[dict[str, Any]]) -> str:
    rows = [(p["package"], p["compared"], p["version"] or f"missing: {p['reason']}") for p in peers]
    return _table(("package", "compared in", "version"), rows)


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"`{machine['file']}`: {machine['date'][:10]}, revision {machine['revision']}, "
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}; Python "
        f"{machine['python']}, {versions}"
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '∣') for cell in row)} |\n" for row in lines)


def _list(entries: Iterable[str]) -> str:
    return "".join(f"- {entry}\n" for entry in entries)
