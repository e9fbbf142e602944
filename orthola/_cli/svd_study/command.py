"""Streamed and concatenated singular value decompositions: certificates, cost, clusters.

Rows arrive in blocks, in an order that means something. What is certified is held against the
truth, the rank that a tolerance leads to against the least one, time and memory against
scikit-learn's IncrementalPCA and a full decomposition. Out come tables, figures and a JSON file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from ..arguments import add_shared
from ..experiments import Measured, plan
from ..selection import DOUBLE, select
from ..study import Plan
from .figures import draw
from .outcome import DEFINITIONS, Experiment
from .rows import Stream, bundled, stream_of
from .tables import tables, verdict

__all__ = ["add_arguments", "prepare"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    quick = "300 digits, few sizes, one timed run: a first look"
    add_shared(parser, dtypes=DOUBLE, quick=quick, draws=False)


def prepare(arguments: argparse.Namespace) -> Plan[Measured[Experiment]]:
    """Cut the data into blocks."""
    quick = arguments.quick
    problems = select(arguments, bundled=lambda: bundled(quick=quick), dtypes=DOUBLE)
    repeats = 1 if quick else arguments.repeats
    planned = [(p, _experiments(stream_of(p), repeats, quick)) for p in problems]
    return plan(
        planned, settings={"repeats": repeats}, definitions=DEFINITIONS,
        tables=tables, draw=draw, verdict=verdict,
    )  # fmt: skip


def _experiments(
    stream: Stream, repeats: int, quick: bool
) -> list[tuple[str, Callable[[], Experiment]]]:
    from .accuracy import against_rank, against_tolerance, along_the_stream
    from .clusters import against_error
    from .cost import memory, times

    return [
        ("rank", partial(against_rank, stream, quick=quick)),
        ("stream", partial(along_the_stream, stream, quick=quick)),
        ("tolerance", partial(against_tolerance, stream, quick=quick)),
        ("time", partial(times, stream, repeats, quick=quick)),
        ("memory", partial(memory, stream, quick=quick)),
        ("clusters", partial(against_error, stream, quick=quick)),
    ]
