"""Weights of the steps: how fast gradients are averaged, and how far the iterate moves.

Both are c (t + s)^(-e), t = 0, 1, ... With exponents 1/2 and 3/4 the Frank-Wolfe gap falls as
ln t / t^(1/4) (Xue and Lau, arXiv:2103.01484): the averaging error falls as t^(-1/4), and the
moves sum up to 4 t^(1/4).
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["SCHEDULES", "TAIL", "Steps", "rates", "tail_rate"]


class Steps(NamedTuple):
    """A schedule; triples (c, s, e) stand for c (t + s)^(-e)."""

    average: tuple[float, float, float]  # rho_t, the weight of a new gradient
    move: tuple[float, float, float]  # gamma_t, the weight of a new direction
    clip: bool = True  # at 1: more would leave the ball, or give old gradients negative weight
    project: bool = False  # back to an orthogonal matrix after every step


_FAST = ((4.0, 1.0, 0.5), (2.0, 2.0, 0.75))

SCHEDULES = {
    "default": Steps(*_FAST),
    "theory": Steps((1.0, 1.0, 0.5), (1.0, 2.0, 0.75)),
    # As published with the paper: weights above 1 at first, which a second projection mends.
    "published": Steps(*_FAST, clip=False, project=True),
    # Stochastic Frank-Wolfe of Mokhtari, Hassani and Karbasi (JMLR 21, 2020): the baseline.
    "sfw": Steps((4.0, 8.0, 2.0 / 3.0), (2.0, 8.0, 1.0)),
}

TAIL = (8.0, 8.0, 1.0)  # of the average of thresholded codes


def rates(functions: Any, steps: Steps, window: float | None, t: Any) -> tuple[Any, Any]:
    """(rho_t, gamma_t) for real t; `functions` is a namespace with `clip` for it."""
    rho, gamma = (_power(functions, x, t, clip=steps.clip) for x in (steps.average, steps.move))
    return _floored(functions, rho, window), _floored(functions, gamma, window)


def tail_rate(functions: Any, window: float | None, t: Any) -> Any:
    """8/(t + 8): forgets the first, badly aligned steps like t^(-8)."""
    return _floored(functions, _power(functions, TAIL, t, clip=True), window)


def _power(functions: Any, triple: tuple[float, float, float], t: Any, *, clip: bool) -> Any:
    c, s, e = triple
    rate = c * (t + s) ** -e
    return functions.clip(rate, max=1.0) if clip else rate


def _floored(functions: Any, rate: Any, window: float | None) -> Any:
    """At least 1/window: what is older than a window is forgotten, so a drift can be followed."""
    return rate if window is None else functions.clip(rate, min=1.0 / window)
