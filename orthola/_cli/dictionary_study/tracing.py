"""A learner on a stream, looked at now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import dictionary_recovery
from .learners import Learner, OrthogonalLearner
from .outcome import Trace
from .streams import Stream

__all__ = ["checkpoints", "relative_gap", "traced"]

Array = np.ndarray[Any, Any]
_HELD_OUT = 20_000


def checkpoints(steps: int, points: int) -> list[int]:
    """Numbers of steps, evenly spaced on a logarithmic scale, the last one included."""
    return sorted({round(t) for t in np.geomspace(1, steps, points)})


def traced(
    stream: Stream,
    learner_at: Callable[[Array], Learner],
    *,
    samples: int,
    batch: int,
    points: int = 30,
    gap: bool = False,
) -> Trace:
    """One pass of a learner over a stream; only its updates are timed."""
    learner = learner_at(stream.start)
    looks = iter(checkpoints(samples // batch, points))
    look = next(looks)
    unseen = stream.held_out(_HELD_OUT) if gap else None
    seen, errors, bare, gaps, seconds, spent = [], [], [], [], [], 0.0
    for step, (rows, atoms) in enumerate(stream.batches(samples, batch), start=1):
        begin = time.perf_counter()
        learner.update(rows)
        spent += time.perf_counter() - begin
        if step != look:
            continue
        look = next(looks, 0)
        recovery = dictionary_recovery(learner.atoms(), atoms.astype(stream.dtype))
        seen.append(step * batch)
        seconds.append(spent)
        errors.append(_visible(recovery.err4))
        if isinstance(learner, OrthogonalLearner):
            iterate = learner.iterate
            bare.append(_visible(dictionary_recovery(iterate, atoms.astype(stream.dtype)).err4))
            if unseen is not None:
                gaps.append(relative_gap(iterate, unseen))
    return Trace(
        seen, errors, bare, gaps, seconds, float(recovery.share), float(recovery.smallest)
    )  # fmt: skip


def relative_gap(iterate: Array, rows: Array) -> float:
    """1 - <G, A> / ||G||_* with G the gradient of mean sum |c|^3 at A."""
    codes = rows @ iterate.T
    gradient = (codes * np.abs(codes)).T @ rows
    most = np.linalg.svd(gradient, compute_uv=False).sum()
    return float(1.0 - np.vdot(gradient, iterate) / most)


def _visible(error: Any) -> float:
    """Rounding may leave an error of 0 below it."""
    return max(float(error), 0.0)
