"""Running everything that the report is made of, each part in a process of its own.

A part writes its JSON file beside the committed one and replaces it at the end: a part that is
stopped, or that fails, leaves what was there, and what it has under ``NAME.json.run``.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEED = ROOT / "benchmarks" / "speed"
AREAS = {  # of files that are not named as their area is
    "householder": "maps", "cayley": "maps", "frame": "maps", "exponential_haar": "maps",
    "adapters": "maps", "generalized_procrustes": "procrustes",
}  # fmt: skip
CONVERGENCE = {  # scripts, their results, and whether they have a short run
    "polar": ("convergence-polar.json", True),
    "maps": ("convergence-maps.json", False),
    "maps_accuracy": ("convergence-maps-accuracy.json", False),
    "dictionary": ("convergence-dictionary.json", True),
    "clustering": ("convergence-clustering.json", False),
    "dask_svd": ("dask-svd.json", True),
}


class UnknownArea(Exception):
    """An area that no part belongs to."""


@dataclass(frozen=True)
class Part:
    """One process."""

    name: str
    area: str
    command: tuple[str, ...]  # but for the file that it writes
    option: str  # that names this file
    file: str

    def run(self, directory: Path) -> str | None:
        """The last lines that it printed, where it failed."""
        final = directory / self.file
        unfinished = final.with_suffix(".json.run")
        command = [sys.executable, *self.command, self.option, str(unfinished)]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ, capture_output=True, text=True, errors="replace"
        )
        if done.returncode == 0 and unfinished.exists():
            os.replace(unfinished, final)
            return None
        last = (done.stdout + done.stderr).strip().splitlines()[-3:]
        return f"exit status {done.returncode}: {' / '.join(last)}"


def parts(*, quick: bool, only: list[str]) -> Iterator[Part]:
    """All, or those of some areas."""
    everything = [*_speed(quick=quick), *_convergence(quick=quick)]
    known = sorted({part.area for part in everything})
    if strange := sorted(set(only) - set(known)):
        raise UnknownArea(f"no area {', '.join(strange)}; there are {', '.join(known)}")
    yield from (part for part in everything if not only or part.area in only)


def _speed(*, quick: bool) -> Iterator[Part]:
    by_area: dict[str, list[str]] = {}
    for file in sorted(SPEED.glob("test_*.py")):
        name = file.stem.removeprefix("test_")
        by_area.setdefault(AREAS.get(name, name), []).append(str(file.relative_to(ROOT)))
    for area, files in by_area.items():
        command = ("-m", "pytest", *files, "--benchmark-only", "-q", *(["--quick"] * quick))
        yield Part(f"speed, {area}", area, command, "--duel-json", f"speed-{area}.json")


def _convergence(*, quick: bool) -> Iterator[Part]:
    for script, (file, has_quick) in CONVERGENCE.items():
        if quick and not has_quick:
            continue
        command = ("-m", f"benchmarks.convergence.{script}", *(["--quick"] * quick))
        yield Part(f"convergence, {script}", script.partition("_")[0], command, "--json", file)
