"""Accuracy tables of polar: steps, orthogonality and residual over stated spectra.

Six spectra x condition numbers x shapes x dtypes x methods, with the problems, methods and
measures of ``orthola study polar``. Accuracy does not depend on the machine beyond rounding, so
no times are taken. See README.md beside this file.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from orthola._cli.backends import load
from orthola._cli.polar_study.methods import methods_for
from orthola._cli.polar_study.problems import stated
from orthola._cli.polar_study.sampling import Curve, sample
from orthola._cli.selection import DTYPES
from orthola._cli.terminal import Ticker, terminal
from orthola._core.errors import Status
from orthola._core.versions import environment

SPECTRA = ("geometric", "linear", "one-small", "one-large", "two-level", "three-level")
CONDITIONS = (1e1, 1e3, 1e6, 1e8, 1e12, 1e15)
SHAPES = ((60, 60), (150, 60))
COLUMNS = ("method", ">condition", ">steps", ">orthogonality", ">residual", ">not converged")


class Result(NamedTuple):
    """One method on one matrix."""

    dtype: str
    method: str
    condition: float
    spectrum: str
    shape: tuple[int, int]
    steps: int | None
    orthogonality: float
    residual: float
    status: str


def results(dtype: str, conditions: tuple[float, ...], tick: Ticker) -> Iterator[Result]:
    backend = load("numpy")
    methods = [method for method in methods_for(dtype) if method.name != "auto"]
    for condition in conditions:
        for spectrum in SPECTRA:
            for m, n in SHAPES:
                problem = stated(spectrum, n, condition, rows=m, dtype=dtype)
                for method in methods:
                    curve = sample(problem.matrix, method, backend)
                    yield _result(curve, dtype, condition, spectrum, (m, n))
        tick(f"{dtype}, condition {condition:.0e}")


def _result(
    curve: Curve, dtype: str, condition: float, spectrum: str, shape: tuple[int, int]
) -> Result:
    last, quality = curve.last, curve.last.quality
    return Result(
        dtype,
        curve.method,
        condition,
        spectrum,
        shape,
        last.steps,
        quality.orthogonality,
        quality.residual,
        last.status.name,
    )


def table(found: list[Result]) -> list[tuple[str, ...]]:
    """One row for each method and condition: the worst over spectra and shapes.

    Steps and errors are those of the results that are certified; the last column counts the
    others, which `polar` would have computed by the SVD.
    """
    rows = []
    # A dictionary keeps the order in which they were found: conditions rise, methods as listed.
    for method, condition in product(
        dict.fromkeys(r.method for r in found), dict.fromkeys(r.condition for r in found)
    ):
        here = [r for r in found if (r.method, r.condition) == (method, condition)]
        good = [r for r in here if r.status != Status.NOT_CONVERGED.name]
        steps = [r.steps for r in good if r.steps is not None]
        rows.append(
            (
                method,
                f"{condition:.0e}",
                f"{min(steps)} to {max(steps)}" if steps else "-",
                f"{max(r.orthogonality for r in good):.1e}" if good else "-",
                f"{max(r.residual for r in good):.1e}" if good else "-",
                f"{len(here) - len(good)} of {len(here)}",
            )
        )
    return rows


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convergence.polar")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result")
    parser.add_argument("--dtype", choices=DTYPES, action="append", help="default: all four")
    parser.add_argument("--quick", action="store_true", help="condition 1e3 and 1e15 only")
    arguments = parser.parse_args(argv)
    dtypes = arguments.dtype or DTYPES
    conditions = (1e3, 1e15) if arguments.quick else CONDITIONS

    out = terminal()
    found: list[Result] = []
    with out.progress("polar", len(dtypes) * len(conditions)) as tick:
        for dtype in dtypes:
            found += results(dtype, conditions, tick)
    shapes = " and ".join(f"{m} × {n}" for m, n in SHAPES)
    for dtype in dtypes:
        out.heading(f"{dtype}, worst of {len(SPECTRA)} spectra, {shapes}")
        out.table(COLUMNS, table([r for r in found if r.dtype == dtype]))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(_report(found), indent=1) + "\n", encoding="utf-8")
    return 0


def _report(found: list[Result]) -> dict[str, Any]:
    # An iterate that overflowed is NaN, which JSON does not have.
    plain = [
        {key: None if value != value else value for key, value in r._asdict().items()}
        for r in found
    ]
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"date": date, "environment": environment(), "results": plain}


if __name__ == "__main__":
    sys.exit(main())
