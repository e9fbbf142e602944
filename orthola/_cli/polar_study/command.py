"""Convergence of every method of orthola.polar, on real data or on your own matrices.

Each method runs again with 0, 1, 2, ... steps until its certificate holds. Out come a table, a
figure and a JSON file with orthogonality, residual, singular values and time of every step.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from ..._core.versions import environment
from .. import backends
from ..failure import Failure, needed
from ..terminal import Terminal, terminal
from . import report, tables
from .approximation import approximate
from .methods import Method, methods_for
from .outcome import Outcome
from .problems import Problem
from .sampling import sample, timed
from .selection import DTYPES, select

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add = parser.add_argument
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add("--input", nargs="+", type=Path, metavar="FILE", default=[],
        help="matrices in .npy, .npz or .safetensors files; default: data that comes with "
        "scikit-learn")  # fmt: skip
    add("--key", metavar="NAME", help="which array of an .npz or .safetensors file")
    add("--synthetic", action="append", metavar="N,KAPPA", default=[],
        help="add a random N x N matrix of condition KAPPA, "
        "geometric spectrum; repeatable")  # fmt: skip
    add("--backend", choices=backends.BACKENDS, default="numpy", help="default: numpy")
    add("--dtype", choices=DTYPES, help="default: that of the file, float64 for other data")
    add("--out", type=Path, default=Path("orthola-study"), metavar="DIR",
        help="where the files go; default: ./orthola-study")  # fmt: skip
    add("--repeats", type=int, default=3, metavar="N", help="timed runs of each point; default: 3")
    add("--threads", type=int, default=1, metavar="N", help="BLAS threads; default 1")
    add("--quick", action="store_true", help="one small matrix, one timed run: a first look")
    add("--no-figures", action="store_true", help="tables and JSON only")


def run(arguments: argparse.Namespace) -> None:
    """Measure, draw, print."""
    for option in ("repeats", "threads"):
        given = getattr(arguments, option)
        if given is not None and given < 1:
            raise Failure(f"--{option}: expected at least 1, got {given}")
    if not arguments.no_figures:
        needed("matplotlib", "drawing (leave it out with --no-figures)")
    backend = backends.load(arguments.backend)
    problems = select(
        arguments.input,
        key=arguments.key,
        synthetic=arguments.synthetic,
        dtype=arguments.dtype,
        quick=arguments.quick,
    )
    directory: Path = arguments.out
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"--out {directory}: cannot be made: {error.strerror}") from None

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
    settings = {
        "backend": backend.name,
        "device": backend.device,
        "repeats": repeats,
        "files": [file.name for file in files],
    }
    report.write(directory / "polar.json", outcomes, settings, used, text)
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
