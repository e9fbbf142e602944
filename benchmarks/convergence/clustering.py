"""Compression by shared bases under an error limit: every way to group the blocks, on five sets.

All clusters are decomposed densely, whatever found them. Those beyond the limit are stored block by
block, as they are: for baselines that know nothing of the limit. The ratio counts d n numbers for a
block alone and min(r (d + n), d n) for a cluster of n columns; "adaptive" counts the smallest
certified rank of every cluster and block instead. Times are processor seconds of one run.

Then our time over that of the greedy method as one would write it down, the median of runs in
turns; the bounds on the error of random groups of columns, against the true error; and the time for
more and more single columns of 256 entries, 250 from each of ever more spaces of 8 dimensions.

``python -m benchmarks.convergence.clustering --json clustering.json`` takes some four minutes.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans

import orthola
from benchmarks.convergence.clustering_data import SETS, Array, Data, many
from benchmarks.convergence.clustering_textbook import textbook
from orthola._cli.terminal import Ticker, terminal
from orthola._core.versions import environment

COLUMNS = (
    "method", ">ratio", ">adaptive", ">clusters", ">beyond limit", ">worst error", ">trials",
    ">seconds",
)  # fmt: skip
GROUPS = (10, 100, 1000)
SIZES, DRAWS = (64, 128, 256, 512, 1024), 3  # of random groups of the last set
COUNTS = (1000, 10_000, 30_000, 100_000)
PAIRS = 3  # of our method and the textbook's, in turns
BOUNDS = ("lower", "incremental", "union", "weyl", "residual")


class Result(NamedTuple):
    """One method on one set."""

    data: str
    method: str
    ratio: float
    adaptive: float | None
    clusters: int  # of several blocks, within the limit
    beyond: int  # that break it
    worst: float  # true relative error of the clusters kept
    trials: int | None
    seconds: float


class Grouping(NamedTuple):
    labels: Array
    adaptive: float | None = None
    trials: int | None = None


Method = Callable[[Data], Grouping]


def _ours(**options: Any) -> Method:
    def run(data: Data) -> Grouping:
        found = orthola.cluster_blocks(
            data.blocks, rank=data.rank, max_error=data.max_error, axis=1, **options
        )
        return Grouping(found.labels, found.compression_ratio_adaptive, found.trials)

    return run


def _features(data: Data) -> Array:
    flat = np.stack([x.ravel() for x in data.blocks])
    return np.concatenate([flat.real, flat.imag], axis=1) if np.iscomplexobj(flat) else flat


def _random(groups: int) -> Method:
    def run(data: Data) -> Grouping:
        return Grouping(np.random.default_rng(0).integers(0, groups, len(data.blocks)))

    return run


def _k_means(groups: int) -> Method:
    def run(data: Data) -> Grouping:
        model = KMeans(min(groups, len(data.blocks) // 2), n_init=1, max_iter=30, random_state=0)
        return Grouping(model.fit_predict(_features(data)))

    return run


def _hdbscan(data: Data) -> Grouping:
    labels = HDBSCAN(min_cluster_size=2, copy=True).fit_predict(_features(data))
    noise = labels < 0
    labels[noise] = labels.max() + 1 + np.arange(noise.sum())
    return Grouping(labels)


TEXTBOOK = "textbook, residual order"
METHODS: dict[str, Method] = {
    "merge": _ours(),
    "merge, each block": _ours(per_block=True),
    "incremental, residual order": _ours(method="incremental"),
    "incremental, norm order": _ours(method="incremental", order="norm"),
    "residual": _ours(method="residual"),
    "norm": _ours(method="norm"),
    **{f"k-means {n}": _k_means(n) for n in GROUPS},
    "HDBSCAN": _hdbscan,
    TEXTBOOK: lambda data: Grouping(textbook(data)),
    **{f"random {n}": _random(n) for n in GROUPS},
}


def true_error(m: Array, rank: int) -> float:
    """Relative error of the best approximation, to sqrt(eps): far below every limit here."""
    gram = m.conj().T @ m if m.shape[1] < m.shape[0] else m @ m.conj().T
    values = np.clip(np.linalg.eigvalsh(gram)[::-1], 0, None)
    return float(np.sqrt(values[rank:].sum() / values.sum()))


def judged(data: Data, labels: Array) -> tuple[float, int, int, float]:
    """(Compression ratio, clusters within the limit, beyond it, worst error within)."""
    d = data.blocks[0].shape[0]
    order = np.argsort(labels, kind="stable")
    stored = within = beyond = total = 0
    worst = 0.0
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        n = sum(data.blocks[j].shape[1] for j in members)
        total += d * n
        cost = d * n
        if len(members) > 1:
            m = np.concatenate([data.blocks[j] for j in members], axis=1)
            error = true_error(m, data.rank)
            if error <= data.max_error:
                within, worst = within + 1, max(worst, error)
                cost = min(data.rank * (d + n), cost)
            else:
                beyond += 1
        stored += cost
    return total / stored, within, beyond, worst


def results(name: str, chosen: list[str]) -> Iterator[Result]:
    data = SETS[name]()
    for method in chosen:
        found, seconds = timed(method, data)
        ratio, within, beyond, worst = judged(data, found.labels)
        yield Result(
            name, method, ratio, found.adaptive, within, beyond, worst, found.trials, seconds
        )


def timed(method: str, data: Data) -> tuple[Grouping, float]:
    """Groups, and processor seconds."""
    start = time.process_time()
    found = METHODS[method](data)
    return found, time.process_time() - start


def over_textbook(name: str) -> float:
    """Our time over that of the textbook's method; the answers are those judged in `results`."""
    data = SETS[name]()
    pairs = [[timed(method, data)[1] for method in ("merge", TEXTBOOK)] for _ in range(PAIRS)]
    return float(np.median([ours / theirs for ours, theirs in pairs]))


