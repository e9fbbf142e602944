"""Comparisons as the JSON files in `results` have them: one for each case, pair and side."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"
PATTERN = "speed-*.json"


@dataclass(frozen=True)
class Measured:
    """One case against one peer, at one thread and at several; ratios are peer / ours."""

    case: str
    ours: str
    peer: str
    cpu: tuple[float, float, float]  # ratio of CPU time at one thread: median, quartiles
    wall: tuple[float, float, float]  # of wall time at `threads`
    threads: int
    pairs: int
    accuracy: dict[str, float]
    accuracy_of_peer: dict[str, float]
    versions: dict[str, str]  # of what was installed
    date: str
    revision: str
    load: float | None  # of the machine when it was measured, one minute's average
    file: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What it compares."""
        return self.case, self.ours, self.peer

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measured(directory: Path = RESULTS) -> list[Measured]:
    """Every comparison; of those that compare the same, the last one."""
    newest: dict[tuple[str, str, str], Measured] = {}
    for file in sorted(directory.glob(PATTERN)):
        for found in _in(file):
            known = newest.get(found.key)
            if known is None or known.date <= found.date:
                newest[found.key] = found
    return list(newest.values())


def machines(directory: Path = RESULTS) -> list[dict[str, Any]]:
    """On what: each file's machine."""
    return [
        {"file": file.name, **json.loads(file.read_text(encoding="utf-8"))["machine"]}
        for file in sorted(directory.glob(PATTERN))
    ]


def _in(file: Path) -> Iterator[Measured]:
    data = json.loads(file.read_text(encoding="utf-8"))
    machine = data["machine"]
    if machine["quick"]:
        return  # no figure of a quick run counts
    for entry in data["duels"]:
        single, several = entry["single"], entry["several"]
        yield Measured(
            case=entry["label"],
            ours=single["ours"]["label"],
            peer=single["peer"]["label"],
            cpu=_spread(single["cpu_ratio"]),
            wall=_spread(several["wall_ratio"]),
            threads=several["threads"],
            pairs=single["pairs"],
            accuracy=entry["ours"],
            accuracy_of_peer=entry["peer"],
            versions=machine["versions"],
            date=machine["date"],
            revision=machine["revision"],
            load=entry["load"][0] if entry["load"] else None,
            file=file.name,
        )


def _spread(ratio: dict[str, float]) -> tuple[float, float, float]:
    return ratio["median"], ratio["q1"], ratio["q3"]
