"""Steps of gradient descent that each orthogonal map needs, over stated condition numbers.

Tasks, maps and step rule are those of ``orthola study maps``; the data has a geometric spectrum.
Steps do not depend on the machine beyond rounding, so no times are taken. See README.md beside
this file.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from orthola._cli.maps_study.charts import charts_for
from orthola._cli.maps_study.descent import descend
from orthola._cli.maps_study.outcome import judge
from orthola._cli.maps_study.tasks import tasks_for
from orthola._cli.matrices import Problem
from orthola._cli.terminal import Ticker, terminal
from orthola._core.versions import environment
from orthola.testing import from_spectrum, spectrum

ORDER = 24
COLUMNS_OF_FRAME = 6
CONDITIONS = (4.0, 40.0, 400.0)  # of the loss: the square of that of the data
SEEDS = range(5)
GOALS = (2, 4, 8)  # losses of 1e-2, ...
COLUMNS = ("map", ">condition", *(f">to 1e-{goal}" for goal in GOALS), ">last loss", ">drift")


class Result(NamedTuple):
    """One map on one task."""

    task: str
    map: str
    condition: float
    seed: int
    steps: dict[str, int | None]  # to each goal; None: not within the limit
    loss: float
    drift: float


def results(condition: float, seed: int, most: int) -> Iterator[Result]:
    values = spectrum("geometric", ORDER, condition=condition**0.5)
    matrix = from_spectrum(4 * ORDER, ORDER, values, rng=seed)
    problem = Problem("stated", "Stated", matrix)
    for task in tasks_for(problem, components=ORDER, columns=COLUMNS_OF_FRAME, seed=seed):
        for name, chart in charts_for(task.start).items():
            run = judge(name, descend(chart, task, most), task)
            losses = run.descent.losses
            steps = {
                str(goal): next((i for i, f in enumerate(losses) if f <= 10.0**-goal), None)
                for goal in GOALS
            }
            drift = max(run.drift)
            yield Result(task.name, name, condition, seed, steps, run.loss, drift)


def table(found: list[Result]) -> list[tuple[str, ...]]:
    """One row for each map and condition: medians over the targets, and the largest drift."""
    rows = []
    for name, condition in product(
        dict.fromkeys(r.map for r in found), dict.fromkeys(r.condition for r in found)
    ):
        here = [r for r in found if (r.map, r.condition) == (name, condition)]
        cells = (_median([r.steps[str(goal)] for r in here]) for goal in GOALS)
        loss, drift = median(r.loss for r in here), max(r.drift for r in here)
        rows.append((name, f"{condition:g}", *cells, f"{loss:.0e}", f"{drift:.0e}"))
    return rows


def _median(steps: list[int | None]) -> str:
    """A run that did not come so far counts as longer than all others."""
    middle = median(float("inf") if k is None else k for k in steps)
    return "-" if middle == float("inf") else f"{middle:g}"


def gather(most: int, tick: Ticker) -> Iterator[Result]:
    for condition in CONDITIONS:
        for seed in SEEDS:
            yield from results(condition, seed, most)
            tick(f"condition {condition:g}, target {seed}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convergence.maps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result")
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="default: 1000")
    arguments = parser.parse_args(argv)
    out = terminal()
    with out.progress("maps", len(CONDITIONS) * len(SEEDS)) as tick:
        found = list(gather(arguments.steps, tick))
    for task in dict.fromkeys(r.task for r in found):
        out.heading(f"{task}, order {ORDER}, median of {len(SEEDS)} hidden matrices")
        out.table(COLUMNS, table([r for r in found if r.task == task]))
    if arguments.json is not None:
        text = json.dumps(_report(found, arguments.steps), indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


def _report(found: list[Result], most: int) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
        "most_steps": most,
        "results": [result._asdict() for result in found],
    }


if __name__ == "__main__":
    sys.exit(main())
