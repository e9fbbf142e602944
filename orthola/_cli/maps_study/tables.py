"""The table of one task, and what it says in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from ..numbers import duration
from ..table import Table
from .outcome import Outcome, Race, Run

__all__ = ["tables", "verdict"]

_COLUMNS = (
    "map", ">steps", ">tried", ">time", ">per step", ">loss", ">distance", ">drift", "ended by",
)  # fmt: skip


def tables(outcome: Outcome) -> Iterator[Table]:
    """One for each task, with a row for each contender."""
    problem = outcome.problem
    for race in outcome.races:
        yield Table(
            f"{race.task.title}: {problem.name}, {problem.matrix.dtype}, "
            f"condition {race.task.condition:.3g}",
            _COLUMNS,
            [_row(run) for run in race.runs],
        )


def _row(run: Run) -> tuple[str, ...]:
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


def verdict(outcome: Outcome) -> str:
    """Who came nearest in each task, and who could not."""
    return " ".join(_verdict(outcome, race) for race in outcome.races)


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
