"""Linear maximisation over the ball: the polar factor of the averaged gradient."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

from .._core.linalg import Products, adjoint, sums_of_squares, wide
from .._core.space import Space

__all__ = ["ORACLES", "Oracle", "lean", "leaning", "maximiser", "plan_oracle", "projected"]

ORACLES = ("auto", "exact", "inexact")
_DEFECT = 0.1  # ||S S^H - I||_F up to which an inexact maximiser is good enough for one step
_RATIO = 1e-3  # of the smallest to the largest singular value that plans of products reach
_ON_GPU = 64  # order from which products suit a GPU better than an SVD
_ON_CPU = 256  # order from which `polar` may have something better than an SVD


class Oracle(NamedTuple):
    """How the linear problem is solved; static."""

    method: str  # "svd", "polar" (exact by measured crossovers) or "products"
    steps: int = 0
    lower_bound: float = 0.0
    top: float = 1.0  # no singular value is above it after the steps
    checked: bool = False  # whether values may be looked at: bad steps are then done by the SVD


def plan_oracle(space: Space, lmo: str, n: int, *, concrete: bool) -> Oracle:
    """The static plan for matrices of order n."""
    checked = concrete and space.eager
    if lmo == "auto":
        lmo = "inexact" if space.on_gpu and n >= _ON_GPU else "exact"
    if lmo == "exact":
        return Oracle("svd" if n < _ON_CPU or not concrete else "polar", checked=checked)
    return _products(n, checked)


@lru_cache(maxsize=64)
def _products(n: int, checked: bool) -> Oracle:
    """The shortest minimax plan that passes the test wherever its lower bound holds."""
    from .. import schedule

    # Norms are Frobenius norms, up to sqrt(n) above the largest singular value.
    bound = _RATIO / math.sqrt(n)
    for steps in range(4, 16):
        low, high = schedule("polar-express", steps=steps, lower_bound=bound).interval
        if math.sqrt(n) * (1.0 - (low / high) ** 2) <= 0.5 * _DEFECT:
            break
    return Oracle("products", steps, bound, high, checked)


def leaning(space: Space, z: Any, a: Any) -> Any:
    """Z + d A in units of their Frobenius norms, d = sqrt(eps n).

    Among the maximisers of Re <Z, S>, which are many if Z is singular, the polar factor of this
    selects the one nearest A as d goes to 0: the same one on every library. Directions that no
    sample has shown stay where A has them.
    """
    xp = space.xp
    size = xp.sqrt(sums_of_squares(xp, z))
    size = xp.where(size > 0, size, xp.ones_like(size))
    return z + wide(lean(space, z.shape[-1]) * size / xp.sqrt(sums_of_squares(xp, a))) * a


def lean(space: Space, n: int) -> float:
    """D of `leaning`: sqrt(eps) of ||Z||_F for an orthogonal A."""
    return math.sqrt(space.eps * n)


def maximiser(space: Space, oracle: Oracle, z: Any, a: Any) -> Any:
    """The maximiser of Re <Z, S> over ||S||_2 <= 1 nearest A."""
    return projected(space, oracle, leaning(space, z, a))


def projected(space: Space, oracle: Oracle, x: Any) -> Any:
    """The polar factor of square X, or a point of the ball near it if the oracle is inexact."""
    from .. import orthogonalize, polar

    if oracle.method != "products":
        method = "svd" if oracle.method == "svd" else "auto"
        return polar(x, method=method, check_finite=False).unitary
    s = orthogonalize(x, steps=oracle.steps, lower_bound=oracle.lower_bound)
    # The interval of the plan holds up to rounding; divided by its end, S is in the ball.
    s = s * (1.0 / (oracle.top * (1.0 + 8.0 * x.shape[-1] * space.eps)))
    if not oracle.checked:
        return s
    xp = space.xp
    good = Products(space).defect(s @ adjoint(xp, s)) <= _DEFECT
    if bool(xp.all(good)):
        return s
    return xp.where(wide(good), s, polar(x, method="svd", check_finite=False).unitary)
