"""Codes with their derivative: one function for the arrays of every library."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from .._core.autodiff import Rule
from .._core.linalg import real_part
from .._core.space import Space
from .derivatives import codes_pullback, codes_tangent
from .plan import Plan
from .pursuit import pursue

__all__ = ["OMP", "Call"]


class Call(NamedTuple):
    """The static part of a call; the arrays that it names follow signals and dictionary."""

    plan: Plan
    search: str | None
    gram: bool
    tolerances: bool
    counts: bool
    excluded: str  # "", "atoms" (N,), "mask" (B, N) or "list" (B, e)
    check_finite: bool


class _Inputs(NamedTuple):
    signals: Any  # (..., B, M)
    dictionary: Any  # (N, M) or (..., N, M)
    gram: Any
    counts: Any
    tolerances: Any
    excluded: Any


def codes_of(space: Space, call: Call, arrays: Any) -> Any:
    """Coefficients, residual norm; indices, n_active, status."""
    given = _named(space, call, arrays)
    if call.check_finite and space.eager:
        check_values(space, given.signals, given.dictionary, given.gram)
    tails = (2, 2, 2, 1, 1, 1 if call.excluded == "atoms" else 2)
    found = [
        pursue(space, call.plan, *item, search=call.search)
        for item in _items(space, given.dictionary, given, tails)
    ]
    if not found:
        return _outline(space, call, arrays)
    order = ("coefficients", "residual_norm", "indices", "n_active", "status")
    return _joined(
        space,
        [tuple(getattr(codes, name) for name in order) for codes in found],
        _outline_shapes(call, given.signals),
    )


def check_values(space: Space, signals: Any, dictionary: Any, gram: Any | None) -> None:
    """Raise on what only values can tell."""
    xp = space.xp
    for name, x in (("signals", signals), ("dictionary", dictionary)):
        if not bool(xp.all(xp.isfinite(x))):
            raise ValueError(
                f"omp: expected finite {name}, found NaN or infinity; mend or mask them, or pass "
                "check_finite=False to have such signals marked and such atoms left out"
            )
    if gram is None or 0 in dictionary.shape:
        return
    sizes = xp.max(xp.abs(dictionary), axis=-1)
    scale = xp.where(sizes > 0, sizes, xp.ones_like(sizes))
    squares = xp.sum(xp.abs(dictionary / scale[..., None]) ** 2, axis=-1)
    diagonal = xp.abs(xp.linalg.diagonal(gram)) / scale / scale
    wrong = xp.abs(diagonal - squares) > 1e-3 * squares
    if bool(xp.any(wrong)):
        raise ValueError(
            "omp: expected gram = dictionary.conj() @ dictionary.T, whose diagonal holds the "
            "squared norms of the atoms; the one given belongs to another dictionary"
        )


def _named(space: Space, call: Call, arrays: Any) -> _Inputs:
    """The arrays by name; on their way some were made floating, even complex."""
    xp = space.xp
    signals, dictionary, *rest = arrays
    index = xp.arange(1, device=space.device).dtype
    gram = rest.pop(0) if call.gram else None
    tolerances = rest.pop(0) if call.tolerances else None
    if tolerances is not None:
        tolerances = xp.astype(real_part(xp, tolerances), space.real_dtype, copy=False)
    if call.counts:
        counts = xp.astype(real_part(xp, rest.pop(0)), index, copy=False)
    else:
        shape = signals.shape[:-1]
        counts = xp.zeros(shape, dtype=index, device=space.device) + call.plan.k_max
    excluded: Any = rest.pop(0) if call.excluded else None
    if call.excluded in ("atoms", "mask") and not xp.isdtype(excluded.dtype, "bool"):
        excluded = real_part(xp, excluded) != 0
    elif call.excluded == "list":
        excluded = xp.astype(real_part(xp, excluded), index, copy=False)
    return _Inputs(signals, dictionary, gram, counts, tolerances, excluded)


def _items(space: Space, dictionary: Any, arrays: Any, tails: Any) -> list[tuple[Any, ...]]:
    """The arrays for each dictionary of a stack; `tails` are the axes of one item."""
    count = prod(dictionary.shape[:-2])
    stacks = [
        None if x is None else space.xp.reshape(x, (count, *x.shape[x.ndim - tail :]))
        for x, tail in zip(arrays, tails, strict=True)
    ]
    return [tuple(None if x is None else x[i, ...] for x in stacks) for i in range(count)]


def _joined(space: Space, items: list[tuple[Any, ...]], shapes: Any) -> tuple[Any, ...]:
    """What `_items` has cut, put together."""
    xp = space.xp
    return tuple(
        xp.reshape(parts[0] if len(parts) == 1 else xp.stack(list(parts)), shape)
        for parts, shape in zip(zip(*items, strict=True), shapes, strict=True)
    )


def _outline_shapes(call: Call, signals: Any) -> tuple[tuple[int, ...], ...]:
    shape = tuple(signals.shape[:-1])
    codes = (*shape, call.plan.k_max)
    return codes, shape, codes, shape, shape


def _outline(space: Space, call: Call, arrays: Any) -> Any:
    xp, device = space.xp, space.device
    index = xp.arange(1, device=device).dtype
    dtypes = (space.dtype, space.real_dtype, index, index, xp.int32)
    shapes = _outline_shapes(call, arrays[0])
    return tuple(
        xp.empty(shape, dtype=dtype, device=device)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    )


_CODES = (2, 1, 2)  # axes of coefficients, residual norms and indices for one dictionary


def _pullback(space: Space, call: Call, inputs: Any, outputs: Any, bars: Any) -> Any:
    y, a, *rest = inputs
    arrays = (y, a, *outputs[:3], *bars)
    parts = [
        codes_pullback(space, item[0], item[1], item[2:5], *item[5:])
        for item in _items(space, a, arrays, (2, 2, *_CODES, 2, 1))
    ]
    if not parts:
        return space.xp.zeros_like(y), space.xp.zeros_like(a), *(None for _ in rest)
    return *_joined(space, parts, (y.shape, a.shape)), *(None for _ in rest)


def _tangent(space: Space, call: Call, inputs: Any, outputs: Any, tangents: Any) -> Any:
    y, a, *_ = inputs
    arrays = (y, a, *outputs[:3], *tangents[:2])
    parts = [
        codes_tangent(space, item[0], item[1], item[2:5], *item[5:])
        for item in _items(space, a, arrays, (2, 2, *_CODES, 2, 2))
    ]
    if not parts:
        return tuple(space.xp.zeros_like(x) for x in outputs[:2])
    return _joined(space, parts, [x.shape for x in outputs[:2]])


def _call(plan: Any, *rest: Any) -> Call:
    return Call(Plan(*plan), *rest)


OMP = Rule("omp", _call, codes_of, _outline, _pullback, _tangent, smooth=2, shaped_by_static=True)
