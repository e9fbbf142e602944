"""Online orthogonal dictionary learning: recovery, gap, speed, and codes of real data.

Synthetic streams whose atoms are known: errors against samples for several orders, sparsities,
mini-batches, step sizes, noise and drift, beside scikit-learn on the same mini-batches. Then the
patches of two photographs, or your own rows. Out come tables, figures and a JSON file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..arguments import add_shared
from ..failure import needed
from ..selection import REAL_DTYPES, select
from ..study import Plan
from ..terminal import Ticker

if TYPE_CHECKING:
    from .outcome import Coding, Curve, Experiment, Streams

__all__ = ["add_arguments", "prepare"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    quick = "short streams, one seed, fewer patches: a first look"
    add_shared(parser, dtypes=REAL_DTYPES, quick=quick)
    parser.add_argument(
        "--no-streams", action="store_true", help="leave out the synthetic streams: real rows only"
    )


def prepare(arguments: argparse.Namespace) -> Plan[Streams | Coding]:
    """Plan the streams, choose the real rows."""
    needed("sklearn", "the comparison")
    quick, seed = arguments.quick, arguments.seed
    dtype = arguments.dtype or "float64"
    problems = select(arguments, bundled=list, dtypes=REAL_DTYPES)
    from .coding import steps_of_coding
    from .experiments import FULL, QUICK, experiments
    from .figures import draw
    from .outcome import DEFINITIONS
    from .samples import from_problem, photographs
    from .tables import tables, verdict

    data = [from_problem(problem, seed=seed) for problem in problems]
    data = data or [photographs(quick=quick, dtype=dtype, seed=seed)]
    budget = QUICK if quick else FULL._replace(seeds=arguments.repeats)
    budget = budget._replace(first_seed=seed)
    planned = [] if arguments.no_streams else list(experiments(budget, dtype))
    steps = [(s.name, list(steps_of_coding(s, quick=quick, seed=seed))) for s in data]
    return Plan(
        settings={"budget": budget._asdict(), "dtype": dtype, "seed": seed},
        definitions=DEFINITIONS,
        pieces=sum(len(work) for _, work, _ in planned) + sum(len(work) for _, work in steps),
        measure=partial(_outcomes, planned, steps),
        tables=tables,
        draw=draw,
        verdict=verdict,
    )


def _outcomes(
    planned: list[
        tuple[
            str, list[tuple[str, Callable[[], Curve]]], Callable[[Sequence[Curve]], Experiment]
        ]
    ],
    steps: list[tuple[str, list[tuple[str, Callable[[], object]]]]],
    tick: Ticker,
) -> list[Streams | Coding]:  # fmt: skip
    from .outcome import Coding, Streams

    experiments = []
    for name, work, gathered in planned:
        done = []
        for which, measure in work:
            done.append(measure())
            tick(f"{name}: {which}")
        experiments.append(gathered(done))
    outcomes: list[Streams | Coding] = [Streams(tuple(experiments))] if experiments else []
    for name, pieces in steps:
        for which, work_on in pieces:
            result = work_on()
            if isinstance(result, Coding):
                outcomes.append(result)
            tick(f"{name}: {which}")
    return outcomes
