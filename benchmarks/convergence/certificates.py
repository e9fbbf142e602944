"""How tight the certificates of streams are: three claims, measured against dense decompositions.

* **optimum**: what the certificate says of the best error of rank 64, over that error, on streams
  of 512 x 12800 and 12000 x 1920 whose directions decay into noise, 16 kept beyond the rank.
* **rank**: directions that a tolerance keeps, against the fewest that could meet it, and the error
  over the tolerance, on the first of these.
* **digits**: the certified error of a stream whose rank is 20 but for noise of 1e-11 of its norm,
  over the true one. The dense decomposition that judges knows it to some five digits.

``python -m benchmarks.convergence.certificates --json certificates.json`` takes about a minute.
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
from benchmarks.speed import streams
from benchmarks.speed.protocol import Case
from orthola._cli.terminal import Ticker, terminal
from orthola._core.versions import environment

Array = np.ndarray[Any, Any]
SIZES = {"B": (streams.SHORT, (512, 12_800)), "C": (streams.PLAIN, (12_000, 1920))}
RANK, OVERSAMPLE = 64, 16
ENGINES = ("auto", "brand", "stack")
TOLERANCES = (2e-1, 1e-1, 5e-2, 2e-2, 1e-2, 5e-3)
TINY, SEEDS = 1e-11, 5


class Optimum(NamedTuple):
    """One stream of given rank."""

    data: str
    engine: str
    upper: float  # end of the interval over the best error
    lower: float


class Rank(NamedTuple):
    """One stream of given tolerance."""

    tolerance: float
    engine: str
    kept: int
    fewest: int
    error: float  # over the tolerance
    certified: float  # the same as the certificate has it


class Digits(NamedTuple):
    """One stream of tiny error."""

    seed: int
    engine: str
    error: float  # over the norm
    certified: float  # over the error, without the allowance for rounding
    upper: float  # the same with it
    lower: float


def _streamed(x: Array, width: int, **options: Any) -> Any:
    svd = orthola.IncrementalSVD(axis=1, **options)
    for start in range(0, x.shape[1], width):
        svd.partial_fit(x[:, start : start + width])
    return svd.result()


def optima(tick: Ticker) -> Iterator[Optimum]:
    for name, (problem, shape) in SIZES.items():
        x = streams.data(Case(problem, shape))
        best = np.linalg.norm(np.linalg.svd(x, compute_uv=False)[RANK:])
        for engine in ENGINES:
            width = streams.BLOCK[problem]
            found = _streamed(x, width, rank=RANK, oversample=OVERSAMPLE, engine=engine)
            low, high = found.certificate.optimum_interval
            yield Optimum(name, engine, float(high / best), float(low / best))
            tick(f"optimum: {name}, {engine}")


def ranks(tick: Ticker) -> Iterator[Rank]:
    problem, shape = SIZES["B"]
    x = streams.data(Case(problem, shape))
    tails = np.sqrt(np.cumsum(np.linalg.svd(x, compute_uv=False)[::-1] ** 2))[::-1]
    for tolerance in TOLERANCES:
        allowed = tolerance * tails[0]
        for engine in ENGINES:
            found = _streamed(x, streams.BLOCK[problem], tol=tolerance, engine=engine)
            kept = int(found.rank)
            basis = found.basis[:, :kept]
            error = np.linalg.norm(x - basis @ (basis.T @ x))
            certified = found.certificate.optimum_interval[1]
            fewest = int(np.sum(tails > allowed))
            yield Rank(
                tolerance, engine, kept, fewest, float(error / allowed), float(certified / allowed)
            )
            tick(f"rank: {tolerance:g}, {engine}")


def digits(tick: Ticker) -> Iterator[Digits]:
    d, n, rank = 300, 400, 20
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((d, rank)) @ rng.standard_normal((rank, n))
        noise = rng.standard_normal((d, n))
        x = x + noise * (TINY * np.linalg.norm(x) / np.linalg.norm(noise))
        best = np.linalg.norm(np.linalg.svd(x, compute_uv=False)[rank:])
        for engine in ENGINES:
            found = _streamed(x, 40, rank=rank, engine=engine, buffer=1)
            low, high = found.certificate.optimum_interval
            # Rounding widens both ends of this interval alike.
            middle = np.mean(found.certificate.error)
            yield Digits(
                seed, engine, float(best / np.linalg.norm(x)), float(middle / best),
                float(high / best), float(low / best),
            )  # fmt: skip
            tick(f"digits: {seed}, {engine}")


CLAIMS: dict[str, tuple[Callable[[Ticker], Iterator[Any]], int]] = {
    "optimum": (optima, len(SIZES) * len(ENGINES)),
    "rank": (ranks, len(TOLERANCES) * len(ENGINES)),
    "digits": (digits, SEEDS * len(ENGINES)),
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convergence.certificates")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result")
    parser.add_argument("--claim", nargs="+", choices=CLAIMS, default=list(CLAIMS), metavar="CLAIM")
    arguments = parser.parse_args(argv)
    out = terminal()
    found: dict[str, list[Any]] = {}
    with out.progress("certificates", sum(CLAIMS[name][1] for name in arguments.claim)) as tick:
        for name in arguments.claim:
            found[name] = list(CLAIMS[name][0](tick))
    for name, results in found.items():
        out.heading(name)
        cells = [[f"{x:.7g}" if isinstance(x, float) else str(x) for x in r] for r in results]
        out.table(results[0]._fields, [tuple(row) for row in cells])
    if arguments.json is not None:
        report = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment(),
            "claims": {name: [r._asdict() for r in results] for name, results in found.items()},
        }
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
