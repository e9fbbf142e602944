"""The maps of reflectors with their derivatives, and where a kernel takes their place."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.autodiff import Rule
from .._core.space import Space
from .fast_path import facts_of, find, pull_back, run
from .reflector_derivatives import apply_pullback, apply_tangent, product_pullback, product_tangent
from .reflectors import apply_reflectors, explicit, product_of_reflectors

__all__ = ["APPLY", "PRODUCT", "ApplyOptions", "ProductOptions"]


class ProductOptions(NamedTuple):
    """What the rule of the product is told besides V and, unless tied, tau."""

    columns: int
    packed: bool
    tied: bool  # tau = 2/||v||^2


class ApplyOptions(NamedTuple):
    """The same for Q X, given V, tau unless tied, and X."""

    conjugate: bool  # Q^H X
    packed: bool
    tied: bool
    right: bool  # X and the result are given by their adjoints


def _split(tied: bool, arrays: Any) -> tuple[Any, Any, Any]:
    """(V, tau or None, the rest)."""
    v, *rest = arrays
    return (v, None, rest) if tied else (v, rest[0], rest[1:])


def _product(space: Space, static: ProductOptions, arrays: Any) -> tuple[Any]:
    v, tau, _ = _split(static.tied, arrays)
    kernel = find("householder_product", space, facts_of(space, v, static.columns))
    if kernel is not None:
        return (run(kernel, space, v, tau, static.columns, packed=static.packed),)
    r = explicit(space, v, tau, static.packed)
    return (product_of_reflectors(space, r, static.columns, static.packed),)


def _product_pullback(
    space: Space, static: ProductOptions, inputs: Any, outputs: Any, bars: Any
) -> tuple[Any, ...]:
    v, tau, _ = _split(static.tied, inputs)
    name = "householder_product_pullback"
    return pull_back(name, product_pullback, space, v, tau, bars[0], packed=static.packed)


def _product_tangent(
    space: Space, static: ProductOptions, inputs: Any, outputs: Any, tangents: Any
) -> tuple[Any]:
    v, tau, _ = _split(static.tied, inputs)
    dv, dtau, _ = _split(static.tied, tangents)
    return (product_tangent(space, v, tau, dv, dtau, static.columns, static.packed),)


def _apply(space: Space, static: ApplyOptions, arrays: Any) -> tuple[Any]:
    v, tau, (x,) = _split(static.tied, arrays)
    conjugate, packed, _, right = static
    columns = x.shape[-2 if right else -1]
    kernel = find("householder_apply", space, facts_of(space, v, columns))
    if kernel is not None:
        return (run(kernel, space, v, tau, x, conjugate=conjugate, packed=packed, right=right),)
    r = explicit(space, v, tau, packed)
    return (apply_reflectors(space, r, x, conjugate, packed, right),)


def _apply_pullback(
    space: Space, static: ApplyOptions, inputs: Any, outputs: Any, bars: Any
) -> tuple[Any, ...]:
    v, tau, (x,) = _split(static.tied, inputs)
    options = {"conjugate": static.conjugate, "packed": static.packed, "right": static.right}
    name = "householder_apply_pullback"
    return pull_back(name, apply_pullback, space, v, tau, x, bars[0], **options)


def _apply_tangent(
    space: Space, static: ApplyOptions, inputs: Any, outputs: Any, tangents: Any
) -> tuple[Any]:
    v, tau, (x,) = _split(static.tied, inputs)
    dv, dtau, (dx,) = _split(static.tied, tangents)
    conjugate, packed, _, right = static
    moved = apply_tangent(
        space, v, tau, x, dv, dtau, dx, conjugate=conjugate, packed=packed, right=right
    )
    return (moved,)


def _product_outline(space: Space, static: ProductOptions, arrays: Any) -> tuple[Any]:
    *batch, m, _ = arrays[0].shape
    shape = (*batch, m, static.columns)
    return (space.xp.empty(shape, dtype=space.dtype, device=space.device),)


def _apply_outline(space: Space, arrays: Any) -> tuple[Any]:
    return (space.xp.empty_like(arrays[-1]),)


PRODUCT = Rule(
    "householder_product",
    ProductOptions,
    _product,
    _product_outline,
    _product_pullback,
    _product_tangent,
    reads_outputs=False,
    shaped_by_static=True,
)
APPLY = Rule(
    "householder_apply",
    ApplyOptions,
    _apply,
    _apply_outline,
    _apply_pullback,
    _apply_tangent,
    reads_outputs=False,
)
