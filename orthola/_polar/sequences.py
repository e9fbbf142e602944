"""Matrices of different shapes, put together so that each group is one call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from .._core.checks import is_matrix
from .._core.linalg import adjoint
from .._core.space import Space, resolve

__all__ = ["grouped"]

_WASTE = 0.25  # share of a group's work that padding may cost


def grouped(arrays: Sequence[Any], function: Callable[[Any], Any]) -> list[Any]:
    """Apply `function` to every matrix; those of one kind and short side go in one stack.

    Wide matrices are turned to tall ones and zero rows pad the long side: both leave an odd
    polynomial of the singular values unchanged. Results come back in order.
    """
    groups: dict[Any, list[tuple[int, Space, Any]]] = defaultdict(list)
    results: list[Any] = [None] * len(arrays)
    for i, a in enumerate(arrays):
        space, (x,) = resolve("orthogonalize", a)
        is_matrix("orthogonalize", x, name=f"a[{i}]")
        if x.ndim > 2 or 0 in x.shape:
            results[i] = function(a)
            continue
        wide = x.shape[0] < x.shape[1]
        tall = adjoint(space.xp, x) if wide else x
        key = (space.name, str(space.device), space.dtype_name, tall.shape[1])
        groups[key].append((i, space, tall))
    for members in groups.values():
        for part in _split(members):
            _run(part, arrays, function, results)
    return results


def _split(members: list[tuple[int, Space, Any]]) -> list[list[tuple[int, Space, Any]]]:
    """Cut a group, longest first, wherever padding would waste more than a quarter."""
    ordered = sorted(members, key=lambda member: -member[2].shape[0])
    parts: list[list[tuple[int, Space, Any]]] = []
    rows = 0
    for member in ordered:
        part = parts[-1] if parts else None
        if part is not None:
            padded = part[0][2].shape[0] * (len(part) + 1)
            if padded - (rows + member[2].shape[0]) <= _WASTE * padded:
                part.append(member)
                rows += member[2].shape[0]
                continue
        parts.append([member])
        rows = member[2].shape[0]
    return parts


def _run(
    part: list[tuple[int, Space, Any]],
    arrays: Sequence[Any],
    function: Callable[[Any], Any],
    results: list[Any],
) -> None:
    space, longest = part[0][1], part[0][2].shape[0]
    xp = space.xp
    stack = xp.stack([_padded(xp, space, x, longest) for _, _, x in part])
    out = function(stack)
    for position, (i, _, x) in enumerate(part):
        y = out[position, : x.shape[0], :]
        results[i] = adjoint(xp, y) if tuple(y.shape) != tuple(arrays[i].shape) else y


def _padded(xp: Any, space: Space, x: Any, rows: int) -> Any:
    missing = rows - x.shape[0]
    if not missing:
        return x
    zeros = xp.zeros((missing, x.shape[1]), dtype=x.dtype, device=space.device)
    return xp.concat([x, zeros], axis=0)
