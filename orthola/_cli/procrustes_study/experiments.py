"""What is measured: errors against condition and offset, times against size and number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..clock import times_of_short_calls
from ..matrices import Problem
from .clouds import Pair, components, embedded, offset, shaped, triplets
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
    problem: Problem, *, repeats: int, quick: bool, seed: int
) -> list[tuple[str, Callable[[], Experiment]]]:
    """Name and measurement of each, to be called in turn."""
    components(problem, _AXES)  # data that are too flat are told about before any work
    most = 3 if quick else None
    return [
        ("condition", partial(_condition, problem, "float64", _CONDITIONS["float64"][:most], seed)),
        ("single", partial(_condition, problem, "float32", _CONDITIONS["float32"][:most], seed)),
        ("space", partial(_space, problem, _CONDITIONS["float64"][:most], seed)),
        ("offset", partial(_offset, problem, _OFFSETS[:most], seed)),
        ("size", partial(_size, problem, _WIDTHS[:most], seed, repeats)),
        ("batch", partial(_batch, problem, _COUNTS[:most], seed, repeats)),
    ]


def _condition(problem: Problem, dtype: str, conditions: list[float], seed: int) -> Experiment:
    single = dtype == "float32"
    solvers = {
        "procrustes": fitted(),
        "sums as given" if single else "refine=0": (
            fitted(accumulate="same", refine=0) if single else fitted(refine=0)
        ),
        "orthogonal_procrustes": schoenemann,
    }
    pairs = [shaped(problem, _AXES, c, noise=single, seed=seed) for c in conditions]
    return Experiment(
        "single" if single else "condition",
        "Single precision, with noise" if single else "Double precision, exact fit",
        "condition", ERROR, conditions, *_errors(conditions, pairs, solvers, dtype),
    )  # fmt: skip


def _space(problem: Problem, conditions: list[float], seed: int) -> Experiment:
    solvers = {
        "procrustes": fitted(rotation_only=True),
        "orthogonal_procrustes": schoenemann,
        "align_vectors": aligned,
    }
    pairs = [shaped(problem, 3, c, noise=False, seed=seed) for c in conditions]
    found = _errors(conditions, pairs, solvers, "float64")
    title = "Rotations in space, exact fit"
    return Experiment("space", title, "condition", ERROR, conditions, *found)


def _offset(problem: Problem, distances: list[float], seed: int) -> Experiment:
    solvers = {
        "procrustes": fitted(translation=True),
        "orthogonal_procrustes": centred(schoenemann),
    }
    pairs = [offset(problem, 3, d, seed=seed) for d in distances]
    curves, _, doubts = _errors(distances, pairs, solvers, "float32")
    title = "Single precision, far from the origin"
    return Experiment("offset", title, "distance / size", ERROR, distances, curves, {}, doubts)


def _size(problem: Problem, widths: list[int], seed: int, repeats: int) -> Experiment:
    solvers = {
        "procrustes": fitted(),
        "refine=0": fitted(refine=0),
        "orthogonal_procrustes": schoenemann,
    }
    pairs = [embedded(problem, n, seed=seed) for n in widths]
    curves = _times(pairs, solvers, repeats)
    title = f"One fit of {problem.matrix.shape[0]} points"
    x = [float(n) for n in widths]
    return Experiment("size", title, "dimensions", TIME, x, curves, {}, {})


def _batch(problem: Problem, counts: list[int], seed: int, repeats: int) -> Experiment:
    solvers = {
        "procrustes": fitted(rotation_only=True),
        "orthogonal_procrustes": schoenemann,
        "align_vectors": aligned,
    }
    pairs = [triplets(problem, n, seed=seed) for n in counts]
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
    for call in calls:
        call()  # compiles and imports
    seconds = times_of_short_calls(calls, repeats, _SPAN)
    return {name: seconds[i * len(pairs) : (i + 1) * len(pairs)] for i, name in enumerate(solvers)}
