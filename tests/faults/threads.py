"""Many threads call everything at once in a process that has loaded and compiled nothing yet.

Every call is made by all threads at the same moment, for the first time in the process; then once
more by one thread alone. Prints what was not equal to the last bit, and the kernels that were met.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import orthola

ROOT = Path(__file__).parents[2]
THREADS = 8


def calls() -> dict[str, Callable[[], Any]]:
    """Everything that has a kernel for NumPy arrays, and what is loaded lazily besides."""
    rng = np.random.default_rng(0)
    stack, skew = rng.standard_normal((60, 6, 6)), rng.standard_normal((70, 70))
    tall, points = rng.standard_normal((90, 30)), rng.standard_normal((40, 12, 3))
    q, frame = np.linalg.qr(skew)[0], np.linalg.qr(tall)[0]
    signals, atoms = rng.standard_normal((50, 20)), rng.standard_normal((60, 20))
    rows = rng.standard_normal((400, 10)) * (rng.random((400, 10)) < 0.3)
    return {
        "polar, stack": lambda: orthola.polar(stack),
        "polar, one": lambda: orthola.polar(np.tile(skew, (2, 2)) + np.eye(140)),
        "orthogonalize": lambda: orthola.orthogonalize(tall),
        "polar_quality": lambda: orthola.polar_quality(tall, frame),
        "cayley, stack": lambda: orthola.cayley(stack),
        "cayley, one": lambda: orthola.cayley(skew),
        "cayley_inverse, stack": lambda: orthola.cayley_inverse(orthola.cayley(stack)),
        "cayley_inverse, one": lambda: orthola.cayley_inverse(q),
        "cayley_frame": lambda: orthola.cayley_frame(tall),
        "cayley_frame_inverse": lambda: orthola.cayley_frame_inverse(frame),
        "householder_product, stack": lambda: orthola.householder_product(stack),
        "householder_product, one": lambda: orthola.householder_product(tall),
        "householder_apply, stack": lambda: orthola.householder_apply(stack, None, stack),
        "householder_apply, one": lambda: orthola.householder_apply(tall, None, tall),
        "householder_vectors": lambda: orthola.householder_vectors(frame),
        "skew_exp, stack": lambda: orthola.skew_exp(stack),
        "skew_exp, one": lambda: orthola.skew_exp(skew),
        "skew_exp_frame": lambda: orthola.skew_exp_frame(tall),
        "haar": lambda: orthola.haar(30, shape=(3,), rng=0),
        "retract": lambda: orthola.retract(frame, tall),
        "procrustes, stack": lambda: orthola.procrustes(points, points[::-1], scaling=True),
        "procrustes, one": lambda: orthola.procrustes(tall, tall[::-1], translation=True),
        "generalized_procrustes": lambda: orthola.generalized_procrustes(points),
        "omp, stored rows": lambda: orthola.omp(signals, atoms, n_nonzero=5),
        "omp, residual": lambda: orthola.omp(signals, atoms, n_nonzero=5, max_memory=20_000),
        "dictionary": lambda: _learned(rows),
        "svd": lambda: _svd(rows),
        "principal_angles": lambda: orthola.principal_angles(tall[:, :4], tall[:, 9:15]),
    }


def _learned(rows: Any) -> Any:
    model = orthola.OnlineOrthogonalDictionary(batch_size=10, rng=0)
    return model.partial_fit(rows).components_


def _svd(rows: Any) -> Any:
    svd = orthola.IncrementalSVD(rank=4)
    for block in np.split(rows, 10):
        svd.partial_fit(block)
    return svd.result()[:3]


def leaves(x: Any) -> Iterator[np.ndarray]:
    """Every array of a result, one after the other."""
    if isinstance(x, tuple):
        for part in x:
            yield from leaves(part)
    elif hasattr(x, "rotation"):
        yield from leaves((x.rotation, x.scale, x.translation))
    elif x is not None:
        yield np.asarray(x)


def run(*, cache: str | None = None) -> dict[str, Any]:
    """What `_run` finds in a process of its own; `cache`: an empty folder for compiled code."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = cache
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.faults.threads"],
        cwd=ROOT, env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _run() -> dict[str, Any]:
    sys.setswitchinterval(1e-5)  # threads change places often
    wrong, work = [], calls()
    results: dict[str, list[Any]] = {name: [None] * THREADS for name in work}
    barrier = threading.Barrier(THREADS, timeout=500)

    def caller(number: int) -> None:
        for name, call in work.items():
            barrier.wait()
            try:
                results[name][number] = call()
            except BaseException as error:
                results[name][number] = error

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, call in work.items():
        alone = list(leaves(call()))
        for result in results[name]:
            if isinstance(result, BaseException):
                wrong.append(f"{name}: {type(result).__name__}: {result}")
            elif not all(
                np.array_equal(x, y, equal_nan=x.dtype.kind in "fc")
                for x, y in zip(leaves(result), alone, strict=True)
            ):
                wrong.append(f"{name}: not equal")
    from orthola._kernels.table import KERNELS

    homes = {kernel.target.partition(":")[0] for kernel in KERNELS if kernel.backend == "numpy"}
    return {
        "threads": THREADS,
        "calls": len(work),
        "kernels": sorted(homes & set(sys.modules)),
        "never met": sorted(homes - set(sys.modules)),
        "wrong": wrong,
    }


if __name__ == "__main__":
    print(json.dumps(_run()))
