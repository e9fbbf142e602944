"""Two ways to the same result, timed in turns: the ratio that decides between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

from ..._core.options import with_tuning
from ..._core.tuning import BUILT_IN, Tuning

__all__ = ["Clock", "Contender", "contender", "ratio"]

Clock = Callable[[], float]
_LEAST_TIME = 0.01  # seconds that one sample takes at least: clocks are coarse
_LEAST_PAIRS = 3


class Contender(NamedTuple):
    """A call whose result was verified, and the limits under which it is made."""

    call: Callable[[], Any]
    tuning: Tuning

    def seconds(self, clock: Clock, calls: int) -> float:
        """Of so many calls."""
        with with_tuning(self.tuning):
            begin = clock()
            for _ in range(calls):
                self.call()
            return clock() - begin


def contender(
    call: Callable[[], Any], verify: Callable[[Any], bool], **limits: dict[str, Any]
) -> Contender:
    """Call it once, under changed limits, and look at the result."""
    changes = {name: getattr(BUILT_IN, name)._replace(**fields) for name, fields in limits.items()}
    tuning = replace(BUILT_IN, **changes)
    with with_tuning(tuning):
        if not verify(call()):
            raise ArithmeticError(f"a result that is timed is wrong: {call}, {limits}")
    return Contender(call, tuning)


def ratio(first: Contender, second: Contender, *, clock: Clock, seconds: float) -> float:
    """Median over pairs of samples of the time of `first` over that of `second`.

    Samples of both alternate, so that a disturbance does not hit one of them alone.
    """
    second.seconds(clock, 1)
    once = max(first.seconds(clock, 1), 1e-7)
    calls = max(1, round(_LEAST_TIME / once))
    end = time.monotonic() + seconds
    ratios: list[float] = []
    while len(ratios) < _LEAST_PAIRS or time.monotonic() < end:
        one = first.seconds(clock, calls)
        ratios.append(one / max(second.seconds(clock, calls), 1e-9))
    return median(ratios)
