"""Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["table"]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a line for each row."""
    lines = [columns, ["---" for _ in columns], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
