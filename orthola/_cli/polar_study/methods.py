"""The contenders: every method of `polar`, called as any user would call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..._core.dispatch import explain
from ..._polar.api import PolarResult, polar

__all__ = ["METHODS", "Method", "calls", "choice", "methods_for"]


class Method(NamedTuple):
    """One contender."""

    name: str  # what `polar` calls it
    iterative: bool  # has steps that can be counted


METHODS = (
    Method("svd", False),
    Method("newton", True),
    Method("newton-schulz", True),
    Method("halley", True),
    Method("qr-halley", True),
    Method("gram", False),
    Method("auto", False),
)


def methods_for(dtype: str) -> tuple[Method, ...]:
    """The methods that exist in this precision."""
    single = dtype in ("float32", "complex64")
    return tuple(method for method in METHODS if single or method.name != "gram")


def calls(method: Method, steps: int | None) -> Callable[[Any], PolarResult]:
    """The call of `polar` after that many steps; None for as many as it takes.

    An iterate must not be replaced by the SVD, so there is no fallback, except in "auto", which is
    shown as users meet it.
    """

    def call(a: Any) -> PolarResult:
        return polar(
            a,
            method=method.name,
            max_steps=steps,
            fallback=method.name == "auto",
            check_finite=False,
        )

    return call


def choice(a: Any) -> str:
    """What "auto" stands for here."""
    return explain(polar, a)["method"]
