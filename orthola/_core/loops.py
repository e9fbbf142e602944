"""Loops with a bound, written once: run by Python, or by lax where values are abstract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .space import Space

__all__ = ["bounded_while", "counted_loop"]

S = TypeVar("S")


def bounded_while(
    space: Space, goes_on: Callable[[S], Any], body: Callable[[S], S], state: S, *, limit: int
) -> S:
    """Apply `body` to `state` while `goes_on(state)`, at most `limit` times.

    `goes_on` returns a scalar boolean array. JAX always takes the lax driver, traced or not, so
    that a function has one meaning there. Elsewhere looking at the boolean waits for the device
    once per step.
    """
    if space.name == "jax":
        return _lax(goes_on, body, state, limit)
    for _ in range(limit):
        if not bool(goes_on(state)):
            break
        state = body(state)
    return state


def _lax(goes_on: Callable[[S], Any], body: Callable[[S], S], state: S, limit: int) -> S:
    from jax import lax

    def condition(carry: tuple[Any, S]) -> Any:
        return (carry[0] < limit) & goes_on(carry[1])

    def step(carry: tuple[Any, S]) -> tuple[Any, S]:
        return carry[0] + 1, body(carry[1])

    return lax.while_loop(condition, step, (0, state))[1]  # type: ignore[no-any-return]


def counted_loop(
    space: Space, body: Callable[[Any, S], S], state: S, count: Any, *, limit: int
) -> S:
    """Apply ``body(j, state)`` for j = 0 ... min(`count`, `limit`) - 1.

    `count` is an integer, or in JAX a scalar integer array. JAX can then differentiate the loop in
    both modes, to any order: it is a scan of `limit` steps of which the last ones do nothing.
    """
    if space.name == "jax" and not isinstance(count, int):
        from jax import lax, numpy

        def step(carry: S, j: Any) -> tuple[S, None]:
            return lax.cond(j < count, lambda s: body(j, s), lambda s: s, carry), None

        return lax.scan(step, state, numpy.arange(limit))[0]  # type: ignore[no-any-return]
    for j in range(min(int(count), limit)):
        state = body(j, state)
    return state
