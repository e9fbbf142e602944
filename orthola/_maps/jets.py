"""Matrices with their mixed derivatives along k directions, and the arithmetic of these.

A jet holds 2^k matrices X_S, one for each set S of directions, as a tuple by bit mask: X_0 is the
matrix, X_1 its derivative along the first direction, X_3 the second derivative along the first
two, and so on; None is zero. Products follow Leibniz: (X Y)_S = sum of X_T Y_(S - T) over T in S.
Any formula in sums, products and quotients, evaluated on the jet of (A, E_1, ..., E_k), gives the
k-th Frechet derivative of the formula as its last component (Higham and Relton 2014,
doi:10.1137/130945259, who write the same as block triangular matrices of order 2^k n).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .._core.linalg import inverse
from .._core.space import Space

__all__ = [
    "Jet",
    "combined",
    "jet_of",
    "mapped",
    "minus",
    "plus",
    "plus_identity",
    "quotient",
    "times",
]

Jet = tuple[Any, ...]


def jet_of(a: Any, directions: Sequence[Any]) -> Jet:
    """The jet of A + e_1 E_1 + ... + e_k E_k."""
    jet = [a, *[None] * (2 ** len(directions) - 1)]
    for i, e in enumerate(directions):
        jet[2**i] = e
    return tuple(jet)


def mapped(function: Callable[[Any], Any], x: Jet) -> Jet:
    """A linear function applied to each component."""
    return tuple(None if part is None else function(part) for part in x)


def combined(terms: Sequence[tuple[Any, Jet]]) -> Jet:
    """Sum of c X over the pairs (c, X); c is a number, or an array of shape (..., 1, 1)."""
    scaled = [tuple(None if part is None else c * part for part in x) for c, x in terms]
    return tuple(_sum(parts) for parts in zip(*scaled, strict=True))


def plus(x: Jet, y: Jet) -> Jet:
    """X + Y."""
    return tuple(_sum(parts) for parts in zip(x, y, strict=True))


def minus(x: Jet, y: Jet) -> Jet:
    """X - Y."""
    return tuple(p if q is None else -q if p is None else p - q for p, q in zip(x, y, strict=True))


def plus_identity(x: Jet, c: Any, eye: Any) -> Jet:
    """X + c I."""
    return (x[0] + c * eye, *x[1:])


def times(x: Jet, y: Jet) -> Jet:
    """X Y."""
    return tuple(_products(x, y, s, _subsets(s)) for s in range(len(x)))


def quotient(space: Space, x: Jet, y: Jet) -> Jet:
    """X^-1 Y, for X_0 so well conditioned that its inverse may be formed."""
    if len(x) == 1:
        return (space.xp.linalg.solve(x[0], y[0]),)
    z = inverse(space, x[0])
    out: list[Any] = []
    for s in range(len(x)):
        # X_0 Q_S = Y_S - sum of X_T Q_(S - T) over T in S, T not empty
        known = _products(x, out, s, (t for t in _subsets(s) if t))
        (right,) = minus((y[s],), (known,))
        out.append(None if right is None else z @ right)
    return tuple(out)


def _subsets(s: int) -> Iterator[int]:
    t = s
    while t:
        yield t
        t = (t - 1) & s
    yield 0


def _products(x: Sequence[Any], y: Sequence[Any], s: int, subsets: Iterable[int]) -> Any:
    """Sum of X_T Y_(S - T) over the given T."""
    pairs = ((x[t], y[s ^ t]) for t in subsets)
    return _sum(p @ q for p, q in pairs if p is not None and q is not None)


def _sum(parts: Iterable[Any]) -> Any:
    total = None
    for part in parts:
        if part is not None:
            total = part if total is None else total + part
    return total
