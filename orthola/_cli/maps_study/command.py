"""Gradient descent on orthogonal matrices through every map of orthola, on real data.

The same data is seen twice: as it is, and turned by a hidden rotation, a hidden reflection, or
projected by a hidden frame. Each map looks for the hidden matrix with the same step rule. Out come
tables, a figure and a JSON file with loss, drift from orthogonality and time of every step.
"""

from __future__ import annotations

import argparse
from functools import partial

from ..arguments import add_shared, at_most, count
from ..matrices import Problem, handwritten_digits
from ..selection import REAL_DTYPES, select
from ..study import Plan
from ..terminal import Ticker
from .charts import charts_for
from .descent import Descent, descend
from .figures import draw
from .outcome import DEFINITIONS, Outcome, Race, judge
from .tables import tables, verdict
from .tasks import Task, tasks_for

__all__ = ["add_arguments", "prepare"]

_QUICK = {"components": 12, "columns": 4, "steps": 60, "repeats": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    quick = "300 digits, few components and steps, one timed run: a first look"
    add_shared(parser, dtypes=REAL_DTYPES, quick=quick)
    add = parser.add_argument
    add("--components", type=count, default=32, metavar="N",
        help="principal components of the data: the order of Q; default: 32")  # fmt: skip
    add("--columns", type=count, default=8, metavar="K",
        help="columns of the hidden frame; default: 8")  # fmt: skip
    add("--steps", type=count, default=300, metavar="N", help="at most so many; default: 300")


def prepare(arguments: argparse.Namespace) -> Plan[Outcome]:
    """Hide a matrix for each task."""
    settings = at_most(arguments, _QUICK) | {"seed": arguments.seed}
    problems = select(
        arguments,
        bundled=lambda: [handwritten_digits(quick=arguments.quick)],
        dtypes=REAL_DTYPES,
    )
    hidden = [
        (
            problem,
            tasks_for(
                problem, components=settings["components"], columns=settings["columns"],
                seed=arguments.seed,
            ),
        )
        for problem in problems
    ]  # fmt: skip
    steps, repeats = settings["steps"], settings["repeats"]
    return Plan(
        settings=settings,
        definitions=DEFINITIONS,
        pieces=repeats * sum(len(charts_for(t.start)) for _, tasks in hidden for t in tasks),
        measure=partial(_outcomes, hidden, steps, repeats),
        tables=tables,
        draw=draw,
        verdict=verdict,
    )


def _outcomes(
    hidden: list[tuple[Problem, list[Task]]], steps: int, repeats: int, tick: Ticker
) -> list[Outcome]:
    outcomes = []
    for problem, tasks in hidden:
        races = []
        for task in tasks:
            charts = charts_for(task.start)
            fastest: dict[str, Descent] = {}
            # In rounds, so that a disturbance does not hit one of them alone.
            for _ in range(repeats):
                for name, chart in charts.items():
                    descent = descend(chart, task, steps)
                    best = fastest.setdefault(name, descent)
                    if descent.seconds[-1] < best.seconds[-1]:
                        fastest[name] = descent
                    tick(f"{problem.name}, {task.name}: {name}")
            runs = (judge(name, descent, task) for name, descent in fastest.items())
            races.append(Race(task, tuple(runs)))
        outcomes.append(Outcome(problem, tuple(races)))
    return outcomes
