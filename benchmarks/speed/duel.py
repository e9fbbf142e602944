"""Two contenders on one case, in turns: the ratio of their times with its spread.

    duel(ours, peer, case, threads=1, effort=FULL)

Each contender has a process of its own, so thread pools and settings cannot meet. Samples are
taken strictly in turns (ours, peer, ours, peer, ...); every neighbouring pair gives one ratio
peer / ours, and the figure is the median of those ratios. A drift of the machine hits both
members of a pair alike.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.speed.protocol import Case, Contender, Unavailable
from benchmarks.speed.threads import processors, thread_environment

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    ``pairs`` holds one entry ``(seconds, pairs)`` per class of cases, slowest first: the pairs
    taken when the slower contender's call lasts longer than ``seconds``. A sample is as many calls
    as fill ``sample`` seconds. With several threads every sample first waits ``settle`` seconds,
    until the other contender's idle BLAS threads have stopped spinning.
    """

    pairs: tuple[tuple[float, int], ...]
    sample: float
    settle: float

    def pairs_for(self, seconds: float) -> int:
        return next(pairs for least, pairs in self.pairs if seconds >= least)


FULL = Effort(pairs=((4.0, 5), (1.0, 9), (0.0, 21)), sample=0.05, settle=0.05)
QUICK = Effort(pairs=((1.0, 1), (0.0, 5)), sample=0.005, settle=0.05)


@dataclass(frozen=True)
class Spread:
    """Median and quartiles."""

    median: float
    q1: float
    q3: float

    @classmethod
    def of(cls, values: list[float]) -> Self:
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, q1, q3)


@dataclass(frozen=True)
class Side:
    """One contender's part in a duel; seconds are per case, scaled up where it is sampled."""

    label: str
    calls: int
    scale: float
    cpu: list[float]
    wall: list[float]
    accuracy: dict[str, float]
    pools: list[str]
    versions: dict[str, str]


@dataclass(frozen=True)
class Duel:
    """The outcome for one number of threads. Ratios above one say that ours is faster."""

    threads: int
    pairs: int
    cpu_ratio: Spread
    wall_ratio: Spread
    ours: Side
    peer: Side


class Corner:
    """The parent's end of one worker process."""

    def __init__(self, contender: Contender, threads: int) -> None:
        self.contender = contender
        self.calls = 1
        self.scale = 1.0
        self.samples: list[dict[str, float]] = []
        with processors(threads):
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.speed.worker"],
                cwd=ROOT,
                env=os.environ | thread_environment(threads),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):  # the empty answer below says it better
            print(json.dumps({"do": do} | request), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            code = self.process.wait()
            raise RuntimeError(f"the worker of {self.contender.label!r} ended with code {code}")
        reply: dict[str, Any] = json.loads(answer)
        if "unavailable" in reply:
            raise Unavailable(reply["unavailable"])
        if "error" in reply:
            raise RuntimeError(f"{self.contender.label!r} failed\n{reply['error']}")
        return reply

    def prepare(self, case: Case) -> str:
        reply = self.ask("prepare", contender=self.contender.address, case=case.to_json())
        self.scale = reply["scale"]
        return str(reply["digest"])

    def warm_up(self, least: float) -> float:
        """Compile and warm, choose the calls per sample; returns the seconds of one call."""
        self.ask("run", calls=1)
        while True:
            times = self.ask("run", calls=self.calls)
            seconds: float = min(times["cpu"], times["wall"])
            if self.calls * seconds >= 0.8 * least:
                return seconds
            wanted = math.ceil(least / max(seconds, 1e-9))
            self.calls = max(self.calls + 1, min(wanted, 10 * self.calls))

    def sample(self, settle: float) -> None:
        time.sleep(settle)
        self.samples.append(self.ask("run", calls=self.calls))

    def close(self) -> Side:
        return Side(
            label=self.contender.label,
            calls=self.calls,
            scale=self.scale,
            cpu=[self.scale * sample["cpu"] for sample in self.samples],
            wall=[self.scale * sample["wall"] for sample in self.samples],
            **self.ask("verify"),
            **self.ask("describe"),
        )


def duel(
    ours: Contender,
    peer: Contender,
    case: Case,
    *,
    threads: int,
    effort: Effort,
    pairs: int | None = None,
) -> Duel:
    """Time two contenders in turns and judge both answers; ``pairs`` overrides the effort's."""
    with ExitStack() as ring:
        corners = [ring.enter_context(Corner(side, threads)) for side in (ours, peer)]
        digests = {corner.prepare(case) for corner in corners}
        assert len(digests) == 1, "the contenders were given different numbers"
        slowest = max([corner.warm_up(effort.sample) for corner in corners])
        pairs = pairs or effort.pairs_for(slowest)
        for _ in range(pairs):
            for corner in corners:
                corner.sample(effort.settle if threads > 1 else 0.0)
        left, right = (corner.close() for corner in corners)
    return Duel(
        threads=threads,
        pairs=pairs,
        cpu_ratio=Spread.of([b / a for a, b in zip(left.cpu, right.cpu, strict=True)]),
        wall_ratio=Spread.of([b / a for a, b in zip(left.wall, right.wall, strict=True)]),
        ours=left,
        peer=right,
    )
