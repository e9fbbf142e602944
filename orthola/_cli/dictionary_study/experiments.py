"""What is measured on synthetic streams: one piece of work for each curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .learners import ALPHAS, PEER, Learner, OrthogonalLearner, SklearnLearner
from .outcome import Curve, Experiment
from .streams import Stream
from .tracing import traced

__all__ = ["SCHEDULES", "Budget", "experiments"]

SCHEDULES = ("default", "theory", "published", "sfw")
Array = np.ndarray[Any, Any]
Work = tuple[str, Callable[[], Curve]]


class Budget(NamedTuple):
    """How much is measured."""

    seeds: int
    samples: int  # of the ordinary stream; others are multiples of it
    points: int
    dimensions: tuple[int, ...]
    alphas: tuple[float, ...]
    first_seed: int = 0


FULL = Budget(3, 60_000, 36, (10, 20, 50, 100), ALPHAS)
QUICK = Budget(1, 12_000, 18, (10, 20, 50), (0.3,))


def experiments(
    budget: Budget, dtype: str
) -> Iterator[tuple[str, list[Work], Callable[[Sequence[Curve]], Experiment]]]:
    """Name, pieces of work and what becomes of their curves."""
    base = Stream(20, 0.3, dtype=dtype)
    run = partial(_curve, budget)
    watched = partial(run, gap=True)
    size = budget.samples

    yield _experiment(
        "schedules", "Step sizes",
        [(s, partial(watched, s, base, 10, size, schedule=s)) for s in SCHEDULES],
    )  # fmt: skip
    yield _experiment(
        "dimensions", "Order n, θ = 0.1",
        [
            (f"n = {n}", partial(watched, f"n = {n}", replace(base, n=n, theta=0.1), 32, size))
            for n in budget.dimensions
        ],
    )  # fmt: skip
    yield _experiment(
        "sparsity", "Share θ of entries in use",
        [
            (f"θ = {t}", partial(watched, f"θ = {t}", replace(base, theta=t), 10, size))
            for t in (0.1, 0.2, 0.3, 0.5)
        ],
    )  # fmt: skip
    yield _experiment(
        "batches", "Rows b of a mini-batch",
        [
            # Row by row takes long, and a quarter of the rows shows it all.
            (f"b = {b}", partial(watched, f"b = {b}", base, b, size if b > 1 else size // 4))
            for b in (1, 10, 100, 1000)
        ],
    )  # fmt: skip
    troubled = {f"σ = {s:g}": replace(base, noise=s) for s in (0.0, 0.1, 0.2, 0.5)}
    troubled["1 % outliers"] = replace(base, outliers=0.01)
    yield _experiment(
        "noise", "Noise σ",
        [(name, partial(run, name, stream, 10, size)) for name, stream in troubled.items()],
    )  # fmt: skip
    for n, theta, batch in ((20, 0.3, 10), (50, 0.1, 32)):
        stream = replace(base, n=n, theta=theta)
        yield _experiment(
            f"beside-{n}", f"Beside scikit-learn, n = {n}, θ = {theta}",
            [
                ("orthola", partial(run, "orthola", stream, batch, size // 2)),
                (PEER, partial(_best_peer, budget, stream, batch, size // 2)),
            ],
        )  # fmt: skip
    turning = replace(base, drift=3e-3)
    yield _experiment(
        "drift", "Atoms turn by 0.003 rad a step",
        [
            (name, partial(run, name, turning, 10, size // 2, window=w))
            for name, w in (("no window", None), ("w = 10", 10), ("w = 20", 20), ("w = 40", 40))
        ],
    )  # fmt: skip


def _experiment(
    name: str, title: str, work: list[Work]
) -> tuple[str, list[Work], Callable[[Sequence[Curve]], Experiment]]:
    return name, work, lambda curves: Experiment(name, title, tuple(curves))


def _curve(
    budget: Budget,
    name: str,
    stream: Stream,
    batch: int,
    samples: int,
    *,
    gap: bool = False,
    **options: Any,
) -> Curve:
    learner = partial(OrthogonalLearner, **options)
    return _traced(budget, name, learner, stream, batch, samples, gap=gap)


def _best_peer(budget: Budget, stream: Stream, batch: int, samples: int) -> Curve:
    """Of all penalties the one that ends best, which only those can choose who know the answer."""
    curves = [
        _traced(
            budget, f"{PEER}, α = {alpha:g}", partial(SklearnLearner, alpha=alpha, batch=batch),
            stream, batch, samples,
        )
        for alpha in budget.alphas
    ]  # fmt: skip
    return min(curves, key=lambda curve: curve.middle("error")[-1])


def _traced(
    budget: Budget,
    name: str,
    learner_at: Callable[[Array], Learner],
    stream: Stream,
    batch: int,
    samples: int,
    *,
    gap: bool = False,
) -> Curve:
    traces = [
        traced(
            replace(stream, seed=budget.first_seed + i), learner_at,
            samples=samples, batch=batch, points=budget.points, gap=gap,
        )
        for i in range(budget.seeds)
    ]  # fmt: skip
    return Curve(name, tuple(traces), batch)
