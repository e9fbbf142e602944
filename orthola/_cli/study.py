"""The frame of every study: measure with progress, make tables, draw, write one JSON file."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from .._core.options import options
from .._core.versions import environment
from . import report
from .arguments import output_directory
from .drawing import Figure
from .failure import needed
from .report import Record
from .studies import Study
from .table import Table
from .terminal import Terminal, Ticker, terminal

__all__ = ["Outcome", "Plan", "carry_out", "run"]


class Outcome(Protocol):
    """Everything found out about one data set."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""


T = TypeVar("T", bound=Outcome)


@dataclass(frozen=True)
class Plan(Generic[T]):
    """A study about to begin: its options are right, its data are there."""

    settings: dict[str, Any]
    definitions: dict[str, str]
    pieces: int  # of work, each followed by one tick
    measure: Callable[[Ticker], Sequence[T]]
    tables: Callable[[T], Iterable[Table]]
    draw: Callable[[T, Path], Figure]
    verdict: Callable[[T], str]  # in a sentence or two


def carry_out(study: Study, arguments: argparse.Namespace, out: Terminal) -> Record:
    """Measure, draw, write."""
    begin, date = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    if not arguments.no_figures:
        needed("matplotlib", "drawing (leave it out with --no-figures)")
    plan: Plan[Any] = study.load().prepare(arguments)
    directory = output_directory(arguments)
    with (
        threadpool_limits(arguments.threads),
        options(threads=arguments.threads),
        out.progress(study.name, plan.pieces) as tick,
    ):
        outcomes = plan.measure(tick)
        used = environment()
    record = Record(
        study=study.name,
        date=date,
        seconds=time.perf_counter() - begin,
        settings=plan.settings,
        environment=used,
        definitions=plan.definitions,
        problems=[outcome.as_json() for outcome in outcomes],
        tables=[table for outcome in outcomes for table in plan.tables(outcome)],
        figures=[] if arguments.no_figures else [plan.draw(x, directory) for x in outcomes],
        verdicts=[plan.verdict(outcome) for outcome in outcomes],
        directory=directory,
    )
    report.write(record)
    return record


def run(study: Study, arguments: argparse.Namespace) -> None:
    """One study on the command line."""
    out = terminal()
    record = carry_out(study, arguments, out)
    for table in record.tables:
        out.heading(table.heading)
        out.table(table.columns, table.rows)
    out.paragraph(record.summary)
