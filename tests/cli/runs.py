"""How tests run a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orthola._cli.main import main


def study(name: str, directory: Path, *options: object) -> dict[str, Any]:
    """The report of a quick run."""
    argv = ["study", name, "--quick", "--out", directory, *options]
    assert main([str(word) for word in argv]) == 0
    return json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))
