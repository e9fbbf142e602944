"""Fits to all points of a stream: from the sums alone, and with a second look at the points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._core import checks
from .._core.space import Space
from .api import ProcrustesResult, Uniqueness
from .plan import COMPLETIONS
from .state_second import Second, improved, look_again
from .state_solve import Question, answer, begin
from .stream_file import Kept
from .stream_input import checked, expect_same, three
from .transform import OrthogonalTransform

__all__ = ["first_fit", "question_of", "second_fit"]


def question_of(
    kept: Kept, method: str, rotation_only: bool, scaling: bool, translation: bool, completion: str
) -> Question:
    """The options of a fit, checked."""
    name = f"ProcrustesStream.{method}"
    checks.one_of(name, "completion", completion, COMPLETIONS)
    if rotation_only and kept.work.is_complex:
        raise ValueError(
            f"{name}: expected real points with rotation_only=True, got {kept.work.dtype_name}; "
            "leave rotation_only=False for the nearest unitary matrix"
        )
    return Question(bool(rotation_only), bool(scaling), bool(translation), completion)


def first_fit(kept: Kept, question: Question) -> ProcrustesResult:
    """From the sums."""
    with np.errstate(all="ignore"):
        fit = begin(kept.work, question, kept.state)
        return _result(kept.given, answer(kept.work, question, fit))


def second_fit(
    kept: Kept, question: Question, chunks: Iterable[Any], start: ProcrustesResult | None
) -> ProcrustesResult:
    """One Newton step from there, or from `start`, with errors formed from the points."""
    work, state = kept.work, kept.state
    with np.errstate(all="ignore"):
        fit = begin(work, question, state)
        if start is not None:
            r = work.xp.astype(start.transform.rotation, work.dtype)
            fit = fit._replace(solution=fit.solution._replace(rotation=r))
        second = Second(work.xp.zeros_like(state.cross), work.xp.zeros_like(state.squares_a))
        rows = 0
        for part in chunks:
            chunk = checked("refine", *three(part), check_finite=kept.check_finite)
            expect_same("refine", kept.given, state, chunk.given, chunk.shape)
            rows += chunk.shape[-2]
            more = look_again(work, question, fit, chunk.points)
            second = Second(second.c + more.c, second.squares + more.squares)
        if bool(work.xp.any(state.rows != float(rows))):
            raise ValueError(
                "ProcrustesStream.refine: expected chunks with all points of the stream, got "
                f"{rows} rows"
            )
        fit, squares = improved(work, question, fit, second)
        return _result(kept.given, answer(work, question, fit, squares))


def _result(given: Space, parts: tuple[Any, ...]) -> ProcrustesResult:
    """In the dtype of the points."""
    kinds = (given.dtype, given.real_dtype, given.dtype, *(given.real_dtype,) * 3)
    rotation, scale, row, residual, gap, gain = (
        given.xp.astype(x, kind, copy=False) for x, kind in zip(parts, kinds, strict=False)
    )
    rank, unique, status = parts[6:]
    return ProcrustesResult(
        OrthogonalTransform(rotation, scale, row),
        residual,
        Uniqueness(rank, gap, gain, unique),
        status,
    )