def table(found: list[Result]) -> list[tuple[str, ...]]:
    return [
        (r.method, f"{r.ratio:.3f}", "-" if r.adaptive is None else f"{r.adaptive:.3f}",
         f"{r.clusters}", f"{r.beyond}", f"{r.worst:.4f}",
         "-" if r.trials is None else f"{r.trials}", f"{r.seconds:.2f}")
        for r in found
    ]  # fmt: skip


def gather(sets: list[str], methods: list[str], tick: Ticker) -> Iterator[Result]:
    for name in sets:
        for result in results(name, methods):
            yield result
            tick(f"{name}: {result.method}")


class Estimate(NamedTuple):
    """Bounds on the relative error of a random group, and the error."""

    size: int
    draw: int
    true: float
    bounds: dict[str, float]


def estimates(tick: Ticker) -> Iterator[Estimate]:
    data = SETS["weights"]()
    for size in SIZES:
        for draw in range(DRAWS):
            members = np.random.default_rng(draw).choice(len(data.blocks), size, replace=False)
            group = [data.blocks[j] for j in members]
            found = orthola.concat_svd_bounds(group, data.rank, axis=1)
            bounds = {name: float(getattr(found, name)) for name in BOUNDS}
            yield Estimate(size, draw, true_error(np.concatenate(group, axis=1), data.rank), bounds)
            tick(f"bounds: {size} columns")


class Growth(NamedTuple):
    """One collection of single columns."""

    columns: int
    clusters: int
    ratio: float
    worst: float  # error of a cluster by its certificate
    trials: int
    seconds: float


def growth(tick: Ticker) -> Iterator[Growth]:
    for count in COUNTS:
        data = many(count)
        start = time.process_time()
        found = orthola.cluster_blocks(
            data.blocks, rank=data.rank, max_error=data.max_error, axis=1
        )
        seconds = time.process_time() - start
        worst = float(found.errors.max(initial=0.0))
        yield Growth(count, len(found.bases), found.compression_ratio, worst, found.trials, seconds)
        tick(f"growth: {count} columns")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convergence.clustering")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result")
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS), metavar="SET")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    arguments = parser.parse_args(argv)
    out = terminal()
    steps = len(arguments.data) * (len(arguments.method) + 1) + len(SIZES) * DRAWS + len(COUNTS)
    with out.progress("clustering", steps) as tick:
        found = list(gather(arguments.data, arguments.method, tick))
        ratios = {}
        for name in arguments.data:
            ratios[name] = over_textbook(name)
            tick(f"{name}: in turns with the textbook")
        bounds = list(estimates(tick))
        grown = list(growth(tick))
    for name in arguments.data:
        out.heading(name)
        out.table(COLUMNS, table([r for r in found if r.data == name]))
    out.heading("time of merge over that of the textbook")
    out.table(("data", ">ratio"), [(name, f"{ratio:.2f}") for name, ratio in ratios.items()])
    out.heading("weights: bounds on the error of random groups, mean of the draws")
    rows = []
    for size in SIZES:
        here = [e for e in bounds if e.size == size]
        means = [np.mean([e.bounds[name] for e in here]) for name in BOUNDS]
        cells = [np.mean([e.true for e in here]), *means]
        rows.append((f"{size}", *(f"{x:.4f}" for x in cells)))
    out.table(("columns", ">true", *(f">{name}" for name in BOUNDS)), rows)
    out.heading("time for more and more columns")
    cells = [[f"{x:.4g}" if isinstance(x, float) else str(x) for x in g] for g in grown]
    out.table([f">{name}" for name in Growth._fields], [tuple(row) for row in cells])
    if arguments.json is not None:
        report = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment(),
            "results": [result._asdict() for result in found],
            "time_over_textbook": ratios,
            "bounds": [estimate._asdict() for estimate in bounds],
            "growth": [g._asdict() for g in grown],
        }
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
