"""Entries that nobody has seen, filled in; what follows describes the filled data only."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.space import Space
from .._core.storage import on_host
from .state import SVDConfig, SVDState

__all__ = ["completed"]


def completed(
    space: Space, config: SVDConfig, state: SVDState | None, block: Any, how: str
) -> tuple[Any, int]:
    """The block without NaN, and how many entries were filled.

    ``how="mean"`` puts in the mean of the samples so far, ``"project"`` what least squares on the
    observed entries predicts from the kept basis (with a ridge of its rounding). Samples of which
    nothing was observed are left out.
    """
    xp = space.xp
    gaps = on_host(xp.isnan(block))
    if not gaps.any():
        return block, 0
    a = np.array(on_host(block))
    a, gaps = (a.conj().T, gaps.T) if config.axis == 0 else (a, gaps)
    seen = ~gaps.all(axis=0)
    a, gaps = np.array(a[:, seen]), gaps[:, seen]
    basis, sigma, mean = _known(config, space, state, a.shape[0])
    for j in np.flatnonzero(gaps.any(axis=0)):
        hole = gaps[:, j]
        fill = mean[hole]
        if how == "project" and basis.shape[1]:
            u = basis[~hole]
            ridge = space.eps * sigma[0] / sigma
            right = u.conj().T @ (a[~hole, j] - mean[~hole] * config.center)
            y = np.linalg.solve(u.conj().T @ u + np.diag(ridge), right)
            fill = basis[hole] @ y + mean[hole] * config.center
        a[hole, j] = fill
    out = a.conj().T if config.axis == 0 else a
    filled = xp.asarray(np.ascontiguousarray(out), dtype=space.dtype, device=space.device)
    return filled, int(gaps.sum()) + int(np.count_nonzero(~seen))


def _known(config: SVDConfig, space: Space, state: SVDState | None, d: int) -> tuple[Any, Any, Any]:
    """Basis, singular values and mean so far, on the host."""
    if state is None:
        return np.zeros((d, 0)), np.zeros(0), np.zeros(d)
    mean = np.ldexp(1.0, int(state.scale)) * on_host(state.mean)
    r = int(state.rank)
    if config.layout(space) != "basis" or r == 0:
        return np.zeros((d, 0)), np.zeros(0), mean
    return on_host(state.factor)[:, :r], on_host(state.sigma)[:r], mean
