"""`orthogonalize` against the Muon iteration in PyTorch, compiled and eager."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import orthola
from benchmarks.cuda import judge, peers
from benchmarks.cuda.bouts import Bout, Prepare
from benchmarks.cuda.floors import Work
from benchmarks.cuda.libraries import ARRAYS, gaussian, library

_STEPS = 5


def cases(*, quick: bool) -> Iterator[tuple[str, Prepare]]:
    compiled = [(4096, 4096), (2048, 8192)]
    small = (512, 512)
    for arrays in ARRAYS:
        for dtype in ("bfloat16", "float16"):
            for shape in compiled[:1] if quick else compiled:
                yield _name(arrays, shape, dtype), partial(prepare, arrays, shape, dtype, True)
            yield _name(arrays, small, dtype), partial(prepare, arrays, small, dtype, False)
    for dtype in ("bfloat16", "float16"):
        yield f"{_name('cupy', small, dtype)}, recorded", partial(recorded, small, dtype)


def _name(arrays: str, shape: tuple[int, int], dtype: str) -> str:
    return f"orthogonalize {shape[0]}x{shape[1]} {dtype}, {arrays} arrays"


def prepare(arrays: str, shape: tuple[int, int], dtype: str, compiled: bool) -> Bout:
    host = gaussian(shape)
    x = ARRAYS[arrays](host, dtype)
    label, peer, given = peers.muon(host, dtype, compiled=compiled)
    interval = orthola.schedule("polar-express", steps=_STEPS, lower_bound=1e-3).interval
    return Bout(
        ours=lambda: orthola.orthogonalize(x, steps=_STEPS, compute_dtype=dtype),
        peer=peer,
        peer_label=label,
        work=Work(flop(shape), 2 * 2.0 * shape[0] * shape[1], dtype),
        judge_ours=lambda y: judge.orthogonalized(x, y, interval, dtype),
        judge_peer=lambda y: judge.sane(given, y),
        goal=1.35 if shape == (4096, 4096) else None,
    )


def recorded(shape: tuple[int, int], dtype: str) -> Bout:
    """The same call as one CUDA graph, its result copied out of the graph's memory."""
    host = gaussian(shape)
    x = ARRAYS["cupy"](host, dtype)
    record = library("orthola.adapters.cupy").record
    step = record(orthola.orthogonalize, x, steps=_STEPS, compute_dtype=dtype)
    plain = prepare("cupy", shape, dtype, compiled=False)
    return replace(plain, ours=lambda: step(x), goal=4.0)


def flop(shape: tuple[int, int]) -> float:
    """Two symmetric products, at half price, and a plain one in each step."""
    short, long = sorted(shape)
    return _STEPS * (1.0 * long * short**2 + 1.0 * short**3 + 2.0 * long * short**2)
