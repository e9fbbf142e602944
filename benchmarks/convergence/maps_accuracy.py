"""Accuracy tables of the orthogonal maps: orthogonality, error and round trip, in units of n u.

Gaussian parameters of stated norms, both real precisions, square and tall. See README.md beside
this file.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import orthola
from orthola._cli.terminal import Ticker, terminal
from orthola._core.versions import environment
from orthola.testing import orthogonality

SHAPES = ((8, 8), (64, 64), (256, 256), (1024, 32))
NORMS = (1.0, 1e3, 1e6)  # of the parameters, ||.||_2
SEEDS = range(3)
COLUMNS = (
    "map", ">shape", ">norm", ">float64 orth.", ">float32 orth.", ">float32 error", ">round trip",
)  # fmt: skip

Array = np.ndarray[Any, Any]


class Contender(NamedTuple):
    """One map, and its inverse followed by it."""

    forward: Callable[[Array], Array]
    again: Callable[[Array], Array] | None = None
    square: bool | None = None  # None: both
    norms: tuple[float, ...] = NORMS


def _cayley_again(q: Array) -> Array:
    found = orthola.cayley_inverse(q)
    return np.asarray(orthola.cayley(found.skew, signs=found.signs))


def _frame_again(q: Array) -> Array:
    found = orthola.cayley_frame_inverse(q)
    return np.asarray(orthola.cayley_frame(found.skew, signs=found.signs))


def _reflectors_again(q: Array) -> Array:
    found = orthola.householder_vectors(q)
    return np.asarray(orthola.householder_product(found.vectors, found.tau) * found.signs)


def _retraction(method: str) -> Callable[[Array], Array]:
    def forward(z: Array) -> Array:
        x = orthola.haar(*z.shape, rng=0).astype(z.dtype)
        x = orthola.polar(x).unitary  # orthonormal in this precision, too
        return np.asarray(orthola.retract(x, z, method=method))

    return forward


CONTENDERS = {
    "householder": Contender(orthola.householder_product, _reflectors_again, None, (1.0,)),
    "cayley": Contender(orthola.cayley, _cayley_again, True),
    "cayley-frame": Contender(orthola.cayley_frame, _frame_again),
    "skew-exp": Contender(orthola.skew_exp, None, True),
    "retract-cayley": Contender(_retraction("cayley")),
    "retract-polar": Contender(_retraction("polar")),
    "retract-qr": Contender(_retraction("qr")),
}


class Result(NamedTuple):
    """The worst over the seeds, all in units of n u."""

    map: str
    shape: tuple[int, int]
    norm: float
    double: float  # ||Q^T Q - I||_2
    single: float
    error: float  # ||Q_single - Q_double||_2 / (1 + norm)
    round_trip: float | None  # of the inverse at Q, in double precision


def results(name: str, contender: Contender) -> Iterator[Result]:
    for n, k in SHAPES:
        if contender.square not in (None, n == k):
            continue
        for norm in contender.norms:
            yield _worst(name, contender, n, k, norm)


def _worst(name: str, contender: Contender, n: int, k: int, norm: float) -> Result:
    units = [n * np.finfo(dtype).eps / 2 for dtype in ("float64", "float32")]
    rows = []
    for seed in SEEDS:
        # Exact in single precision, so that both work on the same numbers.
        x = np.random.default_rng(seed).standard_normal((n, k)).astype("float32")
        x *= np.float32(norm / np.linalg.norm(x, 2))
        q, single = contender.forward(x.astype("float64")), contender.forward(x)
        error = np.linalg.norm(q - single, 2) / (1.0 + norm)
        # Small angles would make the inverse easy.
        frame = orthola.haar(n, k, rng=seed)
        again = 0.0 if contender.again is None else np.linalg.norm(contender.again(frame) - frame)
        rows.append(
            (
                orthogonality(q) / units[0],
                orthogonality(single) / units[1],
                error / units[1],
                again / units[0],
            )
        )
    double, single, error, again = (float(max(column)) for column in zip(*rows, strict=True))
    trip = None if contender.again is None else again
    return Result(name, (n, k), norm, double, single, error, trip)


def table(found: list[Result]) -> list[tuple[str, ...]]:
    return [
        (
            r.map,
            f"{r.shape[0]} × {r.shape[1]}",
            f"{r.norm:.0e}",
            *(f"{x:.2g}" for x in (r.double, r.single, r.error)),
            "-" if r.round_trip is None else f"{r.round_trip:.2g}",
        )
        for r in found
    ]


def gather(tick: Ticker) -> Iterator[Result]:
    for name, contender in CONTENDERS.items():
        yield from results(name, contender)
        tick(name)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convergence.maps_accuracy")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number")
    arguments = parser.parse_args(argv)
    out = terminal()
    with out.progress("maps", len(CONTENDERS)) as tick:
        found = list(gather(tick))
    out.heading(f"in units of n u; worst of {len(SEEDS)} Gaussian parameters")
    out.table(COLUMNS, table(found))
    if arguments.json is not None:
        report = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment(),
            "results": [r._asdict() for r in found],
        }
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
