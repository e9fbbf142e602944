"""The page: one HTML file with everything in it, written from the records of studies."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from ..._core.versions import environment
from ..drawing import Figure
from ..numbers import duration
from ..report import Record
from ..studies import Study
from ..table import Table

__all__ = ["Failed", "Result", "write"]

NAME = "report.html"


class Failed(NamedTuple):
    """A study that came to nothing."""

    study: str
    reason: str
    details: str  # traceback, where the reason alone does not tell
    seconds: float


Result = Record | Failed


def write(
    directory: Path, studies: Sequence[Study], results: Sequence[Result], *, quick: bool
) -> Path:
    """Write the page with all results so far; studies without one are named as not run."""
    found = {result.study: result for result in results}
    failed = sum(isinstance(result, Failed) for result in results)
    text = Template(_part("page.html")).substitute(
        style=_part("page.css"),
        title="Studies of orthola",
        quick=_QUICK if quick else "",
        state=_state(len(studies), len(results), failed),
        date=_date(datetime.now(UTC)),
        contents="".join(_entry(study, found.get(study.name)) for study in studies),
        overview="".join(_line(study, found.get(study.name)) for study in studies),
        studies="".join(_section(s, found[s.name]) for s in studies if s.name in found),
        machine=_machine(environment()),
    )
    path = directory / NAME
    unfinished = path.with_suffix(".html.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path


_QUICK = (
    '<p class="note">A quick run: small data, few repeats. It shows that everything works and what '
    "the figures look like; no figure of it counts.</p>"
)


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M UTC}"


def _state(planned: int, done: int, failed: int) -> str:
    text = f"{done} of {planned} studies"
    return f"{text}, {failed} failed" if failed else text


def _entry(study: Study, result: Result | None) -> str:
    mark = "" if isinstance(result, Record) else ' class="missing"'
    return f"<li{mark}>{_link(study, result)}</li>"


def _link(study: Study, result: Result | None) -> str:
    name = escape(study.name)
    return name if result is None else f'<a href="#{name}">{name}</a>'


def _line(study: Study, result: Result | None) -> str:
    """One row of the overview."""
    if result is None:
        took, said = "", "not run"
    elif isinstance(result, Failed):
        took = duration(result.seconds)
        said = f'<span class="failed">failed: {escape(result.reason)}</span>'
    else:
        count = len(result.figures)
        took, said = duration(result.seconds), f"{count} figure{'s' * (count != 1)}"
    return (
        f'<tr><th scope="row">{_link(study, result)}</th><td>{escape(study.help)}</td>'
        f'<td>{said}</td><td class="number">{took}</td></tr>\n'
    )


def _section(study: Study, result: Result) -> str:
    title, _, about = (study.load().__doc__ or study.name).strip().partition("\n")
    head = (
        f'<section id="{study.name}">\n<p class="kicker">orthola study {study.name}</p>\n'
        f"<h2>{escape(title.removesuffix('.'))}</h2>\n{_paragraphs(about)}"
    )
    return (
        f"{head}{_failure(result) if isinstance(result, Failed) else _record(result)}</section>\n"
    )


def _record(record: Record) -> str:
    verdicts = "".join(f"<p>{escape(text)}</p>" for text in record.verdicts if text)
    figures = "".join(_figure(figure) for figure in record.figures)
    tables = "".join(_table(table) for table in record.tables)
    numbers, date = escape(record.json_file.name), _date(datetime.fromisoformat(record.date))
    return (
        f'<div class="found">{verdicts}</div>\n{figures}'
        f"<h3>Tables</h3>\n{tables}"
        f"<h3>How it was measured</h3>\n"
        f"{_details('What the words mean', _terms(record.definitions))}"
        f"{_details('Settings', _terms(_flat(record.settings)))}"
        f'<p class="quiet">Measured on {date} in {duration(record.seconds)}. '
        f'All numbers: <a href="{numbers}">{numbers}</a>.</p>\n'
    )


def _failure(failed: Failed) -> str:
    details = _details("Traceback", f"<pre>{escape(failed.details)}</pre>")
    details = details if failed.details else ""
    return f'<p class="failed">This study failed: {escape(failed.reason)}</p>\n{details}'


def _figure(figure: Figure) -> str:
    picture = next(file for file in figure.files if file.suffix == ".png")
    data = base64.b64encode(picture.read_bytes()).decode("ascii")
    links = ", ".join(
        f'<a href="{escape(file.name)}">{file.suffix[1:].upper()}</a>' for file in figure.files
    )
    return (
        f'<figure><img alt="{escape(figure.caption)}" src="data:image/png;base64,{data}">\n'
        f'<figcaption>{escape(figure.caption)} <span class="quiet">{links}</span></figcaption>'
        "</figure>\n"
    )


def _table(table: Table) -> str:
    right = [name.startswith(">") for name in table.columns]
    kinds = [' class="number"' if is_right else "" for is_right in right]
    head = "".join(
        f"<th{kind}>{escape(name.removeprefix('>'))}</th>"
        for name, kind in zip(table.columns, kinds, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row, kinds, strict=True))
        + "</tr>\n"
        for row in table.rows
    )
    inside = f"<thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody>"
    return _details(table.heading, f'<div class="wide"><table>{inside}</table></div>')


def _details(summary: str, body: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{body}</details>\n"


def _terms(pairs: Mapping[str, Any]) -> str:
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in pairs.items()
    )
    return f"<dl>{items}</dl>"


def _flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings inside settings stand beside the others."""
    found: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= {f"{name}, {inner}": text for inner, text in _flat(value).items()}
        else:
            found[name] = value if isinstance(value, str) else json.dumps(value)
    return found


def _paragraphs(text: str) -> str:
    blocks = (" ".join(block.split()) for block in text.split("\n\n"))
    return "".join(f"<p>{escape(block)}</p>\n" for block in blocks if block)


def _machine(used: Mapping[str, Any]) -> str:
    threads = used["threads"]
    pools = "; ".join(_pools(threads["pools"]))
    facts = {
        "orthola": used["orthola"],
        "Python": used["python"],
        "system": used["system"],
        "processors": threads["processors"],
        "native libraries": pools,
        "GPU": used["gpu"]["summary"],
    }
    packages = {name: version or "not installed" for name, version in used["packages"].items()}
    return _terms(facts) + _details("Packages", _terms(packages))


def _pools(pools: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return sorted({f"{pool['library']} {pool['version'] or ''}".strip() for pool in pools})
