"""Orthogonal matching pursuit: what it recovers, how well it represents, how fast it is.

Planted codes are looked for in Gaussian atoms and in measured data; signals are coded with three
dictionaries; times are taken beside scikit-learn. The data are patches of photographs or the rows
of your own files. Out come tables, a figure and a JSON file.
"""

from __future__ import annotations

import argparse

from threadpoolctl import threadpool_limits

from ..._core.options import options
from ..._core.versions import environment
from .. import report
from ..arguments import add_shared, checked, output_directory
from ..failure import Failure
from ..selection import select
from ..terminal import Terminal, terminal
from .outcome import DEFINITIONS, Outcome
from .signals import Signals, photograph_patches, signals_of

__all__ = ["add_arguments", "run"]

_DTYPES = ("float64",)  # single precision is one of the contenders
_FULL = {"points": 16, "trials": 25}
_QUICK = {"points": 5, "trials": 5}
_LIMITS = {"atoms": 64, "signals": 100, "sparsity": 8, "repeats": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    quick = "few patches, atoms and trials, one timed run: a first look"
    add_shared(parser, dtypes=_DTYPES, quick=quick)
    add = parser.add_argument
    add("--atoms", type=int, default=256, metavar="N", help="of each dictionary; default: 256")
    add("--signals", type=int, default=1000, metavar="B", help="to be coded; default: 1000")
    add("--sparsity", type=int, default=32, metavar="K",
        help="atoms of each signal, at most; default: 32")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="of all that is drawn; default: 0")


def run(arguments: argparse.Namespace) -> None:
    """Measure, draw, print."""
    checked(arguments, "atoms", "signals", "sparsity")
    if arguments.seed < 0:
        raise Failure(f"--seed: expected at least 0, got {arguments.seed}")
    quick: bool = arguments.quick
    settings = {
        name: min(getattr(arguments, name), most) if quick else getattr(arguments, name)
        for name, most in _LIMITS.items()
    }
    settings |= (_QUICK if quick else _FULL) | {"seed": arguments.seed}
    problems = select(
        arguments.input,
        key=arguments.key,
        bundled=lambda: [photograph_patches(quick=quick)],
        dtype="float64",
        dtypes=_DTYPES,
    )
    data = [
        signals_of(p, settings["signals"], bundled=not arguments.input, seed=arguments.seed)
        for p in problems
    ]
    directory = output_directory(arguments)
    out = terminal()
    with threadpool_limits(arguments.threads), options(threads=arguments.threads):
        outcomes = _outcomes(data, settings, quick, out)
        used = environment()
    from .tables import summary, tables

    for outcome in outcomes:
        for table in tables(outcome):
            out.heading(table.heading)
            out.table(table.columns, table.rows)
    files = []
    if not arguments.no_figures:
        from .figures import draw

        files = [file for outcome in outcomes for file in draw(outcome, directory)]
    text = summary(outcomes, directory, files)
    report.write(
        directory,
        "omp",
        settings=settings | {"files": [file.name for file in files]},
        environment=used,
        definitions=DEFINITIONS,
        problems=[outcome.as_json() for outcome in outcomes],
        summary=text,
    )
    out.paragraph(text)


def _outcomes(
    data: list[Signals], settings: dict[str, int], quick: bool, out: Terminal
) -> list[Outcome]:
    from .decay import decay, decay_ticks
    from .recovery import recoveries, recovery_ticks
    from .speed import speed_ticks, speeds

    atoms, seed, repeats = (settings[name] for name in ("atoms", "seed", "repeats"))
    each = recovery_ticks(settings["points"]) + decay_ticks() + speed_ticks(quick=quick)
    outcomes = []
    with out.progress("omp", each * len(data)) as ticker:
        for signals in data:

            def tick(done: str, name: str = signals.problem.name) -> None:
                ticker(f"{name}: {done}")

            recovered = recoveries(
                signals, atoms, points=settings["points"], trials=settings["trials"], seed=seed,
                tick=tick,
            )  # fmt: skip
            residuals = decay(signals, atoms, settings["sparsity"], seed=seed, tick=tick)
            times = speeds(signals, atoms, repeats=repeats, quick=quick, tick=tick)
            outcomes.append(Outcome(signals, recovered, residuals, times))
    return outcomes
