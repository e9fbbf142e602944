"""``orthola study all``: one page with everything in it, failures told, terminal output."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import orthola
from orthola._cli import studies
from orthola._cli.failure import Failure
from orthola._cli.main import main
from orthola._cli.studies import STUDIES, Study
from orthola._cli.terminal import Plain, Rich

VOID = {"meta", "img"}


class Page(HTMLParser):
    """What a page has; a tag that is not closed, or closed twice, fails."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def values(self, name: str) -> list[str]:
        return [value or "" for _, key, value in self.attributes if key == name]


def broken(name: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study that fails while it prepares."""

    def prepare(arguments: argparse.Namespace) -> Any:
        raise error

    module = ModuleType(name, "A study for tests.")
    module.add_arguments = lambda parser: parser.add_argument("--no-figures", action="store_true")
    module.prepare = prepare
    monkeypatch.setitem(sys.modules, name, module)
    return Study(name, "fails", name)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str, str]:
    """One run of a real study between two that fail: directory, exit code, output, errors."""
    directory = tmp_path_factory.mktemp("all") / "out"
    with pytest.MonkeyPatch.context() as patch:
        told = broken("told", Failure("needs <something>"), patch)
        crashed = broken("crashed", ZeroDivisionError("by <nought>"), patch)
        real = next(study for study in STUDIES if study.name == "procrustes")
        patch.setattr("orthola._cli.main.STUDIES", (told, real, crashed))
        argv = ["study", "all", "--quick", "--seed", "3", "--out", str(directory)]
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            code = main(argv)
    return directory, code, out.getvalue(), err.getvalue()


def test_the_page_needs_nothing_beside_it(results: tuple[Path, int, str, str]) -> None:
    directory, *_ = results
    text = (directory / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert [v.partition(",")[0] for v in page.values("src")] == ["data:image/png;base64"]
    assert "url(" not in text
    assert "<script" not in text
    beside = [link for link in page.values("href") if not link.startswith("#")]
    assert set(beside) == {
        "procrustes.json", "procrustes-digits.png", "procrustes-digits.svg"
    }  # fmt: skip
    assert all((directory / link).exists() for link in beside)
    inside = {link[1:] for link in page.values("href") if link.startswith("#")}
    assert inside <= set(page.values("id")) | {"top"}


def test_the_page_says_what_was_found_and_how(results: tuple[Path, int, str, str]) -> None:
    directory, *_ = results
    page = Page((directory / "report.html").read_text(encoding="utf-8"))
    report = json.loads((directory / "procrustes.json").read_text(encoding="utf-8"))
    assert report["settings"]["seed"] == 3  # an option of all is one of each
    assert report["summary"].partition(" 1 figure")[0] in page.text
    for words in (
        "3 of 3 studies, 2 failed", "A quick run", "one that follows u κ²", "align_vectors",
        "Single precision, with noise: error, digits", report["definitions"]["guides"],
        f"orthola {orthola.__version__}", "numpy",
    ):  # fmt: skip
        assert words in page.text


def test_failures_are_told_and_keep_no_other_study(results: tuple[Path, int, str, str]) -> None:
    directory, code, out, err = results
    page = Page((directory / "report.html").read_text(encoding="utf-8"))
    assert code == 2
    assert "needs <something>" in page.text
    assert "ZeroDivisionError: by <nought>" in page.text
    assert "Traceback (most recent call last)" in page.text
    assert err.splitlines()[-1] == (
        "orthola: error: 2 of 3 studies failed: told: needs <something>; "
        "crashed: ZeroDivisionError: by <nought>"
    )
    assert "all studies 3/3: crashed" in err
    assert "procrustes" in out
    assert "report.html" in out


def test_every_study_says_what_it_is_about() -> None:
    for study in studies.STUDIES:
        title, blank, about, *_ = study.load().__doc__.split("\n")
        assert title.endswith(".")
        assert not blank
        assert about


@pytest.mark.parametrize("kind", [Plain, Rich])
def test_progress_inside_progress(kind: Any, capsys: pytest.CaptureFixture[str]) -> None:
    out = kind()
    with out.progress("outer", 2) as outer:
        for name in ("one", "two"):
            with out.progress(name, 1) as inner:
                inner("piece [of work]")
            outer(name)
    with out.progress("again", 1) as tick:
        tick("done")
    if kind is Plain:
        assert capsys.readouterr().err.splitlines() == [
            "one 1/1: piece [of work]", "outer 1/2: one", "two 1/1: piece [of work]",
            "outer 2/2: two", "again 1/1: done",
        ]  # fmt: skip
