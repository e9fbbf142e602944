"""Which pairs of methods are compared, over which sizes, and which limit the answer is.

A crossover is the first size on its grid from which the second contender wins; a maximum is the
last one up to which the first does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ... import (
    cayley,
    householder_product,
    orthogonalize,
    polar,
    polar_quality,
    procrustes,
    schedule,
    skew_exp,
)
from .duels import Contender, contender

__all__ = ["CROSSOVERS", "Crossover", "Pair"]

Pair = tuple[Contender, Contender]
Number = int | float

_ORDERS = (32, 48, 64, 96, 128, 160, 192, 256, 384, 512)
_TALL_ORDERS = (16, 32, 48, 64, 96, 128, 256)
_ASPECTS = (1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0)
_SMALL_ORDERS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160)
_ITEMS = 32
_NEWTON_FROM = 64  # below this order the SVD is the one to beat
_HUGE = {"stack_items": 1, "stack_order": 2**20}
_NONE = {"stack_order": 0}
_DTYPES = {
    "polar_double": ("float64", 1e-12),
    "polar_single": ("float32", 1e-5),
}


class Crossover(NamedTuple):
    """A limit, and how it is measured."""

    name: str  # what is compared, first / second
    part: str  # of the tuning
    field: str
    grid: tuple[Number, ...]
    pair: Callable[[Number], Pair]
    keeps_first: bool = False  # the limit is the last size that the first one wins


def _random(*shape: int, dtype: str = "float64") -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def _polar(
    a: Any, accuracy: float, *, tuned: dict[str, Any] | None = None, **how: Any
) -> Contender:
    def good(result: Any) -> bool:
        quality = polar_quality(a, result.unitary)
        worst = max(float(np.max(quality.orthogonality)), float(np.max(quality.residual)))
        return worst < accuracy

    limits = {"polar_double": tuned, "polar_single": tuned} if tuned else {}
    return contender(partial(polar, a, **how), good, **limits)


def _methods(dtype: str, accuracy: float, aspect: float, first: str, second: str, n: Any) -> Pair:
    """Two methods of `polar` at an order."""
    a = _random(round(aspect * n), n, dtype=dtype)
    return _polar(a, accuracy, method=first), _polar(a, accuracy, method=second)


def _aspects(dtype: str, accuracy: float, order: int, first: str, second: str, q: Any) -> Pair:
    """Two methods of `polar` at an aspect."""
    return _methods(dtype, accuracy, q, first, second, order)


def _against_gram(dtype: str, accuracy: float, aspect: float, n: Any) -> Pair:
    """The better one of the others, and the Gram matrix in double precision."""
    return _methods(dtype, accuracy, aspect, "newton" if n >= _NEWTON_FROM else "svd", "gram", n)


def _polar_stack(dtype: str, accuracy: float, n: Any) -> Pair:
    a = _random(_ITEMS, n, n, dtype=dtype)
    kernel = _polar(a, accuracy, tuned=_HUGE)
    return kernel, _polar(a, accuracy, method="svd")


def _approximate(order: int, q: Any) -> Pair:
    a = _random(int(q * order), order, dtype="float32")
    low, high = schedule("polar-express", steps=5, lower_bound=1e-3).interval

    def good(u: Any) -> bool:
        sigma = np.linalg.svd(u, compute_uv=False)
        return bool(sigma[0] < high + 1e-3 and sigma[-1] > low - 1e-3)

    ways = (partial(orthogonalize, a, gram=gram) for gram in (False, True))
    return contender(next(ways), good), contender(next(ways), good)


def _orthogonal(q: Any) -> bool:
    gap = np.swapaxes(q, -1, -2) @ q - np.eye(q.shape[-1])
    return bool(np.max(np.abs(gap)) < 1e-11)


def _cayley(n: Any) -> Pair:
    call = partial(cayley, _random(_ITEMS, n, n))
    return contender(call, _orthogonal, cayley=_HUGE), contender(call, _orthogonal, cayley=_NONE)


def _exponential(n: Any) -> Pair:
    x = _random(_ITEMS, n, n)
    call = partial(skew_exp, x - np.swapaxes(x, -1, -2))
    kernel = contender(call, _orthogonal, exponential=_HUGE)
    return kernel, contender(call, _orthogonal, exponential=_NONE)


def _householder(n: Any) -> Pair:
    call = partial(householder_product, _random(_ITEMS, n, n))
    kernel = contender(call, _orthogonal, householder=_HUGE)
    return kernel, contender(call, _orthogonal, householder=_NONE)


def _procrustes(n: Any) -> Pair:
    call = partial(procrustes, _random(_ITEMS, 4 * n, n), _random(_ITEMS, 4 * n, n)[::-1])

    def good(result: Any) -> bool:
        return _orthogonal(result.transform.rotation)

    kernel = contender(call, good, procrustes=_HUGE)
    return kernel, contender(call, good, procrustes=_NONE)


def _of_polar(part: str) -> tuple[Crossover, ...]:
    dtype, accuracy = _DTYPES[part]
    at = partial(_methods, dtype, accuracy)
    tall = _TALL_ORDERS[:-1]
    found = (
        Crossover("svd / halley, square", part, "square_order", _ORDERS,
                  partial(at, 1.0, "svd", "halley")),
        Crossover("svd / newton, aspect 2", part, "tall_order", tall,
                  partial(at, 2.0, "svd", "newton")),
        Crossover("svd / newton, aspect 16", part, "long_order", tall,
                  partial(at, 16.0, "svd", "newton")),
        Crossover("halley / newton, order 128", part, "newton_aspect", _ASPECTS[1:],
                  partial(_aspects, dtype, accuracy, 128, "halley", "newton")),
        Crossover("kernel / svd, stack", part, "stack_order", _SMALL_ORDERS[4:],
                  partial(_polar_stack, dtype, accuracy), keeps_first=True),
    )  # fmt: skip
    if dtype == "float64":
        return found
    return (
        *found,
        Crossover("newton / gram, order 128", part, "gram_aspect", _ASPECTS[1:],
                  partial(_aspects, dtype, accuracy, 128, "newton", "gram")),
        Crossover("best other / gram, aspect 8", part, "gram_order", tall,
                  partial(_against_gram, dtype, accuracy, 8.0)),
    )  # fmt: skip


CROSSOVERS = (
    *_of_polar("polar_double"),
    *_of_polar("polar_single"),
    Crossover("direct / gram, order 256", "orthogonalize", "gram_aspect", _ASPECTS[1:],
              partial(_approximate, 256)),
    Crossover("kernel / halves, stack", "cayley", "stack_order", _SMALL_ORDERS, _cayley, True),
    Crossover("small / large kernel, stack", "exponential", "stack_order", _SMALL_ORDERS[:9],
              _exponential, True),
    Crossover("small / large kernel, stack", "householder", "stack_order", _SMALL_ORDERS[:9],
              _householder, True),
    Crossover("kernel / LAPACK, stack", "procrustes", "stack_order", _SMALL_ORDERS[:8],
              _procrustes, True),
)  # fmt: skip
