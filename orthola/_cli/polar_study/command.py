"""Convergence of every method of orthola.polar, on real data or on your own matrices.

Each method runs again with 0, 1, 2, ... steps until its certificate holds. Out come a table, a
figure and a JSON file with orthogonality, residual, singular values and time of every step.
"""

from __future__ import annotations

import argparse

import numpy as np
from threadpoolctl import threadpool_limits

from ..._core.versions import environment
from .. import backends, report
from ..arguments import add_shared, checked, output_directory
from ..matrices import Problem
from ..selection import DTYPES, select
from ..terminal import Terminal, terminal
from . import tables
from .approximation import approximate
from .methods import Method, methods_for
from .outcome import DEFINITIONS, Outcome
from .problems import bundled, parse_synthetic
from .sampling import sample, timed

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    quick = "one small matrix, one timed run: a first look"
    add_shared(parser, dtypes=DTYPES, quick=quick)
    add = parser.add_argument
    add("--synthetic", action="append", metavar="N,KAPPA", default=[],
        help="add a random N x N matrix of condition KAPPA, "
        "geometric spectrum; repeatable")  # fmt: skip
    add("--backend", choices=backends.BACKENDS, default="numpy", help="default: numpy")


def run(arguments: argparse.Namespace) -> None:
    """Measure, draw, print."""
    checked(arguments)
    backend = backends.load(arguments.backend)
    problems = select(
        arguments.input,
        key=arguments.key,
        bundled=lambda: bundled(quick=arguments.quick),
        dtype=arguments.dtype,
        more=lambda: [
            parse_synthetic(text, arguments.dtype or "float64") for text in arguments.synthetic
        ],
    )
    directory = output_directory(arguments)

    out = terminal()
    repeats = 1 if arguments.quick else arguments.repeats
    with threadpool_limits(arguments.threads):
        outcomes = _outcomes(problems, backend, repeats, out)
        used = environment()
    for outcome in outcomes:
        dtype, condition = outcome.problem.matrix.dtype, outcome.condition
        out.heading(f"{outcome.problem.title}, {dtype}, condition {condition:.1e}, {backend.name}")
        out.table(tables.COLUMNS, [tables.row(curve) for curve in outcome.curves])
    files = []
    if not arguments.no_figures:
        from .figures import draw

        files = [file for outcome in outcomes for file in draw(outcome, backend, directory)]
    text = tables.summary(outcomes, directory, files)
    report.write(
        directory,
        "polar",
        settings={
            "backend": backend.name,
            "device": backend.device,
            "repeats": repeats,
            "files": [file.name for file in files],
        },
        environment=used,
        definitions=DEFINITIONS,
        problems=[outcome.as_json() for outcome in outcomes],
        summary=text,
    )
    out.paragraph(text)


def _outcomes(
    problems: list[Problem], backend: backends.Backend, repeats: int, out: Terminal
) -> list[Outcome]:
    outcomes = []
    with out.progress("polar", sum(len(_methods(p)) + 2 for p in problems)) as tick:
        for problem in problems:
            matrix = problem.matrix
            curves = []
            for method in _methods(problem):
                curves.append(sample(matrix, method, backend))
                tick(f"{problem.name}: {tables.label(curves[-1])}")
            curves = timed(curves, backend, repeats)
            tick(f"{problem.name}: times")
            approximations = approximate(matrix, backend)
            tick(f"{problem.name}: orthogonalize")
            double = matrix.astype(np.result_type(matrix, "float64"))
            values = np.linalg.svd(double, compute_uv=False)
            outcomes.append(Outcome(problem, values, tuple(curves), tuple(approximations)))
    return outcomes


def _methods(problem: Problem) -> tuple[Method, ...]:
    return methods_for(problem.matrix.dtype.name)
