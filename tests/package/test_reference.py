"""The pages of the documentation name everything that is public, and hang together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import orthola

DOCS = Path(__file__).parents[2] / "docs"
FOLDERS = [path.parent for path in sorted(DOCS.rglob("index.md")) if path.parent.name != "_build"]


def test_the_reference_lists_every_public_name_once():
    text = (DOCS / "reference" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^   ([\w.]+)$", text.split("## PyTorch")[0], flags=re.MULTILINE)
    assert sorted(listed) == sorted(set(orthola.__all__) - {"__version__", "testing"})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_page_is_reached_from_its_index(folder: Path):
    text = (folder / "index.md").read_text(encoding="utf-8")
    pages = {path.stem for path in folder.glob("*.md")} - {"index"}
    fences = re.findall(r"```{toctree}\n(.*?)```", text, flags=re.DOTALL)
    entries = re.findall(r"^([\w/]+)$", "".join(fences), flags=re.MULTILINE)
    assert pages <= set(entries)
    built = {"auto_examples/index"}  # written when the gallery runs
    assert all((folder / f"{entry}.md").exists() for entry in set(entries) - built)
