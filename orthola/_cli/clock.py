"""Times of many calls, taken in rounds so that a disturbance does not hit one of them alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from typing import Any

__all__ = ["nothing", "shortest_times", "times_of_short_calls"]

_ENOUGH = 20.0  # seconds after which no further round is begun


def shortest_times(
    calls: Sequence[Callable[[], Any]],
    wait: Callable[[Any], object],
    repeats: int,
    now: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Shortest time of each call in seconds: what the machine does when nothing disturbs it.

    Every call must have run once before, which takes compilation and imports out. `now` may be
    another clock, such as that of the processor.
    """
    best = [float("inf")] * len(calls)
    begin = time.perf_counter()
    for _ in range(repeats):
        for i, call in enumerate(calls):
            start = now()
            wait(call())
            best[i] = min(best[i], now() - start)
        if time.perf_counter() - begin > _ENOUGH:
            break
    return best


def times_of_short_calls(
    calls: Sequence[Callable[[], Any]],
    repeats: int,
    least: float,
    now: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """The same where one call is too short to be timed: every measurement takes at least so long.

    Each is repeated in a row, so that caches are as warm as in a user's loop.
    """
    several = []
    for call in calls:
        (once,) = shortest_times([call], nothing, 1, now)
        if once < least:
            (once,) = shortest_times([call], nothing, 2, now)
        several.append(ceil(least / max(once, 1e-7)))
    runs = [partial(_again, call, k) for call, k in zip(calls, several, strict=True)]
    total = shortest_times(runs, nothing, repeats, now)
    return [t / k for t, k in zip(total, several, strict=True)]


def nothing(_: object) -> None:
    """To wait for where results are there when the call returns."""


def _again(call: Callable[[], object], several: int) -> None:
    for _ in range(several):
        call()
