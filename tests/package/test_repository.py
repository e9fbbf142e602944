"""What is in the repository has nothing in it of the machine it was written on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = {".py", ".md", ".toml", ".cfg", ".txt", ".yaml", ".yml", ".cff", ".json", ".rst", ".csv", ""}

# Home and work directories of any machine; written so that this line does not match itself.
PATHS = re.compile(r"""(?<![\w.])/(?:home|root|Users|work|tmp)/[\w.~-]+|[A-Z]:\\+Users\\""")


def tracked() -> list[Path]:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    run = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if run.returncode:
        pytest.skip("these files are not in a git repository")
    files = [ROOT / name for name in run.stdout.split("\0") if name]
    if not files:
        pytest.skip("git tracks no files here")
    return [path for path in files if path.exists()]


def test_no_tracked_file_names_a_path_of_a_machine():
    found = []
    for path in tracked():
        if path.suffix not in TEXT:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := PATHS.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert not found


def test_the_search_would_find_one():
    for path in ("home/someone/x", "work/main/x", "tmp/venv/bin", "root/.cache"):
        assert PATHS.search(f"at /{path}")
    for path in (
        "https://example.org/work/x",
        "a/tmp/b",
        "docs/home/x",
        "/tmp",
        "benchmarks/work/x",
    ):
        assert not PATHS.search(path)


def test_no_compiled_or_cached_file_is_tracked():
    unwanted = {".pyc", ".pyo", ".nbi", ".nbc", ".so", ".npz", ".npy", ".egg-info"}
    names = [path.relative_to(ROOT) for path in tracked()]
    assert not [str(name) for name in names if name.suffix in unwanted]
    assert not [str(name) for name in names if "__pycache__" in name.parts]


def test_files_are_small():
    assert not [str(path) for path in tracked() if path.stat().st_size > 500_000]
