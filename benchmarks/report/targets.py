"""Targets beside what was measured.

``targets.toml`` states every target: an area, what is compared with whom, and the items that it is
made of. An item has a goal and says where its figure comes from:

* ``case`` (with ``ours`` and ``peer``, of the item or of the target): a comparison of `duels`;
* ``cases`` and ``number`` (with the same): the least ratio of all that begin so, where there are
  so many of them;
* ``file`` and ``path``: a number in another file of `results`, found by its keys;
* none of these: not measured; ``note`` says why.

``goal`` is the least ratio peer / ours, or the most where the target says ``bound = "most"``;
``must`` is what it may not fall short of. A target may also name the ``tests`` that hold it: then
it cannot be missed. ``reason`` says why a goal is missed, and what was tried.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from benchmarks.report.duels import RESULTS, Measured

FILE = Path(__file__).resolve().parents[1] / "targets.toml"
MET, MISSED, PARTLY, HELD, UNKNOWN = "met", "missed", "partly met", "held by tests", "not measured"


class Mismatch(Exception):
    """A target that does not fit the results."""


@dataclass(frozen=True)
class Item:
    """One figure of a target."""

    name: str
    goal: float
    must: float | None
    bound: str  # "least" or "most"
    value: float | None
    source: str
    date: str
    note: str

    @property
    def met(self) -> bool | None:
        """None where nothing was measured."""
        if self.value is None:
            return None
        return self.value >= self.goal if self.bound == "least" else self.value <= self.goal


@dataclass(frozen=True)
class Target:
    """What was aimed at, and what became of it."""

    area: str
    what: str
    peer: str
    items: tuple[Item, ...]
    tests: tuple[str, ...]
    reason: str

    @property
    def verdict(self) -> str:
        if self.tests:
            return HELD
        known = [item.met for item in self.items if item.met is not None]
        if not known:
            return UNKNOWN
        if all(known):
            return MET if len(known) == len(self.items) else f"{MET}, as far as measured"
        return PARTLY if any(known) else MISSED

    def as_json(self) -> dict[str, Any]:
        items = [item.__dict__ | {"met": item.met} for item in self.items]
        return self.__dict__ | {"items": items, "verdict": self.verdict}


def targets(found: Sequence[Measured], file: Path = FILE, results: Path = RESULTS) -> list[Target]:
    """Every target of the file; a `Mismatch` where one names what does not exist."""
    duels = {duel.key: duel for duel in found}
    stated = tomllib.loads(file.read_text(encoding="utf-8"))["target"]
    return [_target(entry, duels, results) for entry in stated]


def _target(
    stated: dict[str, Any], duels: dict[tuple[str, str, str], Measured], results: Path
) -> Target:
    items = tuple(_item(stated | item, duels, results) for item in stated.get("items", ()))
    target = Target(
        stated["area"],
        stated["what"],
        stated.get("with", ""),
        items,
        tuple(stated.get("tests", ())),
        " ".join(stated.get("reason", "").split()),
    )
    if target.verdict in (MISSED, PARTLY) and not target.reason:
        raise Mismatch(f"{target.area}, {target.what}: missed, and no reason is given")
    if not target.items and not target.tests:
        raise Mismatch(f"{target.area}, {target.what}: neither items nor tests")
    return target


def _item(
    stated: dict[str, Any], duels: dict[tuple[str, str, str], Measured], results: Path
) -> Item:
    value, source, date = _figure(stated, duels, results)
    return Item(
        str(stated.get("name", "")), float(stated["goal"]), stated.get("must"),
        stated.get("bound", "least"),
        value, source, date, stated.get("note", ""),
    )  # fmt: skip


def _figure(
    stated: dict[str, Any], duels: dict[tuple[str, str, str], Measured], results: Path
) -> tuple[float | None, str, str]:
    """The number, where it comes from, and its date."""
    found = _compared(stated, duels)
    if found:
        return _ratio(stated, found[0]), found[0].file, found[0].date[:10]
    if "file" in stated:
        data = _loaded(results / stated["file"])
        try:
            value = data
            for key in stated["path"]:
                value = value[key]
        except (KeyError, IndexError, TypeError):
            raise Mismatch(f"{stated['file']} has no {stated['path']}") from None
        return float(value), stated["file"], str(data["date"])[:10]
    return None, "", ""


def _compared(
    stated: dict[str, Any], duels: dict[tuple[str, str, str], Measured]
) -> list[Measured]:
    """The comparison that an item names, none if it was not made; of many the least ratio first."""
    sides = stated.get("ours"), stated.get("peer")
    if "cases" in stated:
        known = [
            duel
            for (case, *both), duel in duels.items()
            if case.startswith(stated["cases"]) and tuple(both) == sides
        ]
        return sorted(known, key=partial(_ratio, stated)) if len(known) == stated["number"] else []
    return [duel for key, duel in duels.items() if key == (stated.get("case"), *sides)]


def _ratio(stated: dict[str, Any], duel: Measured) -> float:
    return duel.wall[0] if stated.get("clock") == "wall" else duel.cpu[0]


@cache
def _loaded(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
