"""What is measured: errors against condition and offset, times against size and number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil

import numpy as np

from ..clock import shortest_times
from ..matrices import Problem
from .clouds import Pair, embedded, offset, shaped, triplets
from .outcome import ERROR, TIME, Experiment
from .solvers import Solver, aligned, centred, fitted, schoenemann

__all__ = ["experiments"]

_CONDITIONS = {"float64": [10.0**k for k in range(9)], "float32": [10.0**k for k in range(5)]}
_OFFSETS = [10.0**k for k in range(7)]
_WIDTHS = [3, 8, 16, 32, 64, 128, 256]
_COUNTS = [1, 10, 100, 1000, 10_000]
_SPAN = 2e-3  # seconds that one measurement lasts at least
_AXES = 8  # of the clouds whose condition is varied


def experiments(
    problem: Problem, *, repeats: int, quick: bool
) -> Iterator[tuple[str, Callable[[], Experiment]]]:
    """Name and measurement of each, to be called in turn."""
    most = 3 if quick else None
    for name, measure in (
        ("condition", partial(_condition, problem, "float64")),
        ("single", partial(_condition, problem, "float32")),
        ("space", partial(_space, problem)),
        ("offset", partial(_offset, problem)),
        ("size", partial(_size, problem, repeats)),
        ("batch", partial(_batch, problem, repeats)),
    ):
        yield name, partial(measure, most)


def _condition(problem: Problem, dtype: str, most: int | None) -> Experiment:
    conditions = _CONDITIONS[dtype][:most]
    single = dtype == "float32"
    solvers = {
        "procrustes": fitted(),
        "sums as given" if single else "refine=0": (
            fitted(accumulate="same", refine=0) if single else fitted(refine=0)
        ),
        "orthogonal_procrustes": schoenemann,
    }
    pairs = [shaped(problem, _AXES, c, noise=single) for c in conditions]
    return Experiment(
        "single" if single else "condition",
        "Single precision, with noise" if single else "Double precision, exact fit",
        "condition", ERROR, conditions, *_errors(conditions, pairs, solvers, dtype),
    )  # fmt: skip


def _space(problem: Problem, most: int | None) -> Experiment:
    conditions = _CONDITIONS["float64"][:most]
    solvers = {
        "procrustes": fitted(rotation_only=True),
        "orthogonal_procrustes": schoenemann,
        "align_vectors": aligned,
    }
    pairs = [shaped(problem, 3, c, noise=False) for c in conditions]
    found = _errors(conditions, pairs, solvers, "float64")
    title = "Rotations in space, exact fit"
    return Experiment("space", title, "condition", ERROR, conditions, *found)


def _offset(problem: Problem, most: int | None) -> Experiment:
    distances = _OFFSETS[:most]
    solvers = {
        "procrustes": fitted(translation=True),
        "orthogonal_procrustes": centred(schoenemann),
    }
    pairs = [offset(problem, 3, d) for d in distances]
    curves, _, doubts = _errors(distances, pairs, solvers, "float32")
    title = "Single precision, far from the origin"
    return Experiment("offset", title, "distance / size", ERROR, distances, curves, {}, doubts)


def _size(problem: Problem, repeats: int, most: int | None) -> Experiment:
    widths = _WIDTHS[:most]
    solvers = {
        "procrustes": fitted(),
        "refine=0": fitted(refine=0),
        "orthogonal_procrustes": schoenemann,
    }
    pairs = [embedded(problem, n) for n in widths]
    curves = _times(pairs, solvers, repeats)
    title = f"One fit of {problem.matrix.shape[0]} points"
    x = [float(n) for n in widths]
    return Experiment("size", title, "dimensions", TIME, x, curves, {}, {})


def _batch(problem: Problem, repeats: int, most: int | None) -> Experiment:
    counts = _COUNTS[:most]
    solvers = {
        "procrustes": fitted(rotation_only=True),
        "orthogonal_procrustes": schoenemann,
        "align_vectors": aligned,
    }
    pairs = [triplets(problem, n) for n in counts]
    curves = {
        name: [t / n for t, n in zip(times, counts, strict=True)]
        for name, times in _times(pairs, solvers, repeats).items()
    }
    title = "Time per fit of 20 points in space"
    x = [float(n) for n in counts]
    return Experiment("batch", title, "fits at once", TIME, x, curves, {}, {})


def _errors(
    x: list[float], pairs: list[Pair], solvers: dict[str, Solver], dtype: str
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, list[float]]]:
    """||R - R_exact||_F for the points as they are in this precision; guides; doubts."""
    curves: dict[str, list[float]] = {name: [] for name in solvers}
    doubts: dict[str, list[float]] = {name: [] for name in solvers}
    for where, pair in zip(x, pairs, strict=True):
        a, b = pair.a.astype(dtype), pair.b.astype(dtype)
        exact = pair.rotation
        if dtype == "float32":
            # Of the rounded points, in double precision, by SciPy.
            exact = centred(schoenemann)(a.astype("float64"), b.astype("float64")).rotation
        for name, solve in solvers.items():
            answer = solve(a, b)
            curves[name].append(float(np.linalg.norm(answer.rotation - exact)))
            if not answer.sure:
                doubts[name].append(where)
    u = float(np.finfo(dtype).eps) / 2
    guides = {"u κ": [u * c for c in x], "u κ²": [min(u * c * c, 1.0) for c in x]}
    return curves, guides, doubts


def _times(pairs: list[Pair], solvers: dict[str, Solver], repeats: int) -> dict[str, list[float]]:
    calls = [partial(solve, pair.a, pair.b) for solve in solvers.values() for pair in pairs]
    several = []
    for call in calls:
        call()  # compiles and imports
        (once,) = shortest_times([call], lambda _: None, 3)
        several.append(ceil(_SPAN / once))
    runs = [partial(_again, call, k) for call, k in zip(calls, several, strict=True)]
    total = shortest_times(runs, lambda _: None, repeats)
    seconds = [t / k for t, k in zip(total, several, strict=True)]
    return {name: seconds[i * len(pairs) : (i + 1) * len(pairs)] for i, name in enumerate(solvers)}


def _again(call: Callable[[], object], several: int) -> None:
    """As often as said, so that caches are as warm as in a user's loop."""
    for _ in range(several):
        call()
