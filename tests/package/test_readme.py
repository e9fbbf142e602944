"""The README and the written parts of the documentation say what is so."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import orthola
from docs.scripts.generate import generated, with_section

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CITED = re.compile(r"\b10\.\d{4,}/[^\s,;\x22]*[^\s,;:.)\x22]|arXiv:(?:[a-z-]+/)?\d[\d.]*\d")


def fences(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_two_commands_come_first():
    # Continuous integration takes the second block for the tests.
    job, tests = fences("sh")[:2]
    assert "orthola study polar" in job
    assert tests.rstrip().endswith("python -m pytest -n 2")


def test_examples_of_the_readme_run():
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("jax", reason="jax is not installed")
    text = "\n".join(block for block in fences("python") if "cupy" not in block)
    examples = doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0)
    assert len(examples.examples) > 20
    complaints: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(examples, out=complaints.append)
    assert not complaints, "".join(complaints)


def test_files_that_the_readme_links_to_exist():
    targets = re.findall(r"\]\(([^)#:]+)", README)
    assert targets
    assert not [target for target in targets if not (ROOT / target).exists()]


def test_functions_that_the_readme_names_exist():
    table = README.partition("## Which function")[2].partition("## Accuracy")[0]
    names = set(re.findall(r"`(\w+)`", table))
    assert len(names) > 30
    assert not [name for name in names if not hasattr(orthola, name)]


def test_the_readme_cites_what_the_code_and_the_pages_cite():
    package = Path(orthola.__file__).parent  # which may be installed from a wheel
    files = [*package.rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    cited = set(CITED.findall("\n".join(path.read_text(encoding="utf-8") for path in files)))
    assert len(cited) > 60
    assert set(CITED.findall(README)) == cited


def test_written_parts_are_in_step():
    stale = [
        str(path.relative_to(ROOT))
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run python -m docs.scripts.generate"


def test_a_section_is_written_between_its_marks_alone():
    text = "a\n<!-- x: y -->\nold\n<!-- end of x -->\nb\n"
    assert with_section(text, "x", "new") == "a\n<!-- x: y -->\n\nnew\n<!-- end of x -->\nb\n"
    with pytest.raises(ValueError, match="'z'"):
        with_section(text, "z", "new")
