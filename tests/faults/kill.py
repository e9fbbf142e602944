"""Processes that are killed while they save, over and over.

One process forks children that save the states of a stream in turn; it kills each of them after
a random time and looks at what is on the disk.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import orthola

ROOT = Path(__file__).parents[2]
_STATES = 6  # that a child saves in turn
_LONGEST = 0.03  # seconds that a child lives


class Killed(NamedTuple):
    """What many kills have left."""

    kills: int
    while_saving: int  # kills that came in the middle of a save: a part of a file was left
    not_loadable: int
    not_a_state: int  # files that are whole and are none of the states
    most_parts: int  # files left by killed processes, the most at any time
    parts_at_the_end: int  # after one more save

    @property
    def good(self) -> bool:
        return self.not_loadable == self.not_a_state == self.parts_at_the_end == 0


def _procrustes(number: int) -> Any:
    a, b = np.random.default_rng(number).standard_normal((2, 50, 250))
    return orthola.ProcrustesStream().update(a, b)


def _dictionary(number: int) -> Any:
    model = orthola.OnlineOrthogonalDictionary(batch_size=20, rng=number)
    return model.partial_fit(np.random.default_rng(number).standard_normal((50, 120)))


def _svd(number: int) -> Any:
    svd = orthola.IncrementalSVD(rank=20, buffer=1)
    return svd.partial_fit(np.random.default_rng(number).standard_normal((60, 2000)))


STREAMS: dict[str, Callable[[int], Any]] = {
    "ProcrustesStream": _procrustes,
    "OnlineOrthogonalDictionary": _dictionary,
    "IncrementalSVD": _svd,
}


def run(stream: str, kills: int) -> Killed:
    """Kill so many processes, in an interpreter of its own, which has no threads."""
    pools = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "MKL", "OMP")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.kill", stream, str(kills)],
        cwd=ROOT, env=os.environ | pools, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return Killed(**json.loads(done.stdout))


def _run(stream: str, kills: int) -> Killed:
    make, rng = STREAMS[stream], random.Random(0)
    states = [make(number) for number in range(_STATES)]
    kind = type(states[0])
    with tempfile.TemporaryDirectory() as folder:
        path, known = Path(folder) / "state", Path(folder) / "known"
        expected = set()
        for state in states:
            state.save(known)
            expected.add(known.read_bytes())
        known.unlink()
        states[0].save(path)
        while_saving = not_loadable = not_a_state = most = 0
        for _ in range(kills):
            before = len(_parts(path))
            child = os.fork()
            if child == 0:
                try:
                    _save_forever(states, path)
                finally:
                    os._exit(1)
            time.sleep(rng.uniform(0.0, _LONGEST))
            os.kill(child, signal.SIGKILL)
            if os.waitpid(child, 0)[1] != signal.SIGKILL:
                raise RuntimeError("a process ended before it was killed")
            parts = len(_parts(path))
            while_saving += parts > 0 and parts != before
            most = max(most, parts)
            not_a_state += path.read_bytes() not in expected
            try:
                kind.load(path)
            except ValueError:
                not_loadable += 1
        states[0].save(path)
        return Killed(kills, while_saving, not_loadable, not_a_state, most, len(_parts(path)))


def _save_forever(states: list[Any], path: Path) -> None:
    while True:
        for state in states:
            state.save(path)


def _parts(path: Path) -> list[Path]:
    return list(path.parent.glob(f".{path.name}.*.part"))


if __name__ == "__main__":
    print(json.dumps(_run(sys.argv[1], int(sys.argv[2]))._asdict()))
