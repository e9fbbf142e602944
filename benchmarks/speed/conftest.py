"""The ``compare`` fixture, and the table at the end of a run."""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.speed.duel import FULL, QUICK, duel
from benchmarks.speed.protocol import Case, Contender, Unavailable
from benchmarks.speed.report import NO_GOAL, Compare, Goal, Outcome, Report
from benchmarks.speed.threads import processors

REPORT = pytest.StashKey[Report]()
ABSOLUTE_ROUNDS = 5


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    file = pytestconfig.getoption("duel_json")
    made = Report(Path(file) if file else None, quick=pytestconfig.getoption("quick"))
    pytestconfig.stash[REPORT] = made
    return made


@pytest.fixture
def compare(pytestconfig: pytest.Config, report: Report, benchmark: BenchmarkFixture) -> Compare:
    """Compare ours with a peer on a case, at one thread and at several; both answers are judged.

    pytest-benchmark then times our callable alone, in this process at one thread.
    """
    effort = QUICK if pytestconfig.getoption("quick") else FULL
    threads = pytestconfig.getoption("wall_threads")

    def run(case: Case, ours: Contender, peer: Contender, goal: Goal = NO_GOAL) -> Outcome:
        try:
            single = duel(ours, peer, case, threads=1, effort=effort)
            several = duel(ours, peer, case, threads=threads, effort=effort, pairs=single.pairs)
        except Unavailable as reason:
            pytest.skip(str(reason))
        outcome = Outcome(case, goal, single, several)
        report.add(outcome)
        with processors(1):
            benchmark.pedantic(
                ours.prepare(case).call,
                rounds=min(single.pairs, ABSOLUTE_ROUNDS),
                iterations=single.ours.calls,
                warmup_rounds=1,
            )
        benchmark.extra_info["peer"] = peer.label
        benchmark.extra_info["cpu_ratio"] = single.cpu_ratio.median
        return outcome

    return run


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    report = config.stash.get(REPORT, None)
    if report is not None and report.outcomes:
        terminalreporter.section("speed against peers")
        for line in report.lines():
            terminalreporter.write_line(line)
