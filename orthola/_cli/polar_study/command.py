"""Convergence of every method of orthola.polar, on real data or on your own matrices.

Each method runs again with 0, 1, 2, ... steps until its certificate holds. Out come a table, a
figure and a JSON file with orthogonality, residual, singular values and time of every step.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from .. import backends
from ..arguments import add_shared
from ..matrices import Problem
from ..selection import DTYPES, select
from ..study import Plan
from ..terminal import Ticker
from .approximation import approximate
from .figures import draw
from .methods import Method, methods_for
from .outcome import DEFINITIONS, Outcome
from .problems import bundled, parse_synthetic
from .sampling import sample, timed
from .tables import label, tables, verdict

__all__ = ["add_arguments", "prepare"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    quick = "one small matrix, one timed run: a first look"
    add_shared(parser, dtypes=DTYPES, quick=quick)
    add = parser.add_argument
    add("--synthetic", action="append", metavar="N,KAPPA", default=[],
        help="add a random N x N matrix of condition KAPPA, "
        "geometric spectrum; repeatable")  # fmt: skip
    add("--backend", choices=backends.BACKENDS, default="numpy", help="default: numpy")


def prepare(arguments: argparse.Namespace) -> Plan[Outcome]:
    """Load the library and the matrices."""
    backend = backends.load(arguments.backend)
    dtype, seed = arguments.dtype or "float64", arguments.seed
    problems = select(
        arguments,
        bundled=lambda: bundled(quick=arguments.quick),
        more=lambda: [parse_synthetic(text, dtype, seed) for text in arguments.synthetic],
    )
    repeats = 1 if arguments.quick else arguments.repeats
    return Plan(
        settings={
            "backend": backend.name, "device": backend.device, "repeats": repeats, "seed": seed,
        },
        definitions=DEFINITIONS,
        pieces=sum(len(_methods(problem)) + 2 for problem in problems),
        measure=partial(_outcomes, problems, backend, repeats),
        tables=tables,
        draw=draw,
        verdict=verdict,
    )  # fmt: skip


def _outcomes(
    problems: list[Problem], backend: backends.Backend, repeats: int, tick: Ticker
) -> list[Outcome]:
    outcomes = []
    for problem in problems:
        matrix = problem.matrix
        curves = []
        for method in _methods(problem):
            curves.append(sample(matrix, method, backend))
            tick(f"{problem.name}: {label(curves[-1])}")
        curves = timed(curves, backend, repeats)
        tick(f"{problem.name}: times")
        found = tuple(approximate(matrix, backend))
        tick(f"{problem.name}: orthogonalize")
        double = matrix.astype(np.result_type(matrix, "float64"))
        values = np.linalg.svd(double, compute_uv=False)
        outcomes.append(Outcome(problem, values, tuple(curves), found, backend.name))
    return outcomes


def _methods(problem: Problem) -> tuple[Method, ...]:
    return methods_for(problem.matrix.dtype.name)
