"""Our symmetric product on tensor cores against a cuBLAS product, and `orthogonalize` with it."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest import mock

import orthola
from benchmarks.cuda import judge
from benchmarks.cuda.bouts import Bout, Prepare
from benchmarks.cuda.floors import Work
from benchmarks.cuda.libraries import gaussian, library, to_cupy
from benchmarks.cuda.orthogonalization import flop

_HALVES = ("bfloat16", "float16")
_TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2}
_STEPS = 5


def cases(*, quick: bool) -> Iterator[tuple[str, Prepare]]:
    for n in (512, 2048) if quick else (256, 512, 1000, 1024, 2048, 4096, 8192):
        for dtype in _HALVES:
            yield f"tensor-core symmetric product {n} {dtype}", partial(product, n, dtype)
    for shape in ((2048, 2048),) if quick else ((512, 512), (2048, 2048), (4096, 4096)):
        for dtype in _HALVES:
            name = f"orthogonalize {shape[0]}x{shape[1]} {dtype}, own product"
            yield name, partial(orthogonalized, shape, dtype)


def product(n: int, dtype: str) -> Bout:
    symmetric = library("orthola._kernels.cupy.tensor_symmetric").symmetric
    gemm = library("orthola._kernels.cupy.gemm").gemm
    x = to_cupy(gaussian((n, n)), dtype)
    expected = x.astype("float64").T @ x.astype("float64")
    goals = {2048: 1.5, 4096: 1.8, 8192: 1.8}
    return Bout(
        ours=lambda: symmetric(x, x),
        peer=lambda: gemm(x, x, adjoint=True),
        peer_label="cuBLAS product",
        work=Work(float(n) ** 3, 4.0 * n * n, dtype),
        judge_ours=lambda answer: judge.same(answer, expected, _TOLERANCE[dtype]),
        judge_peer=lambda answer: judge.same(answer, expected, _TOLERANCE[dtype]),
        goal=goals.get(n),
    )


def orthogonalized(shape: tuple[int, int], dtype: str) -> Bout:
    """The same call with and without it: where the first wins is `tuning`'s `tensor_order`."""
    tuning = library("orthola._core.tuning")
    limits = tuning.gpu_limits(dtype)
    x = to_cupy(gaussian(shape), dtype)
    interval = orthola.schedule("polar-express", steps=_STEPS, lower_bound=1e-3).interval

    def call(order: int | None) -> Any:
        chosen = limits._replace(tensor_order=order)
        with mock.patch.object(tuning, "gpu_limits", return_value=chosen):
            return orthola.orthogonalize(x, steps=_STEPS, compute_dtype=dtype)

    return Bout(
        ours=lambda: call(1),
        peer=lambda: call(None),
        peer_label="the same by cuBLAS",
        work=Work(flop(shape), 2 * 2.0 * shape[0] * shape[1], dtype),
        judge_ours=lambda y: judge.orthogonalized(x, y, interval, dtype),
        judge_peer=lambda y: judge.orthogonalized(x, y, interval, dtype),
    )
