"""Orthogonal matching pursuit: what it recovers, how well it represents, how fast it is.

Planted codes are looked for in Gaussian atoms and in measured data; signals are coded with three
dictionaries; times are taken beside scikit-learn. The data are patches of photographs or the rows
of your own files. Out come tables, a figure and a JSON file.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from ..arguments import add_shared, at_most, count
from ..selection import DOUBLE, select
from ..study import Plan
from ..terminal import Ticker
from .outcome import DEFINITIONS, Outcome
from .signals import Signals, photograph_patches, signals_of

__all__ = ["add_arguments", "prepare"]

_FULL = {"points": 16, "trials": 25}
_QUICK = {"points": 5, "trials": 5}
_LIMITS = {"atoms": 64, "signals": 100, "sparsity": 8, "repeats": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    quick = "few patches, atoms and trials, one timed run: a first look"
    add_shared(parser, dtypes=DOUBLE, quick=quick)  # single precision is one of the contenders
    add = parser.add_argument
    add("--atoms", type=count, default=256, metavar="N", help="of each dictionary; default: 256")
    add("--signals", type=count, default=1000, metavar="B", help="to be coded; default: 1000")
    add("--sparsity", type=count, default=32, metavar="K",
        help="atoms of each signal, at most; default: 32")  # fmt: skip


def prepare(arguments: argparse.Namespace) -> Plan[Outcome]:
    """Choose the signals."""
    from .decay import decay_ticks
    from .figures import draw
    from .recovery import recovery_ticks
    from .speed import speed_ticks
    from .tables import tables, verdict

    quick: bool = arguments.quick
    settings = at_most(arguments, _LIMITS) | (_QUICK if quick else _FULL)
    settings["seed"] = arguments.seed
    problems = select(arguments, bundled=lambda: [photograph_patches(quick=quick)], dtypes=DOUBLE)
    data = [
        signals_of(p, settings["signals"], bundled=not arguments.input, seed=arguments.seed)
        for p in problems
    ]
    each = recovery_ticks(settings["points"]) + decay_ticks() + speed_ticks(quick=quick)
    return Plan(
        settings=settings,
        definitions=DEFINITIONS,
        pieces=each * len(data),
        measure=partial(_outcomes, data, settings, quick),
        tables=tables,
        draw=draw,
        verdict=verdict,
    )


def _outcomes(
    data: list[Signals], settings: dict[str, Any], quick: bool, ticker: Ticker
) -> list[Outcome]:
    from .decay import decay
    from .recovery import recoveries
    from .speed import speeds

    atoms, seed, repeats = (settings[name] for name in ("atoms", "seed", "repeats"))
    outcomes = []
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
