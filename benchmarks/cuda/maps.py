"""Orthogonal maps with their derivatives on tensors, against PyTorch's own and plain solves."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import orthola
from benchmarks.cuda import judge
from benchmarks.cuda.bouts import Bout, Prepare
from benchmarks.cuda.floors import Work
from benchmarks.cuda.libraries import gaussian, library, to_torch

Shape = tuple[int, ...]
Map = Callable[[Any], Any]

_REFLECTORS = ((512, 512), (1024, 64), (2000, 16, 16))
_LIMIT = 2e-5  # of a relative difference in float32; nothing here is ill-conditioned


def cases(*, quick: bool) -> Iterator[tuple[str, Prepare]]:
    grid = [
        *(("householder_product", shape, _householder) for shape in _REFLECTORS),
        *(("cayley_frame", shape, _frame) for shape in ((512, 32), (2048, 32))),
        *(("cayley", shape, _cayley) for shape in ((256, 32, 32), (1024, 1024))),
        ("skew_exp", (64, 128, 128), _exponential),
    ]
    for function, shape, prepare in grid[::2] if quick else grid:
        size = "x".join(map(str, shape))
        name = f"{function} {size} float32, value and gradient, torch tensors"
        yield name, partial(prepare, shape)


def _householder(shape: Shape) -> Bout:
    """Packed reflectors, as PyTorch stores them."""

    def ours(v: Any) -> Any:
        return orthola.householder_product(v, packed=True)

    def peer(v: Any) -> Any:
        packed = v.tril(-1)
        tau = 2.0 / (1.0 + packed.square().sum(-2))
        return library("torch").linalg.householder_product(packed, tau)

    *batch, m, k = shape
    flop = 4.0 * m * k * k * _items(batch)
    # A random direction for each reflector of length about 1: nothing overflows, tau is near 1.
    return _bout(shape, m**-0.5, ours, peer, "torch.linalg.householder_product", 3 * flop)


def _frame(shape: Shape) -> Bout:
    """The first columns of a Cayley transform, against the square one behind PyTorch's map."""
    n, k = shape

    def peer(x: Any) -> Any:
        torch = library("torch")
        lower = torch.cat([x.tril(-1), x.new_zeros(n, n - k)], dim=-1)
        return _solved(lower - lower.mT)[:, :k]

    def ours(x: Any) -> Any:
        return orthola.cayley_frame(x)

    flop = 4.0 * n * k * k
    return _bout(shape, n**-0.5, ours, peer, "torch.linalg.solve of order n", 3 * flop)


def _cayley(shape: Shape) -> Bout:
    def peer(x: Any) -> Any:
        return _solved((x - x.mT) / 2)

    *batch, n, _ = shape
    flop = (2.0 + 4.0) * n**3 * _items(batch)
    return _bout(shape, n**-0.5, orthola.cayley, peer, "torch.linalg.solve and autograd", flop)


def _exponential(shape: Shape) -> Bout:
    def peer(x: Any) -> Any:
        return library("torch").linalg.matrix_exp((x - x.mT) / 2)

    *batch, n, _ = shape
    flop = 3 * 14.0 * n**3 * _items(batch)
    return _bout(shape, n**-0.5, orthola.skew_exp, peer, "torch.linalg.matrix_exp", flop)


def _solved(a: Any) -> Any:
    """(I + A/2) (I - A/2)^-1 of a skew-symmetric matrix."""
    eye = library("torch").eye(a.shape[-1], dtype=a.dtype, device=a.device)
    return library("torch").linalg.solve(eye - a / 2, eye + a / 2)


def _bout(shape: Shape, scale: float, ours: Map, peer: Map, label: str, flop: float) -> Bout:
    """Both maps from the same numbers, judged by the peer in double precision."""
    host = gaussian(shape) * scale
    x, weight = to_torch(host, "float32"), to_torch(gaussian(shape, seed=1), "float32")
    expected = _with_gradient(peer, x.double(), weight.double())

    def judged(answer: Any) -> judge.Verdict:
        value, gradient = (
            judge.same(got, wanted, _LIMIT) for got, wanted in zip(answer, expected, strict=True)
        )
        return {"ok": value["ok"] and gradient["ok"], "value": value, "gradient": gradient}

    return Bout(
        ours=lambda: _with_gradient(ours, x, weight),
        peer=lambda: _with_gradient(peer, x, weight),
        peer_label=label,
        work=Work(flop, 4 * 4.0 * x.numel(), "float32"),
        judge_ours=judged,
        judge_peer=judged,
    )


def _with_gradient(function: Map, x: Any, weight: Any) -> tuple[Any, Any]:
    given = x.detach().requires_grad_()
    value = function(given)
    (gradient,) = library("torch").autograd.grad(value, given, weight)
    return value.detach(), gradient


def _items(batch: list[int]) -> int:
    count = 1
    for size in batch:
        count *= size
    return count
