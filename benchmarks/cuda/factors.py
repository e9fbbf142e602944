"""`polar` against the SVD route on the device."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import orthola
from benchmarks.cuda import judge, peers
from benchmarks.cuda.bouts import Bout, Prepare
from benchmarks.cuda.floors import Work
from benchmarks.cuda.libraries import ARRAYS, gaussian, wait
from benchmarks.cuda.timing import seconds

Shape = tuple[int, ...]

_FEWEST_STEPS = 5  # of Halley for a Gaussian matrix


def cases(*, quick: bool) -> Iterator[tuple[str, Prepare]]:
    grid: list[tuple[str, Shape, str, float | None]] = [
        ("cupy", (1000, 64, 64), "float32", 20.0),
        ("torch", (1000, 64, 64), "float32", 20.0),
        ("cupy", (100000, 3, 3), "float32", None),
        ("cupy", (10000, 16, 16), "float64", None),
        ("cupy", (4096, 4096), "float64", None),  # last: its peer takes minutes
    ]
    for library, shape, dtype, goal in grid[:3] if quick else grid:
        name = f"polar {'x'.join(map(str, shape))} {dtype}, {library} arrays"
        yield name, partial(prepare, library, shape, dtype, goal)


def prepare(library: str, shape: Shape, dtype: str, goal: float | None) -> Bout:
    host = gaussian(shape)
    x = ARRAYS[library](host, dtype)

    def without_waiting() -> Any:
        return orthola.polar(x, fallback=False, check_finite=False)

    def more(quick: bool) -> dict[str, Any]:
        answer = without_waiting()
        return {
            "plan": dict(orthola.explain(orthola.polar, x).facts),
            "seconds_without_waiting": seconds(without_waiting, wait, quick=quick),
            "accuracy_without_waiting": judge.polar(x, answer.unitary, answer.hermitian),
        }

    label, peer, given = peers.torch_svd_route(host, dtype)
    items = 1
    for n in shape[:-2]:
        items *= n
    size = 4 if dtype == "float32" else 8
    return Bout(
        ours=lambda: orthola.polar(x),
        peer=peer,
        peer_label=label,
        work=Work(items * flop(shape[-1]), 3.0 * size * items * shape[-1] ** 2, dtype),
        judge_ours=lambda answer: judge.polar(x, answer.unitary, answer.hermitian),
        judge_peer=lambda answer: {**judge.polar(given, *answer), "ok": True},
        goal=goal,
        more=more,
    )


def flop(n: int) -> float:
    """Halley: Gram matrix, inverse and product in each step, n^3 + n^3 + 2 n^3; at the end H."""
    return (4.0 * _FEWEST_STEPS + 2.0) * float(n) ** 3
