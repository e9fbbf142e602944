"""Decompositions of a Dask array on disk: time, peak memory and accuracy, against Dask's own.

A Zarr array of 200000 x 512 numbers in single precision, rank 64 and noise, in chunks of 5000 and
of 20000 rows, of which the 64 leading singular values and right vectors are wanted. Every run has
a process of its own with one worker and one BLAS thread; contenders take turns. The reference is
the Gram matrix, added up in double precision. Then ours over 50, 500 and 5000 blocks that are
stored nowhere: its peak memory must not grow. Then an array of which strips are wide, in panels of
fewer and fewer features. And a complex array of rank 6.

``python -m benchmarks.convergence.dask_svd --json FILE`` takes about five minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import zarr

from benchmarks.convergence.dask_svd_runs import COMPLEX, CONTENDERS, LAZY, WIDE
from benchmarks.speed.threads import processors, thread_environment
from orthola._cli.terminal import Ticker, terminal
from orthola._core.versions import environment

ROWS, FEATURES, RANK = 200_000, 512, 64
CHUNKS = (5000, 20_000)
NOISE = 0.1
BLOCKS = (50, 500, 5000)
PANELS = (20_000, 10_000, 4000, 2000)  # features that are gathered
PARTS = ("disk", "memory", "panels", "complex")


def stored(path: Path, rows: int, chunk: int) -> np.ndarray[Any, Any]:
    """Writes the array; singular values of what was written."""
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((RANK, FEATURES), dtype="float32")
    gram = np.zeros((FEATURES, FEATURES))
    array = zarr.create_array(
        str(path), shape=(rows, FEATURES), chunks=(chunk, FEATURES), dtype="float32",
        compressors=None,
    )  # fmt: skip
    for start in range(0, rows, chunk):
        x = rng.standard_normal((min(chunk, rows - start), FEATURES), dtype="float32")
        x = x[:, :RANK] @ mix + np.float32(NOISE) * x
        array[start : start + len(x)] = x
        wide = x.astype("float64")
        gram += wide.T @ wide
    return np.sqrt(np.linalg.eigvalsh(gram)[::-1][:RANK])


def child(run: str, **request: Any) -> dict[str, Any]:
    """One run in a fresh process."""
    with processors(1):
        done = subprocess.run(
            [
                sys.executable, "-m", "benchmarks.convergence.dask_svd_runs",
                json.dumps({"run": run} | request),
            ],
            env=os.environ | thread_environment(1),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def on_disk(rows: int, chunk: int, rounds: int, tick: Ticker) -> dict[str, dict[str, Any]]:
    """Samples of every contender, taken in turns, and what they come to."""
    samples: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.zarr"
        truth = stored(path, rows, chunk)
        tick("data")
        for _ in range(rounds):
            for name, taken in samples.items():
                taken.append(child("on_disk", who=name, path=str(path), rank=RANK))
                tick(name)
    ours = samples["orthola"]
    table = {}
    for name, taken in samples.items():
        errors = [np.max(np.abs(np.array(run.pop("sigma")) / truth - 1.0)) for run in taken]
        table[name] = {
            "cpu_ratio": median(a["cpu"] / b["cpu"] for a, b in zip(ours, taken, strict=True)),
            "peak_ratio": median(
                a["peak_mib"] / b["peak_mib"] for a, b in zip(ours, taken, strict=True)
            ),
            "sigma_error": float(max(errors)),
            "runs": taken,
        }
    return table


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convergence.dask_svd")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data, one round")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every contender")
    parser.add_argument("--chunk", nargs="+", type=int, default=list(CHUNKS), metavar="ROWS")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write every sample; parts not run are kept"
    )
    arguments = parser.parse_args(argv)
    rows, rounds = (ROWS // 10, 1) if arguments.quick else (ROWS, arguments.rounds)
    blocks = BLOCKS[:2] if arguments.quick else BLOCKS
    found: dict[str, Any] = {}
    out = terminal()
    disk = len(arguments.chunk) * (1 + rounds * len(CONTENDERS))
    steps = {"disk": disk, "memory": len(LAZY) * len(blocks), "panels": len(PANELS)}
    with out.progress(
        "dask", sum(steps.get(part, len(CONTENDERS)) for part in arguments.part)
    ) as tick:
        if "disk" in arguments.part:
            found["disk"] = {str(c): on_disk(rows, c, rounds, tick) for c in arguments.chunk}
        if "memory" in arguments.part:
            found["memory"] = {}
            for engine in LAZY:
                found["memory"][engine] = {}
                for n in blocks:
                    run = child("without_store", engine=engine, blocks=n)
                    found["memory"][engine][str(n)] = run
                    tick(f"{engine}, {n} blocks")
        if "panels" in arguments.part:
            found["panels"] = {}
            for n in PANELS:
                found["panels"][str(n)] = child("in_panels", features=n)
                tick(f"panels of {n}")
        if "complex" in arguments.part:
            found["complex"] = {}
            for name in CONTENDERS:
                found["complex"][name] = child("complex_low_rank", who=name)
                tick(f"complex, {name}")
    for chunk, table in found.get("disk", {}).items():
        out.heading(
            f"{rows} x {FEATURES} float32 on disk in chunks of {chunk} rows, rank {RANK}: medians"
        )
        out.table(
            ("contender", ">CPU s", ">ours / it", ">peak MiB", ">ours / it", ">sigma error"),
            [
                (
                    name,
                    f"{median(run['cpu'] for run in row['runs']):.2f}", f"{row['cpu_ratio']:.2f}",
                    f"{median(run['peak_mib'] for run in row['runs']):.0f}",
                    f"{row['peak_ratio']:.2f}", f"{row['sigma_error']:.1e}",
                )
                for name, row in table.items()
            ],
        )  # fmt: skip
    if "memory" in found:
        out.heading("Peak memory of ours, blocks that are made when they are needed")
        out.table(
            ("engine", ">block", ">blocks", ">before, MiB", ">peak, MiB", ">CPU s"),
            [
                (
                    engine, "{} x {}".format(*LAZY[engine][:2]), n, f"{run['start_mib']:.0f}",
                    f"{run['peak_mib']:.0f}", f"{run['cpu']:.2f}",
                )
                for engine, runs in found["memory"].items()
                for n, run in runs.items()
            ],
        )  # fmt: skip
    if "panels" in found:
        out.heading("20 strips of {} x {}, chunks of {} columns, rank {}: panels".format(*WIDE))
        out.table(
            (">features", ">before, MiB", ">peak, MiB", ">CPU s", ">certified / optimum", ">least"),
            [
                (
                    n, f"{run['start_mib']:.0f}", f"{run['peak_mib']:.0f}", f"{run['cpu']:.2f}",
                    f"{run['error']:.6f}", f"{run['least']:.4f}",
                )
                for n, run in found["panels"].items()
            ],
        )  # fmt: skip
    if "complex" in found:
        out.heading("{} x {} complex128 of rank {}".format(*COMPLEX))
        out.table(
            ("contender", ">sigma error", ">left outside"),
            [
                (name, f"{run['sigma_error']:.1e}", f"{run['rest']:.1e}")
                for name, run in found["complex"].items()
            ],
        )
    if arguments.json is not None:
        old = {}
        if arguments.json.exists():
            old = json.loads(arguments.json.read_text(encoding="utf-8"))
        report = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment(),
            **{part: old.get(part, {}) | found.get(part, {}) for part in PARTS},
        }
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
