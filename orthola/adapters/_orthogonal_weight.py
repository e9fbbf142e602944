"""A weight of any shape and precision, from its parameter and back: what both adapters share."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import polar
from .._core import checks
from .._core.linalg import products
from .._core.space import Space, resolve
from ._orthogonal_maps import orthonormal_columns, parameter_of
from ._trivialization import Base, base_at, from_base

__all__ = ["Fit", "default_map", "fit", "tall", "weight_of", "widened"]


class Fit(NamedTuple):
    """What stands for a weight."""

    parameter: Any  # of the shape and dtype of the weight
    signs: Any | None  # (..., k), int8 if real; None are ones
    base: Base | None


def default_map(weight: Any) -> str:
    """The map that PyTorch's own function chooses."""
    space, (weight,) = resolve("orthogonal", weight)
    square = weight.shape[-2] == weight.shape[-1]
    return "matrix_exp" if square or space.is_complex else "householder"


def tall(x: Any) -> Any:
    """The matrix, or its transpose where it is wide."""
    return x.mT if x.shape[-2] < x.shape[-1] else x


def widened(x: Any) -> Any:
    """Half precision as float32, so that results are rounded once."""
    space, (x,) = resolve("orthogonal", x)
    work = checks.compute_space("orthogonal", space, None)
    return x if work is space else space.xp.astype(x, work.dtype)


def weight_of(kind: str, parameter: Any, signs: Any | None, base: Base | None) -> Any:
    """The weight, with orthonormal columns or rows, that a parameter of its shape stands for."""
    space, (parameter,) = resolve("orthogonal", parameter)
    x = widened(tall(parameter))
    if signs is not None:
        signs = space.xp.astype(signs, x.dtype, copy=False)
    q = orthonormal_columns(kind, x, signs)
    if base is not None:
        q = from_base(Base(*(None if part is None else widened(part) for part in base)), q)
    return _shaped_like(parameter, _settled(resolve("orthogonal", q)[0], q))


def fit(kind: str, weight: Any, trivialize: bool) -> Fit:
    """What stands for the polar factor of a weight: a base, or parameter and signs."""
    space, (weight,) = resolve("orthogonal", weight)
    xp = space.xp
    q = polar(widened(tall(weight))).unitary
    if trivialize:
        # At minus one on its diagonal, which no other map reads, every reflector is I - 2 e e^H.
        x = xp.zeros_like(q) - xp.eye(*q.shape[-2:], dtype=q.dtype, device=space.device)
        signs = xp.full_like(q[..., 0, :], -1.0) if kind == "householder" else None
        base = base_at(xp.astype(q, space.dtype, copy=False))
    else:
        x, signs = parameter_of(kind, q)
        base = None
    if signs is not None and not space.is_complex:
        signs = xp.astype(signs, xp.int8)
    return Fit(_shaped_like(weight, x), signs, base)


def _settled(space: Space, q: Any) -> Any:
    """Q (3I - Q^H Q)/2: what the map and the base have added up in roundings is taken off.

    On orthonormal columns this is the identity, so its derivative need not be followed.
    """
    ops = products(space)
    given = ops.constant(q)
    return q + given @ (0.5 * (ops.identity(q) - ops.gram(given)))


def _shaped_like(weight: Any, q: Any) -> Any:
    space, (weight,) = resolve("orthogonal", weight)
    q = space.xp.astype(q, space.dtype, copy=False)
    return q.mT if q.shape[-2:] != weight.shape[-2:] else q
