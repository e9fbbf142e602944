"""Streamed and concatenated singular value decompositions: certificates, cost, clusters.

Rows arrive in blocks, in an order that means something. What is certified is held against the
truth, the rank that a tolerance leads to against the least one, time and memory against
scikit-learn's IncrementalPCA and a full decomposition. Out come tables, figures and a JSON file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from threadpoolctl import threadpool_limits

from ..._core.options import options
from ..._core.versions import environment
from .. import report
from ..arguments import add_shared, checked, output_directory
from ..selection import select
from ..terminal import terminal
from . import tables
from .outcome import DEFINITIONS, Experiment
from .rows import Stream, bundled, stream_of

__all__ = ["add_arguments", "run"]

_DTYPES = ("float64",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_shared(parser, dtypes=_DTYPES, quick="300 digits, few sizes, one timed run: a first look")


def run(arguments: argparse.Namespace) -> None:
    """Measure, draw, print."""
    checked(arguments)
    quick: bool = arguments.quick
    problems = select(
        arguments.input,
        key=arguments.key,
        bundled=lambda: bundled(quick=quick),
        dtype="float64",
        dtypes=_DTYPES,
    )
    streams = [stream_of(problem) for problem in problems]
    settings = {"repeats": 1 if quick else arguments.repeats}
    directory = output_directory(arguments)
    out = terminal()
    found: dict[str, list[Experiment]] = {}
    work = [
        (stream.problem.name, name, measure)
        for stream in streams
        for name, measure in _experiments(stream, settings["repeats"], quick)
    ]
    with (
        threadpool_limits(arguments.threads),
        options(threads=arguments.threads),
        out.progress("svd", len(work)) as tick,
    ):
        for problem_name, name, measure in work:
            found.setdefault(problem_name, []).append(measure())
            tick(f"{problem_name}: {name}")
        used = environment()
    for problem in problems:
        for experiment in found[problem.name]:
            out.heading(f"{experiment.title}: {experiment.y_name}, {problem.name}")
            out.table(tables.columns(experiment), tables.rows(experiment))
    files = []
    if not arguments.no_figures:
        from .figures import draw

        files = [file for p in problems for file in draw(p, found[p.name], directory)]
    text = tables.summary(found, directory, files)
    report.write(
        directory,
        "svd",
        settings=settings | {"files": [file.name for file in files]},
        environment=used,
        definitions=DEFINITIONS,
        problems=[
            {
                "name": problem.name,
                "title": problem.title,
                "shape": list(problem.matrix.shape),
                "experiments": [experiment.as_json() for experiment in found[problem.name]],
            }
            for problem in problems
        ],
        summary=text,
    )
    out.paragraph(text)


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
