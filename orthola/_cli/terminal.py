"""What commands print: with colours and a progress bar on a terminal, as plain text elsewhere.

Results go to the standard output, progress to the standard error stream.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Terminal", "Ticker", "terminal"]

_WIDTH = 100


class Ticker(Protocol):
    """Told after each piece of work."""

    def __call__(self, done: str) -> None: ...


class Terminal(Protocol):
    """Where a command writes."""

    def heading(self, text: str) -> None: ...

    def paragraph(self, text: str) -> None: ...

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Column names that start with ``>`` are set flush right; no names, no header."""

    def progress(self, title: str, total: int) -> Any:
        """Context manager that gives a `Ticker`; one inside another has a line of its own."""


def terminal() -> Terminal:
    """The rich one where the output is a terminal and rich is installed."""
    if sys.stdout.isatty():
        try:
            return Rich()
        except ImportError:
            pass
    return Plain()


class Plain:
    """Lines of text, for pipes, files and logs."""

    def heading(self, text: str) -> None:
        print(f"\n{text}\n{'-' * len(text)}")

    def paragraph(self, text: str) -> None:
        print("\n" + textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        names = [name.removeprefix(">") for name in columns]
        width = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        header = [names, ["-" * w for w in width]] if any(names) else []
        for row in (*header, *rows):
            cells = (
                text.rjust(w) if name.startswith(">") else text.ljust(w)
                for text, w, name in zip(row, width, columns, strict=True)
            )
            print("  ".join(cells).rstrip())

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Ticker]:
        count = 0

        def tick(done: str) -> None:
            nonlocal count
            count += 1
            print(f"{title} {count}/{total}: {done}", file=sys.stderr, flush=True)

        yield tick


class Rich:
    """The same with rich."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False)
        self._bars: Any = None  # shown now

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.rule(f"[bold]{_literal(text)}", align="left")

    def paragraph(self, text: str) -> None:
        self._console.print()
        self._console.print(_literal(text))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(columns))
        for name in columns:
            right = name.startswith(">")
            table.add_column(
                name.removeprefix(">"), justify="right" if right else "left", overflow="fold"
            )
        for row in rows:
            table.add_row(*map(_literal, row))
        self._console.print(table)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Ticker]:
        with self._shown() as bars:
            task = bars.add_task(title, total=total, done="")
            try:
                yield lambda done: bars.update(task, advance=1, done=_literal(done))
            finally:
                bars.remove_task(task)

    @contextmanager
    def _shown(self) -> Iterator[Any]:
        """The bars of the outermost call."""
        from rich import progress
        from rich.console import Console

        if self._bars is not None:
            yield self._bars
            return
        columns = (
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("[dim]{task.fields[done]}"),
        )
        console = Console(stderr=True)
        with progress.Progress(*columns, console=console, transient=True) as self._bars:
            try:
                yield self._bars
            finally:
                self._bars = None


def _literal(text: str) -> str:
    """Square brackets are text here, not markup."""
    from rich.markup import escape

    return str(escape(text))
