"""The table of one task and the paragraph at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..numbers import duration
from ..report import whereabouts
from .outcome import Outcome, Race, Run

__all__ = ["COLUMNS", "row", "summary"]

COLUMNS = (
    "map", ">steps", ">tried", ">time", ">per step", ">loss", ">distance", ">drift", "ended by",
)  # fmt: skip


def row(run: Run) -> tuple[str, ...]:
    """One contender, in the order of `COLUMNS`."""
    found = run.descent
    return (
        run.chart,
        str(found.steps),
        str(found.evaluations - 1),
        duration(found.seconds[-1]),
        duration(found.seconds[-1] / found.steps) if found.steps else "-",
        f"{run.loss:.1e}",
        f"{run.distance:.1e}",
        f"{max(run.drift):.1e}",
        found.ending,
    )


def summary(outcomes: Sequence[Outcome], directory: Path, files: Sequence[Path]) -> str:
    """Who came nearest in each task, who could not, and where the files are."""
    verdicts = [_verdict(outcome, race) for outcome in outcomes for race in outcome.races]
    return " ".join([*verdicts, whereabouts(directory, "maps", files)])


def _verdict(outcome: Outcome, race: Race) -> str:
    moving = min((r for r in race.runs if r.is_retraction), key=lambda r: r.loss)
    mapped = min((r for r in race.runs if not r.is_retraction), key=lambda r: r.loss)
    quick = min(race.runs, key=lambda r: r.descent.seconds[-1] / max(r.descent.steps, 1))
    text = (
        f"{outcome.problem.name}, {race.task.name}: of the retractions {moving.chart} came nearest "
        f"(loss {moving.loss:.0e}), of the parametrisations {mapped.chart} ({mapped.loss:.0e}); "
        f"the cheapest steps were those of {quick.chart}"
    )
    if race.task.floor is not None:
        text += f"; skew-exp has determinant 1 only, so its loss stays above {race.task.floor:.1e}"
    return f"{text}."
