"""Maximising over samples that are all at hand: the power method, and thresholded rounds after it.

A <- polar(W^H Y) is the Frank-Wolfe step with weight 1 and the exact gradient. The objective is
convex, so F(A_(k+1)) >= F(A_k) + g(A_k): it grows by the gap at least. With p = 4 it is the
matching, stretching and projection of Zhai et al., arXiv:1906.02435; in general the power method
of Journee, Nesterov, Richtarik and Sepulchre (JMLR 11, 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, NamedTuple

from .._core.linalg import adjoint, wide
from .._core.loops import bounded_while, counted_loop
from .._core.space import Space
from .._core.threads import over_chunks
from .gradient import gradient, powers
from .oracle import Oracle, maximiser
from .tail import SHARE, noise_scale, thresholded, thresholds

__all__ = ["Climb", "climbed", "codes_of_some", "refined", "summed"]

ROUNDS = 12
_SHARES = 8  # sums that threads may work on at a time: not more memory than for these
_ENTRIES = 2**16  # of codes from which the thresholds are taken


class Climb(NamedTuple):
    """Where the power method is."""

    iterate: Any  # A (..., n, n)
    value: Any  # (...) F of the iterate before
    slope: Any  # gradient there
    done: Any  # (...) bool


def summed(y: Any, rows: int, part: Callable[[Any], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Sums over chunks of rows, so that codes need no memory and stay in the cache.

    Several chunks are shared by threads. BLAS's own would take longer to meet than to multiply.
    """
    m = y.shape[-2]
    if rows >= m:
        return part(y)
    share = rows * -(-m // (rows * _SHARES))
    sums: list[tuple[Any, ...]] = [()] * -(-m // share)

    def task(start: int, stop: int) -> None:
        for i in range(start, stop):
            mine = y[i * share : (i + 1) * share, :]
            sums[i] = _added(part(mine[k : k + rows, :]) for k in range(0, mine.shape[0], rows))

    over_chunks(task, len(sums), 1, blas=True)
    return _added(sums)


def _added(parts: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return reduce(lambda x, y: tuple(a + b for a, b in zip(x, y, strict=True)), parts)


def slope_at(space: Space, p: float, a: Any, y: Any, rows: int) -> tuple[Any, Any]:
    """Mean of sum |c|^p over all rows, and its gradient."""

    def part(chunk: Any) -> tuple[Any, Any]:
        value, slope = gradient(space, p, a, chunk)
        share = chunk.shape[-2] / y.shape[-2]
        return share * value, share * slope

    value, slope = summed(y, rows, part)
    return value, slope


def climbed(
    space: Space, oracle: Oracle, p: float, a: Any, y: Any, *, rows: int, tol: float, limit: int
) -> tuple[Climb, Any]:
    """Power method from A until the objective grows by less than `tol`; and the steps taken."""
    xp = space.xp

    def body(state: tuple[Climb, Any]) -> tuple[Climb, Any]:
        climb, k = state
        value, slope = slope_at(space, p, climb.iterate, y, rows)
        # Growth is not monotone: it is small at saddle points too, hence a small tolerance.
        done = climb.done | ((k > 0) & (value - climb.value <= tol * value))
        ahead = maximiser(space, oracle, slope, climb.iterate)
        a = xp.where(wide(done), climb.iterate, ahead)
        return Climb(a, value, slope, done), k + 1

    none = xp.zeros(a.shape[:-2], dtype=space.real_dtype, device=space.device)
    start = Climb(a, none, xp.zeros_like(a), none > 0)
    count = xp.zeros((), dtype=xp.int32, device=space.device)

    def goes_on(state: tuple[Climb, Any]) -> Any:
        return xp.any(~state[0].done)

    return bounded_while(space, goes_on, body, (start, count), limit=limit)


def codes_of_some(space: Space, a: Any, y: Any) -> tuple[Any, Any]:
    """Noise scale, and |C|, of rows spread over all samples."""
    xp = space.xp
    stride = max(1, y.shape[-2] * y.shape[-1] // _ENTRIES)
    some = y[..., ::stride, :]
    size = xp.abs(some @ adjoint(xp, a))
    noise, _ = noise_scale(space, size, xp.any(some != 0, axis=-1))
    return noise, size


def refined(
    space: Space, oracle: Oracle, p: float, a: Any, y: Any, *, rows: int
) -> tuple[Any, Any]:
    """A <- polar(H^H Y) with codes above the thresholds, and the last H^H Y / M."""
    xp = space.xp

    def body(k: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
        a, _ = state
        noise, size = codes_of_some(space, a, y)
        mean = xp.mean(size, axis=-2)
        powered = xp.mean(powers(p, size, size) * size, axis=-2)
        # The samples stay the same, so cross-talk falls, and each round may cut off less.
        limit = thresholds(xp, p, noise, mean, powered, SHARE * 0.5**k)[..., None, :]

        def part(chunk: Any) -> tuple[Any]:
            c = chunk @ adjoint(xp, a)
            h = thresholded(xp, c, xp.abs(c), limit)
            return ((1.0 / y.shape[-2]) * (adjoint(xp, h) @ chunk),)

        (cross,) = summed(y, rows, part)
        return maximiser(space, oracle, cross, a), cross

    return counted_loop(space, body, (a, xp.zeros_like(a)), ROUNDS, limit=ROUNDS)
