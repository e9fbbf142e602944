"""Two callables on the device, in turns: medians, and the median of paired ratios."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.speed.duel import Spread

# Seconds of the slower call, and pairs taken from there on; slowest first.
FULL = ((20.0, 2), (5.0, 5), (1.0, 9), (0.0, 21))
QUICK = ((1.0, 1), (0.0, 5))
_SAMPLE = 0.02  # seconds of one sample, long against the wait for the device
_MOST = 2000  # calls in a sample
_SLOW = 5.0  # seconds of a call that is not made twice before it counts


@dataclass(frozen=True)
class Timed:
    """Seconds per call; ratios above one say that ours is faster."""

    ours: Spread
    peer: Spread
    ratio: Spread
    pairs: int


class Contestant:
    def __init__(self, call: Callable[[], Any], wait: Callable[[], None]) -> None:
        self.call, self.wait, self.calls = call, wait, 1
        self.answer: Any = None

    def sample(self) -> float:
        """Seconds per call, from an idle device to an idle device."""
        self.wait()
        start = time.perf_counter()
        for _ in range(self.calls):
            self.answer = self.call()
        self.wait()
        return (time.perf_counter() - start) / self.calls

    def warm_up(self) -> float:
        seconds = self.sample()  # compiles
        if seconds >= _SLOW:
            return seconds
        seconds = self.sample()
        if seconds < _SAMPLE:
            self.calls = min(_MOST, math.ceil(_SAMPLE / max(seconds, 1e-9)))
            seconds = self.sample()
        return seconds


def interleaved(
    ours: Callable[[], Any], peer: Callable[[], Any], wait: Callable[[], None], *, quick: bool
) -> tuple[Timed, Any, Any]:
    """Time both strictly in turns; also their last answers."""
    sides = Contestant(ours, wait), Contestant(peer, wait)
    slower = max(side.warm_up() for side in sides)
    pairs = next(pairs for least, pairs in (QUICK if quick else FULL) if slower >= least)
    times = [tuple(side.sample() for side in sides) for _ in range(pairs)]
    mine, theirs = (list(column) for column in zip(*times, strict=True))
    ratios = [b / a for a, b in times]
    timed = Timed(Spread.of(mine), Spread.of(theirs), Spread.of(ratios), pairs)
    return timed, sides[0].answer, sides[1].answer


def seconds(call: Callable[[], Any], wait: Callable[[], None], *, quick: bool) -> float:
    """Median seconds per call of one callable."""
    contestant = Contestant(call, wait)
    contestant.warm_up()
    return Spread.of([contestant.sample() for _ in range(5 if quick else 21)]).median
