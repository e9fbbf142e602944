"""How well so many atoms represent signals that they were not made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ... import omp_path
from .atoms import cosines, gaussian_atoms, sampled
from .outcome import Decay
from .recovery import RULES
from .signals import Signals

__all__ = ["decay", "decay_ticks"]

_DICTIONARIES = 3


def decay_ticks() -> int:
    """Pieces of work."""
    return _DICTIONARIES


def decay(
    signals: Signals, atoms: int, most: int, *, seed: int, tick: Callable[[str], None]
) -> Decay:
    """With 0 to `most` atoms of three dictionaries."""
    rng = np.random.default_rng(seed)
    y = signals.held_out
    dictionaries = {
        "Gaussian": gaussian_atoms(atoms, y.shape[1], rng),
        "cosines": cosines(signals.grid, atoms),
        "data": sampled(signals, atoms, rng),
    }
    most = min(most, y.shape[1], *map(len, dictionaries.values()))
    size = np.linalg.norm(y)
    residuals: dict[str, dict[str, list[float]]] = {}
    for name, dictionary in dictionaries.items():
        gram = dictionary @ dictionary.T
        paths = (
            omp_path(y, dictionary, n_nonzero=most, gram=gram, selection=rule) for rule in RULES
        )
        curves = (np.linalg.norm(path.residual_norm, axis=0) / size for path in paths)
        residuals[name] = {rule: c.tolist() for rule, c in zip(RULES, curves, strict=True)}
        tick(f"residual, {name} atoms")
    axes = np.linalg.svd(signals.examples, full_matrices=False)[2][:most]
    seen = np.cumsum(np.linalg.norm(y @ axes.T, axis=0) ** 2) / size**2
    principal = np.sqrt(np.maximum(1.0 - np.concatenate([[0.0], seen]), 0.0))
    counts = {name: len(dictionary) for name, dictionary in dictionaries.items()}
    return Decay(counts, residuals, principal.tolist())
