"""The signs or phases that a Cayley map is given: as an array beside its argument."""

from __future__ import annotations

from typing import Any

from .._core.checks import describe
from .._core.linalg import products
from .._core.space import Space, resolve

__all__ = ["as_signs"]


def as_signs(function: str, space: Space, signs: Any, shape: tuple[int, ...]) -> Any:
    """`signs` in the dtype of `space`, broadcast to `shape`, a constant to derivatives.

    Nested lists become arrays of the library of `space`; integer arrays (int8 buffers, say)
    are welcome. That the numbers have modulus 1 is trusted.
    """
    xp = space.xp
    if isinstance(signs, (list, tuple)):
        signs = xp.asarray(signs, dtype=space.dtype, device=space.device)
    own, (signs,) = resolve(function, signs)
    if own.name != space.name:
        raise TypeError(
            f"{function}: expected signs from the library of the matrices, {space.name}, got "
            f"{own.name}; convert them (orthola never moves data between libraries)"
        )
    if own.is_complex and not space.is_complex:
        raise TypeError(
            f"{function}: expected real signs for real matrices, got {describe(signs)}; convert "
            "the matrices to a complex dtype"
        )
    if not _fits(tuple(signs.shape), shape):
        raise ValueError(
            f"{function}: expected signs that broadcast to {shape}, got {describe(signs)}"
        )
    signs = xp.broadcast_to(xp.astype(signs, space.dtype, copy=False), shape)
    return products(space).constant(signs)


def _fits(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    if not given or len(given) > len(shape) or given[-1] != shape[-1]:
        return False
    return all(a in (1, b) for a, b in zip(reversed(given), reversed(shape), strict=False))
