"""Measure where `polar` and `orthogonalize` should change their method, for `_core/tuning.py`.

    OPENBLAS_NUM_THREADS=1 python benchmarks/tune_polar.py --json benchmarks/results/tuning.json

Prints, for each pair of methods, the ratio of their process CPU times (paired and interleaved, one
BLAS thread, median) over a grid of shapes, and the first size from which the second one wins. Run
it on a quiet machine. Every result is checked before its time counts. ``orthola tune``
finds the most important of these limits in a minute, with the same clockwork.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import orthola
from orthola._cli.tune.duels import Contender, contender, ratio
from orthola.testing import from_spectrum

Case = tuple[Any, np.ndarray, dict[str, Any], dict[str, Any]]  # size, input, old and new options

SQUARE = (32, 48, 64, 96, 128, 160, 192, 256, 384, 512)
TALL_ORDERS = (16, 32, 48, 64, 96, 128, 256)
ORDERS = (64, 128, 256, 512)
ASPECTS = (1.25, 1.5, 2.0, 3.0, 4.0, 8.0)
GRAM_ORDERS = (16, 32, 64, 128, 256)
GRAM_ASPECTS = (2.0, 4.0, 8.0, 16.0, 32.0)
CONDITIONS = (1e1, 1e2, 1e3, 1e4, 1e5, 1e6)
STACK_ITEMS = (1, 2, 4, 8, 16)
STACK_ORDERS = (3, 8, 16, 32)
_ANY_STACK = {"stack_items": 1, "stack_order": 256}
NO_LIMITS = {"polar_double": _ANY_STACK, "polar_single": _ANY_STACK}


def checked(a: np.ndarray, **options: Any) -> Contender:
    """A call of `polar` whose result has been verified once; stacks of any size in the kernel."""
    limit = 1e-12 if a.dtype.itemsize == 8 else 1e-5

    def right(result: Any) -> bool:
        quality = orthola.polar_quality(a, result.unitary)
        worst = max(float(np.max(quality.orthogonality)), float(np.max(quality.residual)))
        return worst < limit

    return contender(partial(orthola.polar, a, **options), right, **NO_LIMITS)


def graded(n: int, condition: float) -> np.ndarray:
    """Singular values from 1 down to 1/condition, geometrically."""
    return from_spectrum(n, n, np.geomspace(1.0, 1.0 / condition, n), rng=1)


def approximate(a: np.ndarray, **options: Any) -> Contender:
    """A call of `orthogonalize` whose result has been verified once."""
    low, high = orthola.schedule("polar-express", steps=5, lower_bound=1e-3).interval

    def right(u: Any) -> bool:
        sigma = np.linalg.svd(u, compute_uv=False)
        return bool(sigma[0] < high + 1e-3 and sigma[-1] > low - 1e-3)

    return contender(partial(orthola.orthogonalize, a, **options), right)


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

        def duel(
            name: str,
            cases: list[Case],
            dtype: str = dtype,
            run: Callable[..., Contender] = checked,
        ) -> None:
            rows = []
            for size, a, old, new in cases:
                pair = run(a, **old), run(a, **new)
                found = ratio(*pair, clock=time.process_time, seconds=seconds)
                rows.append({"size": size, "ratio": round(found, 3)})
                print(f"{name:34} {dtype:8} {size!s:12} {found:6.2f}", flush=True)
            tables[f"{name}, {dtype}"] = {"rows": rows, "wins_from": first_win(rows)}

        svd = {"method": "svd"}
        duel(
            "square: svd / halley",
            [(n, gaussian(n, n), svd, {"method": "halley"}) for n in SQUARE],
        )
        for n in (256, 512, 1024):
            duel(
                f"condition, order {n}: svd / halley",
                [(k, graded(n, k).astype(dtype), svd, {"method": "halley"}) for k in CONDITIONS],
            )
        halley, newton, gram = ({"method": name} for name in ("halley", "newton", "gram"))
        for aspect in (2, 4, 16):
            duel(
                f"aspect {aspect}: svd / newton",
                [(n, gaussian(aspect * n, n), svd, newton) for n in TALL_ORDERS],
            )
        for n in ORDERS:
            duel(
                f"order {n}: halley / newton",
                [(q, gaussian(int(q * n), n), halley, newton) for q in ASPECTS],
            )
        if dtype == "float32":
            for n in GRAM_ORDERS:
                best = newton if n >= 64 else svd
                duel(
                    f"order {n}: {best['method']} / gram",
                    [(q, gaussian(int(q * n), n), best, gram) for q in GRAM_ASPECTS],
                )
        for n in ORDERS:
            duel(
                f"orthogonalize, order {n}: direct / gram",
                [(q, gaussian(int(q * n), n), {"gram": False}, {"gram": True}) for q in ASPECTS],
                run=approximate,
            )
        duel(
            "16 items: svd / kernel",
            [(n, gaussian(16, n, n), svd, {"method": "auto"}) for n in (48, 64, 96, 128)],
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
