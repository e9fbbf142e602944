"""Blocks as they are given: checked, of one space, with the fixed dimension first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .._core import checks
from .._core.linalg import adjoint
from .._core.shared_memory import as_numpy, ordinary
from .._core.space import Space, is_compiling, resolve

__all__ = ["columns_of", "one_by_one"]


def columns_of(function: str, blocks: Iterable[Any], axis: int) -> tuple[Space, Space, list[Any]]:
    """(Space given, space that the blocks are in now, blocks (d, b)).

    Tensors in main memory are taken as the NumPy arrays that share it. What is decided by values
    cannot be traced.
    """
    listed = list(one_by_one(function, blocks))
    if axis not in (0, 1):
        raise ValueError(f"{function}: expected axis 0 (rows) or 1 (columns), got {axis!r}")
    if not listed:
        raise ValueError(f"{function}: expected at least one block, got none")
    given, arrays = resolve(function, *listed)
    if given.traced or is_compiling():
        raise TypeError(
            f"{function}: expected arrays whose values can be looked at, got traced ones; call it "
            "outside of jit, vmap and compiled functions"
        )
    d = arrays[0].shape[1 - axis] if arrays[0].ndim == 2 else None
    for n, x in enumerate(arrays):
        if x.ndim != 2 or x.shape[1 - axis] != d:
            shape = f"(b, {d or 'd'})" if axis == 0 else f"({d or 'd'}, b)"
            raise ValueError(
                f"{function}: expected blocks of shape {shape} for axis={axis}, got "
                f"{checks.describe(x)} as number {n}"
            )
    if given.name == "torch" and str(given.device) == "cpu" and ordinary(*arrays[:1]):
        arrays = tuple(as_numpy(x) for x in arrays) if not given.is_half else arrays
    space = resolve(function, arrays[0])[0]
    space = checks.compute_space(function, space, None)
    xp = space.xp
    if given.name == "torch" and space.name == "torch":
        arrays = tuple(x.detach() for x in arrays)
    return given, space, [adjoint(xp, x) if axis == 0 else x for x in arrays]


def one_by_one(function: str, blocks: Iterable[Any]) -> Iterator[Any]:
    """The blocks of a sequence, a generator or a stack."""
    if getattr(blocks, "ndim", 3) == 2:
        raise ValueError(
            f"{function}: expected a sequence of blocks or a stack of shape (N, b, d), got one "
            "array with two axes; put it into a list"
        )
    if hasattr(blocks, "shape"):
        return (blocks[n, ...] for n in range(blocks.shape[0]))  # type: ignore[index]
    return iter(blocks)
