"""Accuracy and speed of orthola.procrustes beside SciPy, on real point clouds.

Errors against the condition of the cloud and its distance from the origin, times against the number
of dimensions and of fits. Out come tables, a figure and a JSON file.
"""

from __future__ import annotations

import argparse

from ..arguments import add_shared
from ..experiments import Measured, plan
from ..matrices import handwritten_digits
from ..selection import DOUBLE, select
from ..study import Plan
from .figures import draw
from .outcome import DEFINITIONS, Experiment
from .tables import tables, verdict

__all__ = ["add_arguments", "prepare"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    # The experiments choose their precision themselves.
    add_shared(parser, dtypes=DOUBLE, quick="300 digits, few sizes, one timed run: a first look")


def prepare(arguments: argparse.Namespace) -> Plan[Measured[Experiment]]:
    """Choose the data."""
    from .experiments import experiments

    quick, seed = arguments.quick, arguments.seed
    problems = select(arguments, bundled=lambda: [handwritten_digits(quick=quick)], dtypes=DOUBLE)
    repeats = 1 if quick else arguments.repeats
    planned = [
        (problem, experiments(problem, repeats=repeats, quick=quick, seed=seed))
        for problem in problems
    ]
    return plan(
        planned, settings={"repeats": repeats, "seed": seed}, definitions=DEFINITIONS,
        tables=tables, draw=draw, verdict=verdict,
    )  # fmt: skip
