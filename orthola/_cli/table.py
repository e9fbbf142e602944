"""A table as it is printed, and as it stands in a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

__all__ = ["Table", "table_over"]


class Table(NamedTuple):
    """Names of columns that start with ``>`` are set flush right."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def table_over(
    heading: str, x_name: str, x: Iterable[float], names: Iterable[str],
    cell: Callable[[str, int], str],
) -> Table:  # fmt: skip
    """What x is, then a column for each name: ``cell(name, i)`` in row i."""
    names = list(names)
    rows = [(f"{value:g}", *(cell(name, i) for name in names)) for i, value in enumerate(x)]
    return Table(heading, [f">{x_name}", *(f">{name}" for name in names)], rows)
