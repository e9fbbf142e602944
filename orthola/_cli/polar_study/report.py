"""The JSON file with every number, the versions, the threads and the date."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .outcome import Outcome

__all__ = ["write"]


def write(
    path: Path,
    outcomes: Sequence[Outcome],
    settings: dict[str, Any],
    used: dict[str, Any],
    text: str,
) -> None:
    """Write the report; numbers that are not finite become null, as JSON has no others."""
    report = {
        "study": "polar",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": settings,
        "environment": used,
        "definitions": {
            "orthogonality": "||U^H U - I||_2",
            "residual": "||A - U H||_F / ||A||_F",
            "smallest, largest": "singular values of U",
            "digits": "-log10 of the larger of orthogonality and residual",
            "seconds": "shortest of the repeated calls, each complete: from A to U and H",
            "seconds_to_digits": "seconds of the first number of steps with so many digits",
        },
        "problems": [outcome.as_json() for outcome in outcomes],
        "summary": text,
    }
    path.write_text(json.dumps(_finite(report), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(x) for x in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
