"""Limits before and after, as rows of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._core.tuning import Tuning
from .search import Measured

__all__ = ["COLUMNS", "rows"]

COLUMNS = ("limit", "compared", ">before", ">after", ">ratio", "time of first / second, by size")


def rows(found: Sequence[Measured], before: Tuning) -> list[tuple[str, ...]]:
    """One for each limit."""
    out: list[tuple[str, ...]] = []
    for one in found:
        old = getattr(getattr(before, one.part), one.field)
        pairs = zip(_numbers(old), _numbers(one.value), strict=False)
        ratios = ", ".join(f"{new / was:.2g}" for was, new in pairs if was)
        shown = ", ".join(f"{size:g}: {value:.3g}" for size, value in one.rows)
        out.append(
            (f"{one.part}.{one.field}", one.name, _text(old), _text(one.value), ratios, shown)
        )
    return out


def _numbers(value: Any) -> list[float]:
    """What is compared: the second of each pair."""
    return [float(y) for _, y in value] if isinstance(value, tuple) else [float(value)]


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{y:.3g}" for _, y in value)
    return f"{value:g}"
