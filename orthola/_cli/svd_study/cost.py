"""Time and memory against the number of blocks."""

from __future__ import annotations

import time
import tracemalloc
from functools import partial

from ..clock import nothing, shortest_times
from .contenders import CONTENDERS
from .outcome import Experiment
from .rows import Stream

__all__ = ["memory", "times"]

_COUNTS = (4, 8, 16, 32, 64, 128)
_RANK = 16


def times(stream: Stream, repeats: int, *, quick: bool) -> Experiment:
    """Seconds for all blocks."""
    counts, rank = _few(quick), _rank(stream)
    curves: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for count in counts:
        blocks = stream.again(count)
        calls = [partial(follow, blocks, rank) for follow in CONTENDERS.values()]
        for call in calls:
            call()  # compiles and imports
        seconds = shortest_times(calls, nothing, repeats, time.process_time)
        for name, each in zip(CONTENDERS, seconds, strict=True):
            curves[name].append(each)
    return _experiment("time", "Processor time", "seconds", stream, counts, curves)


def memory(stream: Stream, *, quick: bool) -> Experiment:
    """Megabytes at most, beside the stream itself."""
    counts, rank = _few(quick), _rank(stream)
    curves: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for count in counts:
        blocks = stream.again(count)
        for name, follow in CONTENDERS.items():
            tracemalloc.start()
            follow(blocks, rank)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            curves[name].append(peak / 1e6)
    return _experiment("memory", "Memory", "megabytes", stream, counts, curves)


def _experiment(
    name: str, title: str, y_name: str, stream: Stream, counts: tuple[int, ...],
    curves: dict[str, list[float]],
) -> Experiment:  # fmt: skip
    b, d = stream.blocks[0].shape
    return Experiment(
        name, f"{title}, blocks of {b} × {d}, rank {_rank(stream)}", "blocks", y_name,
        [float(n) for n in counts], curves,
    )  # fmt: skip


def _rank(stream: Stream) -> int:
    return min(_RANK, stream.features // 4)


def _few(quick: bool) -> tuple[int, ...]:
    return _COUNTS[:3] if quick else _COUNTS
