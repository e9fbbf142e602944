"""Peak memory of a process along a stream: what is kept must not grow with the rows seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import orthola

ROOT = Path(__file__).parents[2]
_BLOCK, _FEATURES = 500, 32
_LOOKS = 20  # along the stream


def _procrustes() -> Callable[[Any], object]:
    stream = orthola.ProcrustesStream()
    return lambda rows: stream.update(rows, rows[:, ::-1])


def _dictionary() -> Callable[[Any], object]:
    return orthola.OnlineOrthogonalDictionary(batch_size=64, rng=0).partial_fit


def _svd(**options: Any) -> Callable[[Any], object]:
    return orthola.IncrementalSVD(rank=5, **options).partial_fit


STREAMS: dict[str, Callable[[], Callable[[Any], object]]] = {
    "ProcrustesStream": _procrustes,
    "OnlineOrthogonalDictionary": _dictionary,
    "IncrementalSVD": _svd,
    "IncrementalSVD-brand": lambda: _svd(engine="brand"),
    "IncrementalSVD-window": lambda: _svd(window=20),
}


def run(stream: str, rows: int) -> dict[str, Any]:
    """Peak resident memory in bytes after each twentieth of the rows, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.memory", stream, str(rows)],
        cwd=ROOT, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _run(stream: str, rows: int) -> dict[str, Any]:
    take, rng = STREAMS[stream](), np.random.default_rng(0)
    part = max(rows // _LOOKS // _BLOCK, 1)
    peaks = []
    for _ in range(_LOOKS):
        for _ in range(part):
            take(rng.standard_normal((_BLOCK, _FEATURES)))
        peaks.append(_peak())
    return {"rows": _LOOKS * part * _BLOCK, "features": _FEATURES, "peaks": peaks}


def _peak() -> int:
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else 1024 * size


def growth(found: dict[str, Any]) -> int:
    """Bytes by which the peak rose after the first tenth of the rows."""
    peaks = found["peaks"]
    return int(peaks[-1] - peaks[len(peaks) // 10])


if __name__ == "__main__":
    print(json.dumps(_run(sys.argv[1], int(sys.argv[2]))))
