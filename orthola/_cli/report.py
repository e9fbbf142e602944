"""The JSON file with every number, the versions, the threads and the date."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["whereabouts", "write"]


def write(
    directory: Path,
    study: str,
    *,
    settings: dict[str, Any],
    environment: dict[str, Any],
    definitions: dict[str, str],
    problems: list[dict[str, Any]],
    summary: str,
) -> None:
    """Write ``STUDY.json``; numbers that are not finite become null, as JSON has no others."""
    report = {
        "study": study,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": settings,
        "environment": environment,
        "definitions": definitions,
        "problems": problems,
        "summary": summary,
    }
    text = json.dumps(_finite(report), indent=1, allow_nan=False) + "\n"
    (directory / f"{study}.json").write_text(text, encoding="utf-8")


def whereabouts(directory: Path, study: str, files: Sequence[Path]) -> str:
    """The sentence that says where the figures and the report are."""
    figures = sum(file.suffix == ".png" for file in files)
    drawn = f"{figures} figure{'s' * (figures != 1)} (PNG and SVG)"
    what = f"{drawn} and all numbers ({study}.json)" if figures else f"All numbers ({study}.json)"
    return f"{what} are in {directory}."


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(x) for x in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
