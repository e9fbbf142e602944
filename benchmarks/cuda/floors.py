"""The least time a problem can take: its flop and bytes by the measured peaks of the device."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.cuda.libraries import Unavailable, free, gaussian, library, to_cupy, to_torch, wait
from benchmarks.cuda.timing import seconds

DTYPES = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Work:
    """What our algorithm has to do: flop in one dtype, bytes read and written at least once."""

    flop: float
    bytes: float
    dtype: str


@dataclass(frozen=True)
class Peaks:
    """Best rates that this device was seen to reach."""

    flops: dict[str, float]  # of a plain product, by dtype
    bandwidth: float  # of a copy, bytes per second

    def floor(self, work: Work) -> float | None:
        """Seconds; None where the product of that dtype could not be measured."""
        if work.dtype not in self.flops:
            return None
        return max(work.flop / self.flops[work.dtype], work.bytes / self.bandwidth)


def measure(*, quick: bool) -> Peaks:
    """Square products of order 8192 (float64: 4096) and a copy of a gibibyte."""
    flops = {}
    for dtype in DTYPES:
        n = 2048 if quick else 4096 if dtype == "float64" else 8192
        try:
            flops[dtype] = 2.0 * n**3 / seconds(_product(n, dtype), wait, quick=quick)
        except Unavailable:
            continue
        finally:
            free()
    size = 2**26 if quick else 2**30
    moved = 2.0 * size / seconds(_copy(size), wait, quick=quick)
    free()
    return Peaks(flops, moved)


def _product(n: int, dtype: str) -> Callable[[], Any]:
    host = gaussian((n, n))
    try:
        x = to_cupy(host, dtype)
    except Unavailable:
        y = to_torch(host, dtype)
        return lambda: y @ y
    gemm = library("orthola._kernels.cupy.gemm").gemm
    return lambda: gemm(x, x)


def _copy(size: int) -> Callable[[], Any]:
    try:
        cupy = library("cupy")
    except Unavailable:
        torch = library("torch")
        x = torch.zeros(size, dtype=torch.uint8, device="cuda")
        return lambda: x.clone()
    a = cupy.zeros(size, dtype=cupy.uint8)
    b = cupy.empty_like(a)
    return lambda: cupy.copyto(b, a)
