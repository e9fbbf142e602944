"""Gradient descent on orthogonal matrices through every map of orthola, on real data.

The same data is seen twice: as it is, and turned by a hidden rotation, a hidden reflection, or
projected by a hidden frame. Each map looks for the hidden matrix with the same step rule. Out come
tables, a figure and a JSON file with loss, drift from orthogonality and time of every step.
"""

from __future__ import annotations

import argparse

from threadpoolctl import threadpool_limits

from ..._core.versions import environment
from .. import report
from ..arguments import add_shared, checked, output_directory
from ..failure import Failure
from ..matrices import Problem, handwritten_digits
from ..selection import REAL_DTYPES, select
from ..terminal import Terminal, terminal
from . import tables
from .charts import charts_for
from .descent import Descent, descend
from .outcome import DEFINITIONS, Outcome, Race, judge
from .tasks import Task, tasks_for

__all__ = ["add_arguments", "run"]

_QUICK = {"components": 12, "columns": 4, "steps": 60, "repeats": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    quick = "300 digits, few components and steps, one timed run: a first look"
    add_shared(parser, dtypes=REAL_DTYPES, quick=quick)
    add = parser.add_argument
    add("--components", type=int, default=32, metavar="N",
        help="principal components of the data: the order of Q; default: 32")  # fmt: skip
    add("--columns", type=int, default=8, metavar="K",
        help="columns of the hidden frame; default: 8")  # fmt: skip
    add("--steps", type=int, default=300, metavar="N", help="at most so many; default: 300")
    add("--seed", type=int, default=0, metavar="N", help="of the hidden matrices; default: 0")


def run(arguments: argparse.Namespace) -> None:
    """Descend, draw, print."""
    checked(arguments, "components", "columns", "steps")
    quick: bool = arguments.quick
    settings = {
        name: min(getattr(arguments, name), most) if quick else getattr(arguments, name)
        for name, most in _QUICK.items()
    }
    if arguments.seed < 0:
        raise Failure(f"--seed: expected at least 0, got {arguments.seed}")
    settings["seed"] = arguments.seed
    problems = select(
        arguments.input,
        key=arguments.key,
        bundled=lambda: [handwritten_digits(quick=quick)],
        dtype=arguments.dtype,
        dtypes=REAL_DTYPES,
    )
    tasks = [
        tasks_for(
            p,
            components=settings["components"],
            columns=settings["columns"],
            seed=arguments.seed,
        )
        for p in problems
    ]
    directory = output_directory(arguments)

    out = terminal()
    with threadpool_limits(arguments.threads):
        outcomes = _outcomes(problems, tasks, settings["steps"], settings["repeats"], out)
        used = environment()
    for outcome in outcomes:
        for race in outcome.races:
            name, dtype = outcome.problem.name, outcome.problem.matrix.dtype
            out.heading(f"{race.task.title}: {name}, {dtype}, condition {race.task.condition:.3g}")
            out.table(tables.COLUMNS, [tables.row(run) for run in race.runs])
    files = []
    if not arguments.no_figures:
        from .figures import draw

        files = [file for outcome in outcomes for file in draw(outcome, directory)]
    text = tables.summary(outcomes, directory, files)
    report.write(
        directory,
        "maps",
        settings=settings | {"files": [file.name for file in files]},
        environment=used,
        definitions=DEFINITIONS,
        problems=[outcome.as_json() for outcome in outcomes],
        summary=text,
    )
    out.paragraph(text)


def _outcomes(
    problems: list[Problem], tasks: list[list[Task]], steps: int, repeats: int, out: Terminal
) -> list[Outcome]:
    outcomes = []
    total = repeats * sum(len(charts_for(task.start)) for found in tasks for task in found)
    with out.progress("maps", total) as tick:
        for problem, found in zip(problems, tasks, strict=True):
            races = []
            for task in found:
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
