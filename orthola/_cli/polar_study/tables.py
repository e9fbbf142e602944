"""The table of one matrix, and what it says in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from ..digits import digits
from ..numbers import duration
from ..table import Table
from .outcome import Outcome
from .sampling import Curve

__all__ = ["label", "tables", "verdict"]

_COLUMNS = ("method", ">steps", ">time", ">orthogonality", ">residual", ">digits", "status")


def tables(outcome: Outcome) -> Iterator[Table]:
    """One, with a row for each method."""
    problem = outcome.problem
    yield Table(
        f"{problem.title}, {problem.matrix.dtype}, condition {outcome.condition:.1e}, "
        f"{outcome.backend}",
        _COLUMNS,
        [_row(curve) for curve in outcome.curves],
    )


def _row(curve: Curve) -> tuple[str, ...]:
    last = curve.last
    quality = last.quality
    return (
        label(curve),
        "-" if last.steps is None else str(last.steps),
        "-" if last.seconds is None else duration(last.seconds),
        f"{quality.orthogonality:.1e}",
        f"{quality.residual:.1e}",
        f"{max(digits(quality.error), 0.0):.1f}",
        last.status.name,
    )


def label(curve: Curve) -> str:
    """Name of the method; for "auto" with what it chose."""
    return curve.method if curve.picked is None else f"{curve.method} ({curve.picked})"


def verdict(outcome: Outcome) -> str:
    """Which method was fastest, which most accurate."""
    where = f"On {outcome.problem.name} (condition {outcome.condition:.0e})"
    fast, exact = outcome.fastest, outcome.most_accurate
    if fast is None or exact is None:
        return f"{where} no method converged."
    time = fast.last.seconds or 0.0
    error = f"an error of {exact.last.quality.error:.0e}"
    first = f"{where} {fast.method} was fastest ({duration(time)}{_gain(outcome, time)})"
    if fast is exact:
        return f"{first} and most accurate, with {error}."
    return f"{first} and {exact.method} most accurate, with {error}."


def _gain(outcome: Outcome, seconds: float) -> str:
    """How much faster than the SVD, where it was."""
    svd = next((c.last.seconds for c in outcome.finished if c.method == "svd"), None)
    if not svd or svd <= seconds:
        return ""
    return f", {svd / seconds:.1f} times as fast as the svd"
