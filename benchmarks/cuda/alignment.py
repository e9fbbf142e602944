"""Procrustes fits on tensors, against the batched singular value decomposition by hand."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import orthola
from benchmarks.cuda import judge
from benchmarks.cuda.bouts import Bout, Prepare
from benchmarks.cuda.floors import Work
from benchmarks.cuda.libraries import ARRAYS, gaussian, library, to_torch

Shape = tuple[int, ...]

_GRID = ((10_000, 20, 3), (1_000_000, 3), (100_000, 300), (2_000, 200, 16))
_LIMIT = 2e-3  # of fitted points, relative; the planted noise is half of that


def cases(*, quick: bool) -> Iterator[tuple[str, Prepare]]:
    for library_name in ARRAYS:
        for shape in _GRID[::2] if quick else _GRID:
            size = "x".join(map(str, shape))
            name = f"procrustes {size} float32, scaled and shifted, {library_name}"
            yield name, partial(_similarity, shape, library_name)


def _similarity(shape: Shape, library_name: str) -> Bout:
    a, b = _planted(shape)
    x, y = (ARRAYS[library_name](z, "float32") for z in (a, b))
    p, q = (to_torch(z, "float32") for z in (a, b))
    expected = library("torch").from_numpy(b).to("cuda")

    def ours() -> Any:
        return orthola.procrustes(x, y, scaling=True, translation=True, check_finite=False)

    def judged(fitted: Any) -> judge.Verdict:
        return judge.same(library("torch").as_tensor(fitted, device="cuda"), expected, _LIMIT)

    *batch, m, n = shape
    items = int(np.prod(batch, dtype=np.int64))
    work = Work(items * (2.0 * m * n * n + 22.0 * n**3), 8.0 * items * m * n, "float32")
    return Bout(
        ours=ours,
        peer=lambda: _by_hand(p, q),
        peer_label="torch: means, product, batched SVD",
        work=work,
        judge_ours=lambda fit: judged(fit.transform.apply(x)),
        judge_peer=lambda fit: judged(fit[1] * p @ fit[0] + fit[2]),
    )


def _by_hand(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Rotation, scale and shift in the precision of the points, as one writes it."""
    torch = library("torch")
    mean_a, mean_b = a.mean(-2, keepdim=True), b.mean(-2, keepdim=True)
    x, y = a - mean_a, b - mean_b
    u, s, vh = torch.linalg.svd(x.mT @ y)
    rotation = u @ vh
    scale = (s.sum(-1) / x.square().sum((-2, -1)))[..., None, None]
    return rotation, scale, mean_b - scale * mean_a @ rotation


def _planted(shape: Shape) -> tuple[NDArray[Any], NDArray[Any]]:
    """Points, and the same turned, stretched and shifted, with noise of 1e-3."""
    a = gaussian(shape)
    rotation = orthola.haar(shape[-1], shape=shape[:-2], rng=1).astype(np.float32)
    return a, 1.5 * a @ rotation + 2.0 + np.float32(1e-3) * gaussian(shape, seed=2)
