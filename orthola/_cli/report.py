"""What one run of a study leaves behind, and the JSON file that keeps it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .drawing import Figure
from .table import Table

__all__ = ["Record", "plain", "write"]


@dataclass(frozen=True)
class Record:
    """A finished study: every number, the tables and figures made of them, and how it was run."""

    study: str
    date: str
    seconds: float  # that measuring took
    settings: dict[str, Any]
    environment: dict[str, Any]
    definitions: dict[str, str]
    problems: Sequence[dict[str, Any]]
    tables: Sequence[Table]
    figures: Sequence[Figure]
    verdicts: Sequence[str]
    directory: Path

    @property
    def json_file(self) -> Path:
        """Where `write` puts it."""
        return self.directory / f"{self.study}.json"

    @property
    def summary(self) -> str:
        """What was found, and where the files are."""
        return " ".join([*filter(None, self.verdicts), self._whereabouts()])

    def _whereabouts(self) -> str:
        count, numbers = len(self.figures), f"all numbers ({self.json_file.name})"
        drawn = f"{count} figure{'s' * (count != 1)} (PNG and SVG) and {numbers}"
        what = drawn if count else f"{numbers[0].upper()}{numbers[1:]}"
        return f"{what} are in {self.directory}."


def write(record: Record) -> None:
    """Write ``STUDY.json``; numbers that are not finite become null, as JSON has no others."""
    files = [file.name for figure in record.figures for file in figure.files]
    report = {
        "study": record.study,
        "date": record.date,
        "seconds": record.seconds,
        "settings": record.settings | {"files": files},
        "environment": record.environment,
        "definitions": record.definitions,
        "problems": record.problems,
        "summary": record.summary,
    }
    text = json.dumps(plain(report), indent=1, allow_nan=False) + "\n"
    record.json_file.write_text(text, encoding="utf-8")


def plain(value: Any) -> Any:
    """The same with null for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: plain(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(x) for x in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
