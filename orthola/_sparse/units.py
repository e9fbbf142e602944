"""Signals and atoms brought near one by exact powers of two, so that no square leaves the range.

A factor per signal and, only for atoms that are far from one, a factor per atom: correlations of
scaled atoms are compared after the factor is put back, relative to the largest. So 2^i y and 2^j A
give the same support to the last bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.errors import Status
from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space
from .finish import Codes, sum_of_squares
from .problem import take_entries

__all__ = ["Atoms", "Signals", "scaled_atoms", "scaled_signals", "sizes_spread", "unscaled"]

# Exponents up to which squares, and squares times rounding, stay in range: nothing is scaled.
_FREE = {"float32": 32, "float64": 200}
_DEEPEST = {"float32": -100, "float64": -900}


class Atoms(NamedTuple):
    """Finite atoms of a size near one, and what was taken off."""

    dictionary: Any  # (N, M), atoms with NaN or infinite entries zero
    gram: Any | None
    weights: Any | None  # (N,) by which |c| is multiplied in a comparison
    exponents: Any | None  # (N,), None: all zero
    sound: Any  # bool (), whether all atoms were finite


class Signals(NamedTuple):
    """Finite signals with their largest entry in [1/2, 1), and what was taken off."""

    signals: Any  # (B, M), those with NaN or infinite entries zero
    exponents: Any  # (B,)
    usable: Any  # bool (B,)


def scaled_signals(space: Space, signals: Any) -> Signals:
    """Signals in units near one."""
    return Signals(*_rows_near_one(space, signals, free=0))


def scaled_atoms(
    space: Space, dictionary: Any, gram: Any | None, rule: str, *, free: int | None = None
) -> Atoms:
    """Atoms, and their Gram matrix, in units near one."""
    xp, looks = space.xp, space.eager and not space.on_gpu
    free = _FREE[space.real_name] if free is None else free
    a, exponents, finite = _rows_near_one(space, dictionary, free=free)
    if gram is not None and not (looks and bool(xp.all(finite))):
        both = finite[:, None] & finite[None, :]
        gram = xp.where(both, gram, xp.zeros_like(gram))
    weights = None
    if looks and not bool(xp.any(exponents != 0)):
        exponents = None
    else:
        if gram is not None:
            gram = scale_by_power_of_two(space, gram[:, None, :], -exponents)[:, 0, :]
            gram = scale_by_power_of_two(space, gram[:, :, None, None], -exponents[None, :])
            gram = gram[:, :, 0, 0]
        least = xp.zeros_like(exponents) + _DEEPEST[space.real_name]
        depth = xp.maximum(exponents - xp.max(exponents), least)
        one = xp.ones((exponents.shape[0], 1, 1), dtype=space.real_dtype, device=space.device)
        weights = scale_by_power_of_two(space, one, depth)[:, 0, 0]
    if rule == "normalized":
        norms = xp.sqrt(sum_of_squares(space, a))
        weights = 1 / xp.where(norms > 0, norms, xp.ones_like(norms))
    elif rule == "ols":
        weights = None
    return Atoms(a, gram, weights, exponents, xp.all(finite))


def unscaled(space: Space, atoms: Atoms, data: Signals, codes: Codes) -> Codes:
    """Codes of the data that was given; signals and atoms that were not finite are told."""
    xp = space.xp
    exponents = xp.zeros_like(codes.indices, dtype=data.exponents.dtype) + data.exponents[:, None]
    if atoms.exponents is not None:
        exponents = exponents - take_entries(space, atoms.exponents, codes.indices)
    x = codes.coefficients[:, :, None, None]
    x = scale_by_power_of_two(space, x, exponents)[:, :, 0, 0]
    norm = codes.residual_norm[:, None, None]
    norm = scale_by_power_of_two(space, norm, data.exponents)[:, 0, 0]
    norm = xp.where(data.usable, norm, xp.full_like(norm, float("nan")))
    bad = xp.zeros_like(codes.status) + int(Status.NONFINITE)
    status = xp.where(data.usable & atoms.sound, codes.status, bad)
    return codes._replace(coefficients=x, residual_norm=norm, status=status)


def sizes_spread(space: Space, dictionary: Any) -> tuple[bool, Any]:
    """Whether one power of two cannot bring all atoms near one; which ones are finite (N,).

    For values that can be looked at.
    """
    xp = space.xp
    size = largest_entry(space, dictionary[:, None, :])
    finite = xp.isfinite(size)
    exponents = power_of_two_exponent(space, xp.where(finite, size, xp.zeros_like(size)))
    kept = finite & (size > 0)
    if not bool(xp.any(kept)):
        return False, finite
    top = xp.max(xp.where(kept, exponents, xp.zeros_like(exponents) - 2000))
    low = xp.min(xp.where(kept, exponents, xp.zeros_like(exponents) + 2000))
    return int(top) - int(low) > _FREE[space.real_name], finite


def _rows_near_one(space: Space, x: Any, *, free: int) -> tuple[Any, Any, Any]:
    """Rows with their largest entry in [1/2, 1) if it is not within 2^free; exponents; finite."""
    xp, looks = space.xp, space.eager and not space.on_gpu
    size = largest_entry(space, x[:, None, :])
    finite = xp.isfinite(size)
    if not (looks and bool(xp.all(finite))):
        x = xp.where(finite[:, None], x, xp.zeros_like(x))
        size = xp.where(finite, size, xp.zeros_like(size))
    exponent = power_of_two_exponent(space, size)
    if free:
        exponent = xp.where(xp.abs(exponent) <= free, xp.zeros_like(exponent), exponent)
    if looks and not bool(xp.any(exponent != 0)):
        return x, exponent, finite
    return scale_by_power_of_two(space, x[:, None, :], -exponent)[:, 0, :], exponent, finite
