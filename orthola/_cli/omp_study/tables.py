"""The tables of one data set, and what they say in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ..table import Table, table_over
from .outcome import Decay, Outcome, Recovery, Speed
from .recovery import RULES
from .style import RULE_NAMES

__all__ = ["tables", "verdict"]

_PEER = "orthogonal_mp_gram"
_STEPS = (1, 2, 4, 8, 16, 32, 64)


def tables(outcome: Outcome) -> Iterator[Table]:
    """One for each kind of experiment."""
    name = outcome.signals.problem.name
    yield _recoveries(outcome.recoveries, name)
    yield _decay(outcome.decay, name)
    for speed in outcome.speeds:
        yield _speed(speed, name)


def _recoveries(found: Sequence[Recovery], name: str) -> Table:
    """Most atoms that are found again at least half of the time."""
    kinds = [(recovery, rule) for recovery in found for rule in RULES]
    columns = [">measurements", *(f">{RULE_NAMES[rule]}, {r.name}" for r, rule in kinds)]
    rows = [
        (str(m), *(str(_half(recovery, rule, i)) for recovery, rule in kinds))
        for i, m in enumerate(found[0].measurements)
    ]
    return Table(f"Planted atoms recovered in half of the trials: {name}", columns, rows)


def _half(recovery: Recovery, rule: str, i: int) -> int:
    shares = zip(recovery.sparsities, recovery.shares[rule][i], strict=True)
    return max((k for k, share in shares if share >= 0.5), default=0)


def _decay(found: Decay, name: str) -> Table:
    kinds = [(d, rule) for d in found.residuals for rule in RULES]
    columns = [">atoms", *(f">{RULE_NAMES[rule]}, {d}" for d, rule in kinds), ">principal axes"]
    last = len(found.principal) - 1
    rows = [
        (
            str(k), *(f"{found.residuals[d][rule][k]:.4f}" for d, rule in kinds),
            f"{found.principal[k]:.4f}",
        )
        for k in sorted({min(k, last) for k in _STEPS})
    ]  # fmt: skip
    return Table(f"Relative residual: {name}", columns, rows)


def _speed(found: Speed, name: str) -> Table:
    heading = f"{found.title}, signals per second: {name}"
    return table_over(heading, found.x_name, found.x, found.seconds, partial(_rate, found))


def _rate(found: Speed, contender: str, i: int) -> str:
    if not found.counts(contender, i):
        return f"wrong {1.0 - found.agreement[contender][i]:.0%}"
    return f"{1.0 / found.seconds[contender][i]:.3g}"


def verdict(outcome: Outcome) -> str:
    """What is recovered, what is left, how fast."""
    data = outcome.recoveries[-1]
    halves = {rule: _half(data, rule, -1) for rule in RULES}
    decay = outcome.decay
    last = len(decay.principal) - 1
    best = min(decay.residuals, key=lambda d: decay.residuals[d]["omp"][last])
    return (
        f"{outcome.signals.problem.name}: from {data.measurements[-1]} measurements of "
        f"{data.atoms} rows of the data, half of the codes are recovered up to k = {halves['omp']} "
        f"planted atoms by OMP, k = {halves['ols']} by OLS; {last} atoms of {best} leave "
        f"{decay.residuals[best]['omp'][last]:.2%} of a signal, as many principal axes "
        f"{decay.principal[last]:.2%}; {_ratios(outcome.speeds)}."
    )


def _ratios(found: Sequence[Speed]) -> str:
    """How many times as fast as scikit-learn, where both are right."""
    ratios = [
        theirs / ours
        for speed in found
        for i, (ours, theirs) in enumerate(
            zip(speed.seconds["omp"], speed.seconds[_PEER], strict=True)
        )
        if speed.counts("omp", i) and speed.counts(_PEER, i)
    ]
    if not ratios:
        return f"no time of {_PEER} counts"
    return f"omp is {min(ratios):.3g} to {max(ratios):.3g} times as fast as {_PEER}"
