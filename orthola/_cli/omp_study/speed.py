"""Throughput beside scikit-learn. A time counts only where the result is right."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..clock import times_of_short_calls
from .atoms import cosines
from .contenders import CONTENDERS, Contender
from .outcome import Speed
from .signals import Signals
from .textbook import textbook_residual

__all__ = ["speed_ticks", "speeds"]

Array = np.ndarray[Any, Any]
_SPARSITIES = (1, 2, 4, 8, 16, 32)
_ATOMS = (64, 144, 256, 529, 1024, 2025)
_FIXED = 8  # atoms of each signal where their number in the dictionary varies
_CHECKED = 40  # signals
_TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
_SPAN = 5e-3  # seconds that one measurement lasts at least


class _Case(NamedTuple):
    x: int
    k: int
    dictionary: Array


def speed_ticks(*, quick: bool) -> int:
    """Pieces of work, at most."""
    return len(_few(_SPARSITIES, quick)) + len(_few(_ATOMS, quick))


def speeds(
    signals: Signals, atoms: int, *, repeats: int, quick: bool, tick: Callable[[str], None]
) -> list[Speed]:
    """Against the number of atoms of each signal, and against that of the dictionary."""
    dictionary = cosines(signals.grid, atoms)
    most = min(signals.held_out.shape[1], len(dictionary)) // 2
    sparsities = sorted({min(k, most) for k in _few(_SPARSITIES, quick)})
    fixed = min(_FIXED, most)
    larger = (cosines(signals.grid, n) for n in _few(_ATOMS, quick))
    experiments = {
        "sparsity": (
            f"Coding with {len(dictionary)} cosines", "atoms of each signal",
            [_Case(k, k, dictionary) for k in sparsities],
        ),
        "dictionary": (
            f"Coding with {fixed} of many cosines", "atoms in the dictionary",
            [_Case(len(d), fixed, d) for d in larger if len(d) >= fixed],
        ),
    }  # fmt: skip
    found = []
    for name, (title, x_name, cases) in experiments.items():
        seconds: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
        agreement: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
        for case in cases:
            for contender, (time_each, share) in _measured(signals.held_out, case, repeats).items():
                seconds[contender].append(time_each)
                agreement[contender].append(share)
            tick(f"throughput, {case.k} of {len(case.dictionary)} atoms")
        found.append(Speed(name, title, x_name, [case.x for case in cases], seconds, agreement))
    return found


def _measured(signals: Array, case: _Case, repeats: int) -> dict[str, tuple[float, float]]:
    """Seconds for each signal and share of right results, of every contender."""
    checked = signals[:_CHECKED]
    expected = {
        rule: np.array([textbook_residual(y, case.dictionary, case.k, rule) for y in checked])
        for rule in {contender.rule for contender in CONTENDERS.values()}
    }
    calls, shares = [], []
    for contender in CONTENDERS.values():
        calls.append(partial(contender.begin(signals, case.dictionary), case.k))
        codes = contender.dense(calls[-1](), len(case.dictionary))[:_CHECKED]
        shares.append(_agreement(checked, codes, case.dictionary, expected, contender))
    total = times_of_short_calls(calls, repeats, _SPAN, time.process_time)
    each = (seconds / len(signals) for seconds in total)
    return dict(zip(CONTENDERS, zip(each, shares, strict=True), strict=True))


def _agreement(
    signals: Array, codes: Array, dictionary: Array, expected: dict[str, Array], of: Contender
) -> float:
    """Compares residuals, because atoms as good as each other may be chosen either way."""
    residuals = np.linalg.norm(signals - codes.astype(np.float64) @ dictionary, axis=1)
    allowed = _TOLERANCE[of.precision] * np.linalg.norm(signals, axis=1)
    return float(np.mean(np.abs(residuals - expected[of.rule]) <= allowed))


def _few(values: tuple[int, ...], quick: bool) -> tuple[int, ...]:
    return values[:3] if quick else values
