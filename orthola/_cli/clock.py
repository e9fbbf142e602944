"""Times of many calls, taken in rounds so that a disturbance does not hit one of them alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["shortest_times"]

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
