"""Blocks in stacks of equal shapes, in double precision and common units, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core.linalg import adjoint, sums_of_squares
from .._core.scaling import largest_entry, scale_by_power_of_two
from .._core.space import Space
from .._core.storage import on_host

__all__ = ["Stacks", "chunks"]

_BYTES = 2**25  # of one batch


class Stacks:
    """Blocks (d, b) of any widths, and what is known of their entries."""

    def __init__(self, space: Space, blocks: Sequence[Any]) -> None:
        self.space, self.blocks = space, blocks
        self.d = int(blocks[0].shape[-2])
        self.finite, self.zero = np.ones((2, len(blocks)), bool)
        # Powers of two that squares leave alone: nothing is copied for them.
        self.exponent = 0
        exponent = self._largest_exponent()
        self.exponent = exponent if abs(exponent) > -space.smallest_exponent // 5 else 0

    def stacks(self, chosen: Sequence[int]) -> Iterator[tuple[NDArray[np.intp], Any]]:
        """Blocks of equal shape in stacks (..., d, b), in the units of the pool."""
        by_shape: dict[int, list[int]] = {}
        for j in chosen:
            by_shape.setdefault(int(self.blocks[j].shape[-1]), []).append(j)
        xp = self.space.xp
        for width, numbers in by_shape.items():
            for part in chunks(numbers, self.d * max(width, 1)):
                x = xp.stack([self.blocks[j] for j in part])
                x = xp.astype(x, self.space.dtype, copy=False)
                if self.exponent:
                    e = xp.full(len(part), -self.exponent, dtype=xp.int32, device=self.space.device)
                    x = scale_by_power_of_two(self.space, x, e)
                yield np.asarray(part), x

    def _largest_exponent(self) -> int:
        largest = 0.0
        for chosen, x in self.stacks(range(len(self.blocks))):
            if x.shape[-1] == 0:
                continue
            size = on_host(largest_entry(self.space, x)).astype(np.float64)
            self.finite[chosen] = np.isfinite(size)
            self.zero[chosen] = size == 0
            largest = max(largest, float(np.max(size, initial=0.0, where=np.isfinite(size))))
        return math.frexp(largest)[1]

    def residuals(self, basis: Any, leaves: NDArray[np.intp]) -> NDArray[np.float64]:
        """Squared norms of (I - U U^H) A_j for some blocks, from the blocks themselves."""
        xp = self.space.xp
        place = {j: n for n, j in enumerate(leaves.tolist())}
        found = np.zeros(len(leaves))
        for chosen, x in self.stacks(leaves.tolist()):
            outside = x - basis @ (adjoint(xp, basis) @ x)
            at = [place[j] for j in chosen.tolist()]
            found[at] = on_host(sums_of_squares(xp, outside))
        return found


def chunks(numbers: Sequence[int], size: int) -> Iterator[list[int]]:
    """Lists of so many items of `size` numbers as a batch holds."""
    length = max(1, _BYTES // (16 * max(size, 1)))
    numbers = list(numbers)
    for start in range(0, len(numbers), length):
        yield numbers[start : start + length]
