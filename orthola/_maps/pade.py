"""Diagonal Pade approximants of exp, on jets.

r(A) = p(-A)^-1 p(A) with p of degree m. As r(-z) r(z) = 1, r(A) is unitary for skew-Hermitian A
whatever the degree, which decides about the accuracy of the eigen-angles only. Powers are shared
as in Higham (2005, doi:10.1137/04061101X).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import factorial
from typing import Any

from .._core.space import Space
from .jets import Jet, combined, minus, plus, plus_identity, quotient, times

__all__ = ["APPROXIMANTS", "approximant", "degree_for", "largest_degree"]

# Degree m and the largest ||A|| for which r(A) = exp(A + E) with ||E|| <= u ||A||, from moduli of
# the coefficients of log(exp(-z) r(z)). So they hold for every matrix; for skew-Hermitian ones E
# moves the eigen-angles only.
_RANGES = {
    "float64": ((3, 1.495e-2), (5, 2.539e-1), (7, 9.504e-1), (9, 2.097), (13, 5.371)),
    "float32": ((3, 4.258e-1), (5, 1.880), (7, 3.925)),
}


def degree_for(space: Space, norm: float) -> int:
    """Smallest degree that is accurate up to this norm, or the largest there is."""
    return next((m for m, top in _RANGES[space.real_name] if norm <= top), largest_degree(space)[0])


def largest_degree(space: Space) -> tuple[int, float]:
    """The largest degree in use, and the norm that it is accurate for."""
    return _RANGES[space.real_name][-1]


def _exact(m: int) -> tuple[float, ...]:
    top = Fraction(factorial(m), factorial(2 * m))
    return tuple(
        float(top * Fraction(factorial(2 * m - j), factorial(m - j) * factorial(j)))
        for j in range(m + 1)
    )


_COEFFICIENTS = {m: _exact(m) for m in (3, 5, 7, 9, 13)}


APPROXIMANTS = tuple(_COEFFICIENTS.items())  # (degree, coefficients)


def _scaled(degree: int, factor: Any) -> list[Any]:
    """Coefficients of p(f z) from the constant 1 up, for a number or an array f."""
    return [c * factor**j for j, c in enumerate(_COEFFICIENTS[degree])]


def approximant(space: Space, b: Jet, squares: Sequence[Jet], factor: Any, degree: int) -> Jet:
    """r(f B), given B, B^2 and, where they are known, higher even powers.

    The factor f is a number or an array of shape (..., 1, 1). It goes into the coefficients, so
    that powers computed to find it need not be computed again.
    """
    c = _scaled(degree, factor)
    eye = space.xp.eye(b[0].shape[-1], dtype=b[0].dtype, device=space.device)
    powers = list(squares)  # B^2, B^4, ...
    for k in range(len(powers) + 1, (3 if degree == 13 else (degree - 1) // 2) + 1):
        powers.append(times(powers[(k - 1) // 2], powers[k // 2 - 1]))
    odd = times(b, plus_identity(_without_constant(c[1:], powers), c[1], eye))
    even = plus_identity(_without_constant(c, powers), 1.0, eye)
    return quotient(space, minus(even, odd), plus(even, odd))


def _without_constant(c: list[Any], powers: list[Jet]) -> Jet:
    """c_2 B^2 + c_4 B^4 + ...; beyond B^8 with one more product."""
    low = combined(list(zip(c[2::2], powers, strict=False)))
    if len(c[2::2]) <= 4:
        return low
    high = combined(list(zip(c[8::2], powers, strict=True)))
    return plus(low, times(powers[2], high))
