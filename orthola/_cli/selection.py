"""Which matrices a run is about, in the dtype to run in, each under a name of its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .failure import Failure
from .inputs import from_file
from .matrices import Problem

__all__ = ["DOUBLE", "DTYPES", "REAL_DTYPES", "select"]

DOUBLE = ("float64",)
REAL_DTYPES = ("float32", "float64")
DTYPES = (*REAL_DTYPES, "complex64", "complex128")


def select(
    arguments: argparse.Namespace,
    *,
    bundled: Callable[[], list[Problem]],
    more: Callable[[], list[Problem]] = list,
    dtypes: Sequence[str] = DTYPES,
) -> list[Problem]:
    """The files that are given, or the bundled data where there are none, and `more` besides.

    They come in the dtype asked for; else in the only one of `dtypes`, or that of a file if it is
    one of them.
    """
    if arguments.key is not None and not arguments.input:
        raise Failure("--key names an array in a file; give the file with --input")
    problems = [from_file(path, arguments.key) for path in arguments.input] or bundled()
    problems += more()
    dtype = dtypes[0] if len(dtypes) == 1 else arguments.dtype
    unique: dict[str, Problem] = {}
    for problem in problems:
        name, number = problem.name, 2
        while name in unique:
            name, number = f"{problem.name}-{number}", number + 1
        unique[name] = problem._replace(name=name, matrix=_cast(problem, dtype, dtypes))
    return list(unique.values())


def _cast(problem: Problem, wanted: str | None, dtypes: Sequence[str]) -> np.ndarray[Any, Any]:
    matrix = problem.matrix
    is_complex = matrix.dtype.kind == "c"
    if wanted is None:
        own, double = matrix.dtype.name, "complex128" if is_complex else "float64"
        wanted = next((name for name in (own, double) if name in dtypes), "float64")
    if is_complex and not wanted.startswith("complex"):
        raise Failure(f"{problem.name}: has complex entries, which {wanted} cannot hold")
    with np.errstate(over="ignore", under="ignore"):
        cast = np.ascontiguousarray(matrix, dtype=wanted)
    if not np.all(np.isfinite(cast)) or not cast.any():
        raise Failure(f"{problem.name}: its entries are out of range for {wanted}")
    return cast
