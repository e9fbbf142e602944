"""The phase transition: how many atoms can be found again from how many measurements?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ... import omp
from .atoms import gaussian_atoms, projected, sampled
from .outcome import Recovery
from .signals import Signals

__all__ = ["RULES", "recoveries", "recovery_ticks"]

Array = np.ndarray[Any, Any]
RULES = ("omp", "ols")
_DRAWS = 4  # of the measurements, for each number of them
_MOST = 64  # measurements: more is the same picture, larger
_KINDS = 2


def recovery_ticks(points: int) -> int:
    """Pieces of work."""
    return _KINDS * points


def recoveries(
    signals: Signals, atoms: int, *, points: int, trials: int, seed: int,
    tick: Callable[[str], None],
) -> list[Recovery]:  # fmt: skip
    """Of Gaussian atoms and of rows of the data, on a grid of `points` in each direction."""
    rng = np.random.default_rng(seed)
    width = min(signals.held_out.shape[1], _MOST)
    measurements = _spread(max(width // 16, 2), width, points)
    data = sampled(signals, atoms, rng)
    # Rows of data resemble each other: fewer of them can be told apart.
    kinds: dict[str, tuple[str, int, int, Callable[[int], Array]]] = {
        "Gaussian": (
            f"Recovery of Gaussian atoms, N = {atoms}", atoms, width // 2,
            lambda m: gaussian_atoms(atoms, m, rng),
        ),
        "data": (
            f"Recovery of rows of the data, N = {len(data)}", len(data), width // 4,
            lambda m: projected(data, m, rng),
        ),
    }  # fmt: skip
    found = []
    for name, (title, count, most, draw) in kinds.items():
        sparsities = _spread(1, max(most, 2), points)
        shares: dict[str, list[list[float]]] = {rule: [] for rule in RULES}
        for m in measurements:
            row = _shares(partial(draw, m), m, sparsities, trials, rng)
            for rule in RULES:
                shares[rule].append(row[rule])
            tick(f"recovery, {name} atoms, {m} measurements")
        found.append(Recovery(name, title, count, measurements, sparsities, shares))
    return found


def _shares(
    draw: Callable[[], Array], m: int, sparsities: list[int], trials: int, rng: np.random.Generator
) -> dict[str, list[float]]:
    """Of each number of atoms; NaN where there are more atoms than measurements."""
    counts = np.repeat([k for k in sparsities if k <= m], trials)
    total = {rule: np.zeros(len(sparsities)) for rule in RULES}
    for _ in range(_DRAWS):
        dictionary = draw()
        gram = dictionary @ dictionary.T
        places = rng.random((counts.size, len(dictionary))).argsort(axis=1)
        planted = places < counts[:, None]
        signals = np.where(planted, rng.standard_normal(planted.shape), 0.0) @ dictionary
        for rule in RULES:
            result = omp(signals, dictionary, n_nonzero=counts, gram=gram, selection=rule)
            right = _found(result.indices, planted).reshape(-1, trials).mean(axis=1)
            total[rule] += np.pad(right, (0, total[rule].size - right.size), constant_values=np.nan)
    return {rule: (share / _DRAWS).tolist() for rule, share in total.items()}


def _found(indices: Array, planted: Array) -> Array:
    """Whether all atoms that were planted are among the chosen ones."""
    chosen = np.zeros((planted.shape[0], planted.shape[1] + 1), dtype=bool)
    np.put_along_axis(chosen, indices, True, axis=1)  # padding is -1: the last column
    right: Array = np.all(chosen[:, :-1] | ~planted, axis=1)
    return right


def _spread(least: int, most: int, points: int) -> list[int]:
    return sorted({round(x) for x in np.linspace(least, most, points).tolist()})
