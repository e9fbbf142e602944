"""How tests run studies: the same call, the same checks of errors, for each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orthola._cli.main import main


def study(name: str, directory: Path, *options: object) -> dict[str, Any]:
    """The report of a quick run."""
    argv = ["study", name, "--quick", "--out", directory, *options]
    assert main([str(word) for word in argv]) == 0
    return json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))


def fails_in_one_line(
    name: str, argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line that has these words, and no files; in the current directory."""
    assert main(["study", name, "--quick", "--no-figures", *argv]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("orthola: error: ")
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert not Path("orthola-study").exists()
