"""What every iteration of this room returns, and the two ends that all of them share."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import Products, start_vector
from .._core.space import Space

__all__ = ["Factor", "converged", "normalise", "polish", "refined", "refined_if_needed", "series"]


class Factor(NamedTuple):
    """Outcome of one method on tall, scaled, finite, non-zero items."""

    unitary: Any  # (..., m, n), orthonormal columns where certified
    certified: Any  # (...) bool: the distance from orthonormality was measured and is rounding
    smallest: Any | None  # (...) estimate of sigma_n / sigma_1; None: read it off H
    hermitian: Any | None = None  # sym(U^H A) where a method has it cheaper than by a product
    skew: Any | None = None  # ||U^H A - H||_F, which for square A is ||A - U H||_F


def normalise(x: Any, ops: Products) -> tuple[Any, Any, Any]:
    """X/N with N >= sigma_1, its Gram matrix, and an estimate of sigma_1/N in (0, 1].

    N = ||X^H X||_F^(1/2) (the Schatten-4 norm): within n^(1/4) of sigma_1, and the Gram matrix is
    needed anyway.
    """
    n = x.shape[-1]
    g = ops.gram(x)
    # Rounding of the product must not leave a value above 1.
    size = ops.norm(g) * (1.0 + 4.0 * n * ops.space.eps)
    return ops.scaled(x, 1.0 / ops.scalars.sqrt(size)), ops.scaled(g, 1.0 / size), size


# (1 - t)^(-1/2) - 1 = t/2 + 3 t^2/8 + 5 t^3/16 + 35 t^4/128 + (63/256) t^5 + ...
_SERIES = (0.5, 0.375, 0.3125, 0.2734375)


def _reach(space: Space, n: int, terms: int) -> float:
    """Largest defect that this many terms of the series take to rounding level."""
    return float((0.25 * space.eps) ** (1.0 / (terms + 1))) + n * space.eps


def converged(defect: Any, space: Space, n: int) -> Any:
    """Whether the certificate ||I - X^H X||_F is within reach of `polish`; NaN is not."""
    return defect <= _reach(space, n, 4)


def polish(x: Any, g: Any, defect: Any, ops: Products) -> Any:
    """X (I - E)^(-1/2), E = I - G, as X + X (E/2 + 3 E^2/8 + ...): order 5, or 3 if that will do.

    The small correction is formed by itself, so that U is rounded once.
    """
    terms = 4 if ops.likely(defect > _reach(ops.space, x.shape[-1], 2)) else 2
    e = ops.deviation(g) if ops.space.eps < 1e-10 else ops.measured_deviation(x)
    return series(x, e, ops, terms)


def series(x: Any, e: Any, ops: Products, terms: int) -> Any:
    """X (I - E)^(-1/2) to the given number of terms, E = I - X^H X."""
    return ops.multiply_add(x, ops.tail(e, _SERIES[:terms]), 1.0, 1.0)


def refined(u: Any, ops: Products) -> Any:
    """One Newton-Schulz step, U + U (I - U^H U)/2: for a defect of some hundred u."""
    return ops.multiply_add(u, ops.measured_deviation(u), 0.5, 1.0)


def refined_if_needed(u: Any, ops: Products) -> Any:
    """The same where the defect is more than the promise, seen by a short power iteration."""
    n = u.shape[-1]
    e = ops.measured_deviation(u)
    _, size = ops.dominant(ops.times_vector, e, start_vector(ops.space, e), _POWER_STEPS)
    # The promise is 10 u sqrt(n), and in single precision 25 u for all n.
    enough = ops.space.eps * (2.5 * n**0.5 if ops.space.eps < 1e-10 else 6.0)
    return ops.multiply_add(u, e, 0.5, 1.0) if ops.likely(size > enough) else u


_POWER_STEPS = 6
