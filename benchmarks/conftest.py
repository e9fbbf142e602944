"""Options of every benchmark, in one place. Nothing here runs in the ordinary test suite."""

import os

import pytest

from benchmarks.speed.threads import thread_environment

# Timings taken in this process are at one thread; set before any numerical library is loaded.
os.environ.update(thread_environment(1))


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("orthola benchmarks")
    group.addoption(
        "--quick", action="store_true", help="few repeats on a part of the grid: a smoke run"
    )
    group.addoption("--duel-json", metavar="FILE", help="write every comparison to FILE as JSON")
    group.addoption(
        "--wall-threads",
        type=int,
        default=2,
        metavar="N",
        help="threads of the wall-time ratios (default 2); the CPU-time ratios are at one thread",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: a case that --quick leaves out")
    # A comparison that fails or is skipped never comes to its absolute timing.
    config.addinivalue_line("filterwarnings", "ignore:Benchmark fixture was not used")
    config.option.benchmark_disable_gc = True
    if config.option.benchmark_columns is None:
        config.option.benchmark_columns = ["min", "median", "iqr", "rounds", "iterations"]
    if config.option.benchmark_group_by == "group":
        config.option.benchmark_group_by = "func"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("quick"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
