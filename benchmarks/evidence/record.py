"""One JSON file for all evidence: what was run, when, on what, and what came out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from benchmarks.speed.machine import machine

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "benchmarks" / "results" / "evidence.json"


def load() -> dict[str, Any]:
    """Everything recorded so far; parts by kind, then by name."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}  # type: ignore[no-any-return]


def write(kind: str, name: str, command: str, result: dict[str, Any]) -> None:
    """Put one run in the place of the one before it."""
    where = machine()
    kept = load()
    kept.setdefault(kind, {})[name] = {
        "command": command,
        "date": where["date"],
        "revision": where["revision"],
        "python": where["python"],
        "versions": where["versions"],
        "cpu": where["cpu"],
        **result,
    }
    part = FILE.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    part.replace(FILE)
