"""Recovery table of online dictionaries: every schedule, orders, sparsities, batches and noises.

One pass over streams whose atoms are known; beside, MiniBatchDictionaryLearning and SPAMS on the
same rows, at the best of several penalties, with our mini-batch and with a small one. Then the
Frank-Wolfe gap against the rate of the theory. Streams and learners are those of
``orthola study dictionary``. See README.md beside this file.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import orthola
from orthola._cli.dictionary_study.experiments import SCHEDULES
from orthola._cli.dictionary_study.learners import PEER, OrthogonalLearner, SklearnLearner
from orthola._cli.dictionary_study.streams import Stream
from orthola._cli.dictionary_study.tracing import traced
from orthola._cli.terminal import Ticker, terminal
from orthola._core.versions import environment
from orthola._dictionary.objectives import frank_wolfe_gap

Array = np.ndarray[Any, Any]


class Setting(NamedTuple):
    """One line of the table."""

    stream: Stream
    batch: int
    samples: int

    @property
    def title(self) -> str:
        s = self.stream
        noise = f", sigma {s.noise:g}" if s.noise else ""
        return f"n {s.n}, theta {s.theta:g}{noise}, b {self.batch}, {self.samples} rows"


SETTINGS = (
    Setting(Stream(10, 0.3), 1, 8000),
    Setting(Stream(10, 0.1), 1, 8000),
    Setting(Stream(10, 0.3), 10, 30_000),
    Setting(Stream(10, 0.5), 10, 30_000),
    Setting(Stream(20, 0.3), 10, 30_000),
    Setting(Stream(20, 0.3, noise=0.1), 10, 30_000),
    Setting(Stream(20, 0.3, noise=0.2), 10, 30_000),
    Setting(Stream(20, 0.1), 32, 20_000),
    Setting(Stream(50, 0.1), 32, 20_000),
    Setting(Stream(50, 0.1, noise=0.1), 32, 20_000),
    Setting(Stream(50, 0.3), 32, 60_000),
    Setting(Stream(50, 0.3, noise=0.1), 32, 60_000),
    Setting(Stream(100, 0.1), 128, 40_000),
    Setting(Stream(100, 0.3), 16, 80_000),
)
PENALTIES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
LEAST_BATCH = 8  # of the peers, to which a step with one row costs nearly as much
SEEDS, PEER_SEEDS = 6, 2
GAP_STEPS, HELD_OUT = (10, 30, 100, 300, 1000, 3000, 10_000), 20_000
COLUMNS = (
    "learner", ">refined", ">worst", ">bare", ">worst", ">found", ">least |cos|", ">to 1e-2",
    ">to 1e-3", ">seconds",
)  # fmt: skip


class Result(NamedTuple):
    """One learner on all seeds of one setting."""

    setting: str
    learner: str
    refined: list[float]
    bare: list[float]
    found: float
    least_cosine: float
    to_1e_2: float | None  # median number of rows
    to_1e_3: float | None
    seconds: float


def ours(setting: Setting, schedule: str, seeds: int) -> Result:
    learner = partial(OrthogonalLearner, schedule=schedule)
    traces = [
        traced(
            replace(setting.stream, seed=seed), learner,
            samples=setting.samples, batch=setting.batch,
        )
        for seed in range(seeds)
    ]  # fmt: skip

    def first(goal: float) -> float | None:
        counts = [
            next((m for m, e in zip(t.samples, t.error, strict=True) if e <= goal), float("inf"))
            for t in traces
        ]
        middle = median(counts)
        return None if middle == float("inf") else middle

    return Result(
        setting.title, schedule,
        [t.error[-1] for t in traces], [t.iterate_error[-1] for t in traces],
        min(t.found for t in traces), min(t.cosine for t in traces),
        first(1e-2), first(1e-3), median(t.seconds[-1] for t in traces),
    )  # fmt: skip


def peers(setting: Setting, name: str, seeds: int) -> Result:
    """At the penalty and batch of least median error, which only those can choose who know D."""
    learn = {PEER: _sklearn, "SPAMS trainDL": _spams}[name]
    best = None
    batches = {LEAST_BATCH, max(setting.batch, LEAST_BATCH)}
    for penalty, batch in product(PENALTIES, sorted(batches)):
        found, spent = [], []
        for seed in range(seeds):
            stream = replace(setting.stream, seed=seed)
            rows = np.concatenate([y for y, _ in stream.batches(setting.samples, setting.batch)])
            begin = time.process_time()
            atoms = learn(rows, stream.start, penalty, batch)
            spent.append(time.process_time() - begin)
            found.append(orthola.dictionary_recovery(atoms, stream.dictionary))
        errors = [float(f.err4) for f in found]
        result = Result(
            setting.title, f"{name}, penalty {penalty:g}, b {batch}", [], errors,
            min(float(f.share) for f in found), min(float(f.smallest) for f in found), None, None,
            median(spent),
        )  # fmt: skip
        if best is None or median(errors) < median(best.bare):
            best = result
    assert best is not None
    return best


def _sklearn(rows: Array, start: Array, penalty: float, batch: int) -> Array:
    learner = SklearnLearner(start, penalty, batch)
    for i in range(0, len(rows), batch):
        learner.update(rows[i : i + batch])
    return learner.atoms()


def _spams(rows: Array, start: Array, penalty: float, batch: int) -> Array:
    train = import_module("spams").trainDL
    atoms: Array = train(
        rows.T, D=np.asfortranarray(start.T), lambda1=penalty, batchsize=batch,
        iter=len(rows) // batch, numThreads=1, verbose=False,
    ).T  # fmt: skip
    return np.ascontiguousarray(atoms)


def gaps(schedule: str, seeds: int) -> list[dict[str, float]]:
    """The gap itself on held-out rows, n = 10, theta = 0.3, b = 1, against ln t / t^(1/4)."""
    found = []
    for seed in range(seeds):
        stream = Stream(10, 0.3, seed=seed)
        unseen = stream.held_out(HELD_OUT)
        state = orthola.dictionary_init(10, init=stream.start, schedule=schedule)
        here = []
        # Steps begin when as many rows came as there are dimensions.
        for y, _ in stream.batches(GAP_STEPS[-1] + 9, 1):
            state = orthola.dictionary_update(state, y)
            if int(state.step) in GAP_STEPS:
                here.append(float(frank_wolfe_gap(state.iterate, unseen)))
        found.append(here)
    values = np.asarray(found)
    rate = np.log(GAP_STEPS) / np.power(GAP_STEPS, 0.25)
    return [
        {
            "t": t, "median": float(np.median(values[:, i])), "worst": float(values[:, i].max()),
            "rate": float(rate[i]), "worst_over_rate": float(values[:, i].max() / rate[i]),
        }
        for i, t in enumerate(GAP_STEPS)
    ]  # fmt: skip


def slope(table: list[dict[str, float]]) -> float:
    """Of the median gap from t = 100 on, in logarithms."""
    late = [(row["t"], row["median"]) for row in table if row["t"] >= 100]
    return float(np.polyfit(*np.log(np.array(late).T), 1)[0])


def available() -> list[str]:
    """The peers that are installed."""
    found = []
    for name, module in ((PEER, "sklearn"), ("SPAMS trainDL", "spams")):
        try:
            import_module(module)
            found.append(name)
        except ModuleNotFoundError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)
    return found


def gather(settings: tuple[Setting, ...], seeds: int, tick: Ticker) -> Iterator[Result]:
    names = available()
    for setting in settings:
        for schedule in SCHEDULES:
            yield ours(setting, schedule, seeds)
        for name in names:
            yield peers(setting, name, min(PEER_SEEDS, seeds))
        tick(setting.title)


def row(r: Result) -> tuple[str, ...]:
    refined = (f"{median(r.refined):.1e}", f"{max(r.refined):.1e}") if r.refined else ("-", "-")
    goals = ("-" if m is None else f"{m:g}" for m in (r.to_1e_2, r.to_1e_3))
    return (
        r.learner, *refined, f"{median(r.bare):.1e}", f"{max(r.bare):.1e}", f"{r.found:.0%}",
        f"{r.least_cosine:.4f}", *goals, f"{r.seconds:.2f}",
    )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convergence.dictionary")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number")
    parser.add_argument("--quick", action="store_true", help="two settings, two seeds")
    arguments = parser.parse_args(argv)
    settings = (SETTINGS[2], SETTINGS[8]) if arguments.quick else SETTINGS
    seeds = 2 if arguments.quick else SEEDS
    out = terminal()
    with out.progress("dictionary", len(settings) + len(SCHEDULES)) as tick:
        found = list(gather(settings, seeds, tick))
        gap = {}
        for schedule in SCHEDULES:
            gap[schedule] = gaps(schedule, seeds)
            tick(f"gap: {schedule}")
    for setting in settings:
        out.heading(f"{setting.title}; median and worst error of {seeds} streams")
        out.table(COLUMNS, [row(r) for r in found if r.setting == setting.title])
    out.heading(f"Frank-Wolfe gap, n 10, theta 0.3, b 1: median of {seeds} streams (worst / rate)")
    out.table(
        ("schedule", *(f">t = {t}" for t in GAP_STEPS), ">slope"),
        [
            (
                name, *(f"{g['median']:.3f} ({g['worst_over_rate']:.2f})" for g in table),
                f"{slope(table):.2f}",
            )
            for name, table in gap.items()
        ],
    )  # fmt: skip
    if arguments.json is not None:
        report = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment(),
            "error": "1 - ||polar(A) D^T||_4^4 / n; of peers under 'bare'",
            "settings": [
                asdict(s.stream) | {"title": s.title, "batch": s.batch, "samples": s.samples}
                for s in settings
            ],
            "recovery": [r._asdict() for r in found],
            "gap": {name: {"slope": slope(t), "steps": t} for name, t in gap.items()},
        }
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
