"""Online orthogonal dictionary learning: recovery, gap, speed, and codes of real data.

Synthetic streams whose atoms are known: errors against samples for several orders, sparsities,
mini-batches, step sizes, noise and drift, beside scikit-learn on the same mini-batches. Then the
patches of two photographs, or your own rows. Out come tables, figures and a JSON file.
"""

from __future__ import annotations

import argparse

from threadpoolctl import threadpool_limits

from ..._core.options import options
from ..._core.versions import environment
from .. import report
from ..arguments import add_shared, checked, output_directory
from ..failure import needed
from ..selection import REAL_DTYPES, select
from ..terminal import terminal

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_shared(
        parser, dtypes=REAL_DTYPES, quick="short streams, one seed, fewer patches: a first look"
    )
    parser.add_argument(
        "--no-streams", action="store_true", help="leave out the synthetic streams: real rows only"
    )


def run(arguments: argparse.Namespace) -> None:
    """Measure, draw, print."""
    checked(arguments)
    needed("sklearn", "the comparison")
    quick: bool = arguments.quick
    dtype = arguments.dtype or "float64"
    problems = select(
        arguments.input, key=arguments.key, bundled=list, dtype=arguments.dtype, dtypes=REAL_DTYPES
    )
    from . import tables
    from .coding import steps_of_coding
    from .experiments import FULL, QUICK, experiments
    from .outcome import DEFINITIONS, Coding, Experiment
    from .samples import from_problem, photographs

    data = [from_problem(problem) for problem in problems]
    if not data:
        data = [photographs(quick=quick, dtype=dtype)]
    budget = QUICK if quick else FULL._replace(seeds=arguments.repeats)
    planned = [] if arguments.no_streams else list(experiments(budget, dtype))
    steps = [list(steps_of_coding(samples, quick=quick)) for samples in data]
    total = sum(len(work) for _, work, _ in planned) + sum(map(len, steps))
    directory = output_directory(arguments)
    out = terminal()
    found: list[Experiment] = []
    coded: list[Coding] = []
    with (
        threadpool_limits(arguments.threads),
        options(threads=arguments.threads),
        out.progress("dictionary", total) as tick,
    ):
        for name, work, gathered in planned:
            done = []
            for which, measure in work:
                done.append(measure())
                tick(f"{name}: {which}")
            found.append(gathered(done))
        for samples, pieces in zip(data, steps, strict=True):
            for which, work_on in pieces:
                result = work_on()
                if isinstance(result, Coding):
                    coded.append(result)
                tick(f"{samples.name}: {which}")
        used = environment()
    for experiment in found:
        out.heading(experiment.title)
        out.table(tables.columns(experiment), tables.rows(experiment))
    for coding in coded:
        out.heading(f"{coding.title}: error of codes of k terms")
        out.table(tables.coding_columns(coding), tables.coding_rows(coding))
    files = []
    if not arguments.no_figures:
        from .figures import draw_coding, draw_streams

        files = draw_streams(found, directory) if found else []
        files += [file for coding in coded for file in draw_coding(coding, directory)]
    text = tables.summary(found, coded, directory, files)
    report.write(
        directory,
        "dictionary",
        settings={
            "budget": budget._asdict(),
            "dtype": dtype,
            "files": [file.name for file in files],
        },
        environment=used,
        definitions=DEFINITIONS,
        problems=[
            *([{"name": "streams", "experiments": [e.as_json() for e in found]}] * bool(found)),
            *(coding.as_json() for coding in coded),
        ],
        summary=text,
    )
    out.paragraph(text)
