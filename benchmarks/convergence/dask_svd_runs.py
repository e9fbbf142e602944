"""One decomposition of a Dask array in a process of its own: what it costs, and what it finds.

``python -m benchmarks.convergence.dask_svd_runs JSON`` is called by `dask_svd` beside it. One
worker, scheduler "threads". Peak memory is that of the process during the call; how much was there
before it, after imports and a small run, is told too.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np

from orthola.adapters.dask import svd
from orthola.testing import gaussian

COMPLEX = (20_000, 200, 6)  # rows, columns, rank
LAZY = {"exact": (1000, 256, 32), "low rank": (50, 2048, 8)}  # rows of a block, columns, rank
WIDE = (500, 20_000, 2000, 20)  # rows of a strip, columns, columns of a chunk, rank

Array = np.ndarray[Any, Any]


class Found(NamedTuple):
    """Singular values, descending, and right singular vectors (k, d)."""

    sigma: Array
    components: Array


def ours(x: Any, rank: int) -> Found:
    result = svd(x, rank=rank)
    return Found(result.singular_values, result.components)


def dask_whole(x: Any, rank: int) -> Found:
    _, s, v = da.linalg.svd(x)
    return Found(*dask.compute(s[:rank], v[:rank]))


def compressed(passes: int) -> Callable[[Any, int], Found]:
    def found(x: Any, rank: int) -> Found:
        _, s, v = da.linalg.svd_compressed(x, rank, n_power_iter=passes, seed=0)
        return Found(*dask.compute(s, v))

    return found


CONTENDERS: dict[str, Callable[[Any, int], Found]] = {
    "orthola": ours,
    "da.linalg.svd": dask_whole,
    "svd_compressed, no power pass": compressed(0),
    "svd_compressed, one power pass": compressed(1),
}


def on_disk(who: str, path: str, rank: int) -> dict[str, Any]:
    """Time and peak memory on a Zarr array; the singular values."""
    x = da.from_zarr(path)
    found, cost = measured(lambda: CONTENDERS[who](x, rank), lambda: CONTENDERS[who](x[:2000], 2))
    return cost | {"sigma": found.sigma.tolist()}


def without_store(engine: str, blocks: int) -> dict[str, Any]:
    """Peak memory of ours over blocks that exist only while they are looked at."""
    height, width, rank = LAZY[engine]
    profile = np.geomspace(1.0, 1e-2, width, dtype="float32")

    def made(block_id: tuple[int, int]) -> Array:
        rng = np.random.default_rng(block_id[0])
        return rng.random((height, width), dtype="float32") * profile

    def lazy(n: int) -> Any:
        chunks = ((height,) * n, (width,))
        return da.map_blocks(
            lambda block_id=None: made(block_id), chunks=chunks, dtype="float32", meta=profile[None]
        )

    x = lazy(blocks)
    _, cost = measured(lambda: ours(x, rank), lambda: ours(lazy(20), rank))
    return cost


def in_panels(features: int) -> dict[str, Any]:
    """Peak memory of ours where strips of all features, or of so many, are gathered."""
    height, width, chunk, rank = WIDE
    profile = np.geomspace(1.0, 1e-3, 64)

    def made(block_id: tuple[int, int]) -> Array:
        mix, own = (np.random.default_rng(part) for part in ((1, block_id[1]), (2, *block_id)))
        rows = np.random.default_rng((0, block_id[0])).standard_normal((height, 64)) * profile
        noise = 1e-3 * own.standard_normal((height, chunk))
        return rows @ mix.standard_normal((64, chunk)) + noise

    def lazy(rows: int, columns: int) -> Any:
        return da.map_blocks(
            lambda block_id=None: made(block_id), chunks=((height,) * rows, (chunk,) * columns),
            dtype="float64", meta=np.empty((0, 0)),
        )  # fmt: skip

    limit = 4 * height * features * 8
    found, cost = measured(
        lambda: svd(lazy(20, width // chunk), rank=rank, axis=0, max_memory=limit),
        lambda: svd(lazy(2, 2), rank=2, axis=0, max_memory=limit),
    )
    error, (least, most) = found.certificate.error[1], found.certificate.optimum_interval
    return cost | {"error": float(error / most), "least": float(least / most)}


def complex_low_rank(who: str) -> dict[str, Any]:
    """Relative error of the singular values, and of what is left outside of the vectors."""
    m, d, rank = COMPLEX
    a, b = (
        gaussian(m, rank, dtype="complex128", rng=0),
        gaussian(rank, d, dtype="complex128", rng=1),
    )
    x = a @ b
    truth = np.linalg.svd(x, compute_uv=False)[:rank]
    found = CONTENDERS[who](da.from_array(x, chunks=(1000, d)), rank)
    v = found.components
    return {
        "sigma_error": float(np.max(np.abs(found.sigma / truth - 1.0))),
        "rest": float(np.linalg.norm(x - (x @ v.conj().T) @ v) / np.linalg.norm(x)),
    }


def measured(call: Callable[[], Any], before: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What `call` gives, its seconds, and the highest resident memory meanwhile in MiB."""
    before()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    start, cpu, wall = memory("VmRSS"), time.process_time(), time.perf_counter()
    found = call()
    cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return found, cost | {"start_mib": start, "peak_mib": memory("VmHWM")}


def memory(what: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


RUNS: dict[str, Callable[..., dict[str, Any]]] = {
    run.__name__: run for run in (on_disk, without_store, in_panels, complex_low_rank)
}

if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    with dask.config.set(scheduler="threads", num_workers=1):
        print(json.dumps(RUNS[request.pop("run")](**request)))
