"""The right factor of a stream, from small rotations that are logged and multiplied when asked.

Each truncation takes K = [U S, A] to K W. With W_t logged, V is never stored: going backward, the
rows of V that belong to block t are the lower rows of W_t times all later upper parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .._core.linalg import adjoint
from .._core.space import Space
from .scale import times_power
from .state import SVDState

__all__ = ["right_blocks", "rotation"]


def rotation(space: Space, before: SVDState, columns: Any, after: SVDState) -> Any:
    """W (r + b, r') of one truncation; `columns` (d, b) in the units of the data.

    From the left factor, as K^H U' / S': whatever its orthogonality, K W W^H is U' U'^H K.
    """
    xp = space.xp
    r, new = int(before.rank), int(after.rank)
    basis, sigma = after.factor[:, :new], after.sigma[:new]
    old = times_power(
        space.with_dtype(space.real_name), before.sigma[:r], before.scale - after.scale
    )
    kept = old[:, None] * (adjoint(xp, before.factor[:, :r]) @ basis)
    fresh = adjoint(xp, times_power(space, columns, -after.scale)) @ basis
    return xp.concat([kept, fresh], axis=0) / sigma


def right_blocks(
    space: Space, rotations: Sequence[tuple[Any, int]], rank: int
) -> Iterator[tuple[int, Any]]:
    """(block, rows of V for its columns), the last one first; `rotations` holds (W, columns)."""
    xp, later = space.xp, None
    for t in range(len(rotations) - 1, -1, -1):
        w, columns = rotations[t]
        upper = w.shape[0] - columns
        if later is None:
            later = xp.eye(w.shape[1], dtype=w.dtype, device=space.device)[:, :rank]
        yield t, w[upper:, :] @ later
        later = w[:upper, :] @ later
