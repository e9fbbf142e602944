"""Accuracy and speed of orthola.procrustes beside SciPy, on real point clouds.

Errors against the condition of the cloud and its distance from the origin, times against the number
of dimensions and of fits. Out come tables, a figure and a JSON file.
"""

from __future__ import annotations

import argparse

from threadpoolctl import threadpool_limits

from ..._core.options import options
from ..._core.versions import environment
from .. import report
from ..arguments import add_shared, checked, output_directory
from ..matrices import handwritten_digits
from ..selection import select
from ..terminal import terminal
from . import tables
from .outcome import Experiment

__all__ = ["add_arguments", "run"]

_DTYPES = ("float64",)  # the experiments choose their precision themselves
_DEFINITIONS = {
    "error": "||R - R*||_F; R* planted, or SciPy's in double precision of the same points",
    "seconds": "shortest of the repeated measurements, each of 2 ms at least, for one fit",
    "doubts": "where a solver says that the points do not determine the answer",
    "guides": "u times the condition of the cloud or its square, u the unit roundoff",
    "refine=0": "procrustes(refine=0): as the SVD of the sums gives it",
    "sums as given": 'procrustes(accumulate="same", refine=0)',
}
_EXPERIMENTS = 6


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
        bundled=lambda: [handwritten_digits(quick=quick)],
        dtype="float64",
        dtypes=_DTYPES,
    )
    from .experiments import experiments

    settings = {"repeats": 1 if quick else arguments.repeats}
    directory = output_directory(arguments)
    out = terminal()
    found: dict[str, list[Experiment]] = {}
    with (
        threadpool_limits(arguments.threads),
        options(threads=arguments.threads),
        out.progress("procrustes", len(problems) * _EXPERIMENTS) as tick,
    ):
        for problem in problems:
            found[problem.name] = []
            measured = experiments(problem, repeats=settings["repeats"], quick=quick)
            for name, measure in measured:
                found[problem.name].append(measure())
                tick(f"{problem.name}: {name}")
        used = environment()
    for problem in problems:
        for experiment in found[problem.name]:
            out.heading(f"{experiment.title}: {experiment.kind}, {problem.name}")
            out.table(tables.columns(experiment), tables.rows(experiment))
    files = []
    if not arguments.no_figures:
        from .figures import draw

        files = [file for p in problems for file in draw(p, found[p.name], directory)]
    text = tables.summary(found, directory, files)
    report.write(
        directory,
        "procrustes",
        settings=settings | {"files": [file.name for file in files]},
        environment=used,
        definitions=_DEFINITIONS,
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
