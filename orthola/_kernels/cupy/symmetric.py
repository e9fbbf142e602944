"""X^H Y where it is known to be Hermitian: the lower blocks only.

The matrix is cut in halves `depth` times. Of the four quarters the upper right one is left out,
and the two on the diagonal are cut again: 25, 37.5 and 43.75 % of the work is saved at depth 1, 2
and 3. The blocks of one level lie at equal distances, so each level is one batched product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Blocks", "lower_blocks", "lower_product", "recursion_depth"]


class Blocks(NamedTuple):
    """`repeats` blocks of one size, the next one `step` rows and columns further on."""

    row: int
    column: int
    height: int
    width: int
    repeats: int
    step: int


def recursion_depth(n: int, smallest: int, most: int) -> int:
    """How often n can be halved with blocks of at least `smallest`, at most `most` times."""
    depth = 0
    while depth < most and n >> (depth + 1) >= smallest:
        depth += 1
    return depth


def lower_blocks(n: int, depth: int) -> list[Blocks]:
    """Blocks that cover the lower triangle of order n, by levels, largest first."""
    size = n >> depth
    even = size << depth
    blocks = []
    for level in range(depth):
        half = even >> (level + 1)
        blocks.append(Blocks(half, 0, half, half, 1 << level, 2 * half))
    blocks.append(Blocks(0, 0, size, size, 1 << depth, size))
    if even < n:  # the few rows that halving leaves over
        blocks.append(Blocks(even, 0, n - even, n, 1, 0))
    return blocks


def lower_product(
    x: Any,
    y: Any,
    out: Any,
    *,
    depth: int,
    gemm: Callable[[Any, Any, Any], Any],
    as_strided: Callable[..., Any],
) -> Any:
    """Fill the lower blocks of `out` with X^H Y; what lies above them is left as it was.

    Parameters
    ----------
    x, y : array (k, n) or (items, k, n)
    out : array (n, n) or (items, n, n)
    depth : int
        See `recursion_depth`.
    gemm : callable
        ``gemm(x, y, out)`` writes X^H Y into `out`, for matrices and for stacks.
    as_strided : callable
        That of the array library.
    """

    def columns(a: Any, start: int, width: int, blocks: Blocks) -> Any:
        return _every(a[:, start : start + width], (0, blocks.step), blocks, as_strided)

    for b in lower_blocks(x.shape[-1], depth):
        right, below = slice(b.column, b.column + b.width), slice(b.row, b.row + b.height)
        if b.repeats == 1:
            gemm(x[..., below], y[..., right], out[..., below, right])
        elif x.ndim == 2:
            gemm(
                columns(x, b.row, b.height, b),
                columns(y, b.column, b.width, b),
                _every(out[below, right], (b.step, b.step), b, as_strided),
            )
        else:
            for i in range(b.repeats):
                down, along = (slice(s.start + i * b.step, s.stop + i * b.step)
                               for s in (below, right))  # fmt: skip
                gemm(x[..., down], y[..., along], out[..., down, along])
    return out


def _every(a: Any, steps: tuple[int, int], blocks: Blocks, as_strided: Callable[..., Any]) -> Any:
    """A view of the block `a` and its followers, as a stack."""
    stride = sum(step * size for step, size in zip(steps, a.strides, strict=True))
    return as_strided(a, (blocks.repeats, *a.shape), (stride, *a.strides))
