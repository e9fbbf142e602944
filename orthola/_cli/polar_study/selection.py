"""Which matrices a run is about, in the dtype to run in, each under a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..failure import Failure
from .inputs import from_file
from .problems import Problem, bundled, parse_synthetic

__all__ = ["DTYPES", "select"]

DTYPES = ("float32", "float64", "complex64", "complex128")


def select(
    files: Sequence[Path],
    *,
    key: str | None,
    synthetic: Sequence[str],
    dtype: str | None,
    quick: bool,
) -> list[Problem]:
    """The files, or the bundled data where there are none, and what is synthetic."""
    if key is not None and not files:
        raise Failure("--key names an array in a file; give the file with --input")
    problems = [from_file(path, key) for path in files] or bundled(quick=quick)
    problems += [parse_synthetic(text, dtype or "float64") for text in synthetic]
    unique: dict[str, Problem] = {}
    for problem in problems:
        name, number = problem.name, 2
        while name in unique:
            name, number = f"{problem.name}-{number}", number + 1
        unique[name] = problem._replace(name=name, matrix=_cast(problem, dtype))
    return list(unique.values())


def _cast(problem: Problem, wanted: str | None) -> np.ndarray[Any, Any]:
    matrix = problem.matrix
    is_complex = matrix.dtype.kind == "c"
    if wanted is None:
        own = matrix.dtype.name
        wanted = own if own in DTYPES else "complex128" if is_complex else "float64"
    if is_complex and not wanted.startswith("complex"):
        raise Failure(f"{problem.name}: has complex entries, which {wanted} cannot hold")
    with np.errstate(over="ignore", under="ignore"):
        cast = np.ascontiguousarray(matrix, dtype=wanted)
    if not np.all(np.isfinite(cast)) or not cast.any():
        raise Failure(f"{problem.name}: its entries are out of range for {wanted}")
    return cast
