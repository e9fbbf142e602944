"""The symmetric product X^T X against one plain cuBLAS product, at each depth of the recursion."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.cuda import judge
from benchmarks.cuda.bouts import Bout, Prepare
from benchmarks.cuda.floors import Work
from benchmarks.cuda.libraries import gaussian, library, to_cupy, wait
from benchmarks.cuda.timing import seconds

_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}
_TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-3, "float32": 1e-5}  # both sum in float32


def cases(*, quick: bool) -> Iterator[tuple[str, Prepare]]:
    orders = (512, 2048) if quick else (256, 512, 1024, 2048, 4096, 8192)
    for n in orders:
        for dtype in _BYTES:
            yield f"symmetric product {n} {dtype}", partial(prepare, n, dtype)


def prepare(n: int, dtype: str) -> Bout:
    stride_tricks = library("cupy.lib.stride_tricks")
    gemm = library("orthola._kernels.cupy.gemm").gemm
    mirrored = library("orthola._kernels.cupy.mirror").mirrored
    blocks = library("orthola._kernels.cupy.symmetric")
    limits = library("orthola._core.tuning").gpu_limits(dtype)
    cupy = library("cupy")
    x = to_cupy(gaussian((n, n)), dtype)
    wide = "float32"

    def at_depth(depth: int) -> Any:
        out = cupy.empty((n, n), dtype=wide)
        blocks.lower_product(
            x, x, out, depth=depth, gemm=partial(gemm, adjoint=True),
            as_strided=stride_tricks.as_strided,
        )  # fmt: skip
        return mirrored((1.0, out), out=out)

    def plain() -> Any:
        return gemm(x, x, adjoint=True, dtype=wide)

    def by_depth(quick: bool) -> dict[str, Any]:
        depths = [d for d in range(5) if n >> d >= 128]
        times = {str(d): seconds(partial(at_depth, d), wait, quick=quick) for d in depths}
        return {"seconds_by_depth": times, "depth": depth}

    depth = blocks.recursion_depth(n, limits.symmetric_block, limits.symmetric_depth)
    expected = plain()
    return Bout(
        ours=partial(at_depth, depth),
        peer=plain,
        peer_label="cuBLAS product",
        work=Work(float(n) ** 3, _BYTES[dtype] * n * n + 4.0 * n * n, dtype),
        judge_ours=lambda answer: judge.same(answer, expected, _TOLERANCE[dtype]),
        judge_peer=lambda answer: judge.same(
            answer, x.astype("float64").T @ x.astype("float64"), _TOLERANCE[dtype]
        ),
        more=by_depth,
    )
