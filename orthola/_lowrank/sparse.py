"""Sparse samples without making them dense: a random range from products with the sparse matrix.

Centring stays implicit, A - mean 1^H is never formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.space import Space
from .appending import Part
from .centring import forgotten, mean_moved, mean_rounding
from .host import append_part
from .plan import leaf_width, power_steps
from .randomized import directions
from .state import SVDConfig, SVDState

__all__ = ["sparse_updates", "worth_it"]

_SAFE = 2.0**100  # squares and their sums are normal numbers
_SAMPLES = 4  # times fewer samples than features in one leaf, for its memory


def worth_it(space: Space, config: SVDConfig, block: Any) -> bool:
    """Whether products with the sparse matrix cost less than dense slices of it."""
    d, n = config.features, block.shape[config.axis]
    leaf = leaf_width(config)
    if space.name != "numpy" or config.layout(space) != "basis" or config.tolerance is not None:
        return False
    if n <= leaf or leaf >= d:
        return False
    largest = float(np.abs(block.data).max()) if block.nnz else 1.0
    if not 1.0 / _SAFE < largest < _SAFE:
        return False
    dense = 16.0 * d * config.capacity * n
    passes = 6.0 + 4.0 * power_steps(config)
    return bool(passes * block.nnz * leaf + 8.0 * (d + n) * leaf**2 < dense)


def sparse_updates(
    space: Space, config: SVDConfig, state: SVDState, block: Any
) -> Iterator[SVDState]:
    """States after one leaf of samples after the other; what was there is forgotten once."""
    state = forgotten(space, config, "basis", state)
    a = block.tocsr() if config.axis == 0 else block.tocsc()
    step = max(leaf_width(config) + 1, config.features // _SAMPLES)
    for start in range(0, block.shape[config.axis], step):
        cut = slice(start, start + step)
        piece = a[cut].conj().T if config.axis == 0 else a[:, cut]
        state = _leaf(space, config, state, piece.astype(space.dtype, copy=False))
        yield state


def _leaf(space: Space, config: SVDConfig, state: SVDState, a: Any) -> SVDState:
    """A (d, n) sparse."""
    wide, n = config.wide(space), a.shape[1]
    factor = np.ldexp(1.0, -int(state.scale))
    if factor != 1.0:
        a = a * space.xp.asarray(factor, dtype=space.real_dtype)
    count = np.float64(n)
    mean = np.asarray(a.astype(wide.dtype).sum(axis=1)).ravel() / count
    moved = mean_moved(space, wide, state, mean, count)
    squares = np.float64(np.sum(np.abs(a.data).astype(np.float64) ** 2))
    off = mean.astype(space.dtype) if config.center else None

    def times(x: Any) -> Any:
        return a @ x if off is None else a @ x - np.outer(off, x.sum(axis=0))

    def adjoint_times(x: Any) -> Any:
        y = a.conj().T @ x
        return y if off is None else y - off.conj() @ x

    z = times(directions(space, config, state.position, n))
    for _ in range(power_steps(config)):
        z = times(adjoint_times(np.linalg.qr(z)[0]))
    w = np.linalg.qr(adjoint_times(np.linalg.qr(z)[0]))[0]
    k = times(w)
    energy, error = squares, np.float64(0.0)
    if config.center:
        energy = np.maximum(squares - count * np.float64(np.sum(np.abs(mean) ** 2)), 0.0)
        error = mean_rounding(wide, n, count, np.linalg.norm(mean)) + moved.rounding
        # The mean as it is taken off, rounded to the precision of the data.
        error += space.eps * np.sqrt(count) * np.linalg.norm(mean)
    error += 2.0 * np.sqrt(n) * space.eps * np.sqrt(squares)
    # A difference of two sums: its digits are those of the larger one.
    unsure = 4.0 * np.sqrt(n) * space.eps * squares
    loss = max(energy - np.float64(np.sum(np.abs(k).astype(np.float64) ** 2)), 0.0)
    if config.center:
        energy = energy + moved.energy
        k = np.concatenate([k, moved.column.astype(space.dtype)], axis=1)
    state = state._replace(mean=moved.mean, count=moved.count)
    part = Part(
        np.asfortranarray(k), energy, loss, loss, error, unsure, None, loss, loss
    )  # fmt: skip
    state = append_part(space, config, "basis", state, part)
    return state._replace(
        columns=state.columns + np.int64(n), position=state.position + np.int64(1)
    )
