"""One contender in a process of its own: prepare a case, run it k times, judge the answer.

Requests and replies are JSON, one per line, over stdin and stdout. The parent sets the thread
environment and the processors before this process starts.
"""

import gc
import hashlib
import importlib.metadata
import json
import os
import re
import sys
import time
import traceback
from itertools import repeat
from typing import Any

from threadpoolctl import threadpool_info

from benchmarks.speed.accuracy import MEASURES
from benchmarks.speed.protocol import Case, Contender, Job, Unavailable

LIBRARIES = ("orthola", "numpy", "scipy", "numba", "jax", "jaxlib", "optax", "torch")


class Worker:
    """Holds the job between requests; every method is the answer to one request."""

    case: Case
    job: Job
    answer: Any

    def prepare(self, contender: str, case: dict[str, Any]) -> dict[str, Any]:
        self.case = Case.from_json(case)
        array = self.case.array()
        self.job = Contender.at(contender).prepare(self.case)
        scale = 1.0 if self.job.items is None else len(array) / self.job.items
        # The digest lets the parent see that both contenders were given the same numbers.
        return {"digest": hashlib.sha256(array.tobytes()).hexdigest(), "scale": scale}

    def run(self, calls: int) -> dict[str, Any]:
        call = self.job.call
        answer = None
        gc.collect()
        gc.disable()
        try:
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in repeat(None, calls):
                answer = call()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        finally:
            gc.enable()
        self.answer = answer
        return {"cpu": cpu / calls, "wall": wall / calls}

    def verify(self) -> dict[str, Any]:
        given = self.case.array()
        if self.job.items is not None:
            given = given[: self.job.items]
        measure = MEASURES[self.case.problem]
        return {"accuracy": measure(given, *self.job.factors(self.answer))}

    def describe(self) -> dict[str, Any]:
        versions = {
            name: importlib.metadata.version(name) for name in LIBRARIES if name in sys.modules
        }
        return {"pools": thread_pools(), "versions": versions}


def thread_pools() -> list[str]:
    """Native libraries with threads of their own that are loaded in this process, in words."""
    pools = [
        f"{pool['internal_api']} {pool['version'] or ''} {pool.get('architecture', '')}".rstrip()
        + f", {pool['num_threads']} threads ({os.path.basename(pool['filepath'])})"
        for pool in threadpool_info()
    ]
    torch = sys.modules.get("torch")
    if torch is not None:
        # PyTorch's wheel links its BLAS statically, where the list above cannot see it.
        blas = re.search(r"Math Kernel Library Version (\S+)", torch.__config__.show())
        name = f"mkl {blas[1]}" if blas else "BLAS unknown"
        pools.append(f"torch with {name}, {torch.get_num_threads()} threads")
    return pools


def main() -> None:
    # Whatever a library prints goes to stderr; the real stdout carries replies only.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(worker, request.pop("do"))(**request)
        except Unavailable as reason:
            reply = {"unavailable": str(reason)}
        except Exception:
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
