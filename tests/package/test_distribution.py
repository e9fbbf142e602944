"""What the wheel and the source distribution hold, built as a release would be."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import orthola

ROOT = Path(__file__).parents[2]
PACKAGE = Path(orthola.__file__).parent
UNWANTED = ("__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".benchmarks", "_build")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(names in the wheel, names in the source distribution without its folder)."""
    if not (ROOT / "orthola").is_dir():
        pytest.skip("these tests run beside an installed package, without its sources")
    pytest.importorskip("hatchling", reason="hatchling, which builds the package, is missing")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {PurePosixPath(name) for name in archive.namelist()}
    with tarfile.open(source) as archive:
        names = [PurePosixPath(entry.name) for entry in archive if entry.isfile()]
    return in_wheel, {PurePosixPath(*name.parts[1:]) for name in names}


def test_the_wheel_is_the_package_and_nothing_else(built):
    wheel, _ = built
    files = {path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*") if path.is_file()}
    expected = {PurePosixPath(path) for path in files if not set(path.parts) & set(UNWANTED)}
    code = {name for name in wheel if name.parts[0] == "orthola"}
    assert code == expected
    assert PurePosixPath("orthola/py.typed") in code
    others = {name.parts[0] for name in wheel - code}
    assert others == {f"orthola-{orthola.__version__}.dist-info"}
    told = {name.name for name in wheel - code}
    assert told == {"METADATA", "WHEEL", "RECORD", "LICENSE", "entry_points.txt"}


def test_the_source_distribution_can_be_tested_and_documented(built):
    _, source = built
    for name in ("pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff",
                 "constraints.txt", "constraints-minimum.txt", "docs/conf.py", "tests/conftest.py",
                 "benchmarks/results/speed-polar.json", "orthola/py.typed"):  # fmt: skip
        assert PurePosixPath(name) in source, name
    for folder in ("orthola", "tests", "benchmarks", "examples"):
        paths = (ROOT / folder).rglob("*.py")
        missing = {PurePosixPath(path.relative_to(ROOT)) for path in paths} - source
        assert not {name for name in missing if not set(name.parts) & set(UNWANTED)}


def test_no_cache_is_distributed(built):
    for names in built:
        assert not [name for name in names if set(name.parts) & set(UNWANTED)]
        assert not [name for name in names if name.suffix in (".pyc", ".nbi", ".nbc", ".part")]
