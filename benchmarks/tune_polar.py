"""Measure where `polar` and `orthogonalize` should change their method, for `_core/tuning.py`.

    OPENBLAS_NUM_THREADS=1 python benchmarks/tune_polar.py --json benchmarks/results/tuning.json

Prints, for each pair of methods, the ratio of their process CPU times (paired and interleaved, one
BLAS thread, median) over a grid of shapes, and the first size from which the second one wins. Run
it on a quiet machine. Every result is checked before its time counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import orthola

Case = tuple[Any, np.ndarray, dict[str, Any], dict[str, Any]]  # size, input, old and new options

SQUARE = (32, 48, 64, 96, 128, 160, 192, 256, 384, 512)
TALL = ((64, 16), (128, 32), (256, 64), (512, 128), (1024, 256))
ASPECTS = (1.1, 1.25, 1.5, 2.0, 3.0, 4.0)
STACK_ITEMS = (2, 4, 8, 16, 32, 64)
STACK_ORDERS = (3, 8, 16, 24, 32)


def median_ratio(first: Callable[[], Any], second: Callable[[], Any], *, seconds: float) -> float:
    """Median over pairs of CPU time of `first` over that of `second`."""
    for warm in (first, second, first, second):
        warm()
    began = time.process_time()
    first()
    calls = max(1, int(0.01 / max(time.process_time() - began, 1e-6)))
    ratios = []
    end = time.monotonic() + seconds
    while len(ratios) < 5 or time.monotonic() < end:
        ratios.append(_cpu(first, calls) / _cpu(second, calls))
    return float(np.median(ratios))


def _cpu(function: Callable[[], Any], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        function()
    return time.process_time() - began


def checked(a: np.ndarray, **options: Any) -> Callable[[], Any]:
    """A call of `polar` whose result has been verified once."""
    with orthola.options(kernels=options.pop("kernels", True)):
        result = orthola.polar(a, **options)
    quality = orthola.polar_quality(a, result.unitary)
    limit = 1e-12 if a.dtype.itemsize == 8 else 1e-5
    assert float(np.max(quality.orthogonality)) < limit
    assert float(np.max(quality.residual)) < limit
    return lambda: orthola.polar(a, **options)


def first_win(rows: list[dict[str, Any]]) -> Any:
    """Smallest size from which on every measured ratio is above 1; None if there is none."""
    best = None
    for row in reversed(rows):
        if row["ratio"] < 1.0:
            break
        best = row["size"]
    return best


def measure(seconds: float) -> dict[str, Any]:
    """All tables, by name and dtype."""
    rng = np.random.default_rng(0)
    tables: dict[str, Any] = {}
    for dtype in ("float64", "float32"):

        def gaussian(*shape: int, dtype: str = dtype) -> np.ndarray:
            return rng.standard_normal(shape).astype(dtype)

        def duel(name: str, cases: list[Case], dtype: str = dtype) -> None:
            rows = []
            for size, a, old, new in cases:
                ratio = median_ratio(checked(a, **old), checked(a, **new), seconds=seconds)
                rows.append({"size": size, "ratio": round(ratio, 3)})
                print(f"{name:34} {dtype:8} {size!s:12} {ratio:6.2f}", flush=True)
            tables[f"{name}, {dtype}"] = {"rows": rows, "wins_from": first_win(rows)}

        svd = {"method": "svd"}
        duel(
            "square: svd / halley",
            [(n, gaussian(n, n), svd, {"method": "halley"}) for n in SQUARE],
        )
        duel(
            "aspect 4: svd / newton",
            [(n, gaussian(m, n), svd, {"method": "newton"}) for m, n in TALL],
        )
        duel(
            "aspect, order 256: halley / newton",
            [
                (q, gaussian(int(256 * q), 256), {"method": "halley"}, {"method": "newton"})
                for q in ASPECTS
            ],
        )
        if dtype == "float32":
            duel(
                "aspect 4: newton / gram",
                [(n, gaussian(m, n), {"method": "newton"}, {"method": "gram"}) for m, n in TALL],
            )
            duel(
                "aspect, order 256: halley / gram",
                [
                    (q, gaussian(int(256 * q), 256), {"method": "halley"}, {"method": "gram"})
                    for q in ASPECTS
                ],
            )
        for order in STACK_ORDERS:
            duel(
                f"stack of {order}x{order}: svd / kernel",
                [(b, gaussian(b, order, order), svd, {"method": "auto"}) for b in STACK_ITEMS],
            )
    return tables


def main() -> None:
    """Run everything and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seconds", type=float, default=0.5, help="per pair of calls")
    arguments = parser.parse_args()
    report = {
        "date": date.today().isoformat(),
        "machine": platform.processor() or platform.machine(),
        "numpy": np.__version__,
        "orthola": orthola.__version__,
        "tables": measure(arguments.seconds),
    }
    for name, table in report["tables"].items():
        print(f"{name:48} wins from {table['wins_from']}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
