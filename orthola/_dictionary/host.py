"""Streams of NumPy arrays: the first step and unusual rows by the text, all else by a kernel.

For small mini-batches the calls of the text would be most of the time: the kernel takes a whole
run of them in one call.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .._core.dispatch import find_kernel, load
from .._core.options import current
from .._core.space import Space
from .arguments import expect_usable
from .oracle import Oracle, lean
from .schedules import TAIL
from .state import DictionaryOptions, DictionaryState
from .step import advanced, reach
from .tail import ALIKE, GAIN, LEVEL, LOSS, PERIOD, SHARE, scale_factor

__all__ = ["advanced_host", "kernel_of"]

_LIMITS = np.array([LEVEL, SHARE, ALIKE, LOSS, GAIN])


@lru_cache(maxsize=8)
def kernel_of(oracle: Oracle, kernels: bool) -> str | None:
    """Where the kernel for this way of solving the linear problem is."""
    found = find_kernel("dictionary_update", "numpy", oracle) if kernels else None
    return None if found is None else found.target


def advanced_host(
    space: Space, oracle: Oracle, state: DictionaryState, y: Any, *, batch: int, check_finite: bool
) -> DictionaryState:
    """The state after mini-batches of `batch` rows each, one after the other."""
    kernel = kernel_of(oracle, current().kernels)
    done = 0
    while done < y.shape[0]:
        if kernel is not None and int(state.step) > 0:
            state, more = _by_kernel(space, load(kernel), state, y[done:], batch)
            done += more
        if done < y.shape[0]:
            rows = y[done : done + batch]
            if check_finite:
                expect_usable("dictionary_update", space, state.scale, rows)
            state = advanced(space, oracle, state, rows)
            state = DictionaryState._make([*map(np.asarray, state[:-1]), state.options])
            done += batch
    return state


def _by_kernel(
    space: Space, steps: Any, state: DictionaryState, y: Any, batch: int
) -> tuple[DictionaryState, int]:
    """The state after mini-batches up to one with a row that is not usable; and the rows of them.

    NaN and infinity show in sums of squares, and so does an entry out of reach.
    """
    options, real = state.options, state.noise.dtype
    # One kind of array only: every other one would be compiled anew.
    y = np.require(y, y.dtype.newbyteorder("="), ["C", "W", "A"])
    a, z, cross, refined, record = (
        np.array(x, order="C")
        for x in (state.iterate, state.gradient, state.cross, state.refined, state.record)
    )
    root = np.array(state.precondition, order="C") if options.preconditioned else a
    numbers = np.array([state.noise, state.objective, state.energy, state.scale], real)
    n = a.shape[0]
    done = steps(
        y.reshape(-1, batch, n), a, z, cross, refined, record, root, numbers, int(state.step),
        _rates(options),
        options.steps.clip, 1.0 / options.window if options.window else 0.0, scale_factor(space),
        _LIMITS, PERIOD, lean(space, n), reach(space) ** 2, options.p, options.preconditioned,
        options.steps.project,
    )  # fmt: skip
    if done == 0:
        return state, 0
    noise, objective, energy, _ = numbers
    state = DictionaryState(
        a, z, cross, refined, record, np.asarray(noise), np.asarray(objective), np.asarray(energy),
        state.precondition, state.scale, np.asarray(int(state.step) + done),
        np.asarray(int(state.n_samples) + done * batch), state.n_skipped, options,
    )  # fmt: skip
    return state, done * batch


@lru_cache(maxsize=64)
def _rates(options: DictionaryOptions) -> Any:
    return np.array([options.steps.average, options.steps.move, TAIL])
