r"""The Cayley retraction on orthonormal frames, with its derivatives in the base and the step.

With S = skew(X^H Z) and Y = (I - X X^H) Z, the tangent step is X S + Y, and

    A = X S X^H + Y X^H - X Y^H,    R = (I - A/2)^-1 (I + A/2) X

is the Cayley transform along it. Wen and Yin (2013, doi:10.1007/s10107-012-0584-1) write it with a
system of order 2k. Eliminating half of the unknowns leaves k,

    K = I - S/2 + Y^H Y/4,   P = K^-1,   R = X (2P - I) + Y P,

and the Hermitian part of K is at least I. Forming Y^H Y costs up to u ||Y||^2 in orthogonality, as
it does in the larger system. Long steps therefore use the triangular factor T of Y = Q T instead,

    [I - S/2, T^H/2; -T/2, I] [P; T P/2] = [I; 0],   R = X (2P - I) + Q T P,

and are then corrected by R (3I - R^H R)/2 until nothing is left to correct.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.autodiff import Rule, apply
from .._core.linalg import (
    Products,
    adjoint,
    hermitian_part,
    inverse,
    products,
    sums_of_squares,
    wide,
)
from .._core.loops import bounded_while
from .._core.space import Space

__all__ = ["cayley_step"]

_SHORT = 32.0  # ||S||_F^2 + ||Y||_F^2 up to which P is accurate and Y^H Y does no harm
_CORRECTIONS = 6


class Static(NamedTuple):
    """No options."""


class _Parts(NamedTuple):
    h: Any  # X^H Z
    y: Any
    gram: Any  # Y^H Y
    p: Any


def cayley_step(space: Space, x: Any, z: Any) -> Any:
    """R for frames X and steps Z of one shape; only the tangent part of Z counts."""
    return apply(_CAYLEY, space, Static(), x, z)[0]


def _parts(space: Space, x: Any, z: Any) -> _Parts:
    ops, xp = products(space), space.xp
    xh = adjoint(xp, x)
    h = xh @ z
    y = z - x @ h
    # X is orthonormal up to a defect. Projected once, Y would let every step multiply it by up to
    # 3; projected twice, it does not grow, however many steps are taken.
    y = y - x @ (xh @ y)
    gram = adjoint(xp, y) @ y
    k = ops.identity(h) - 0.5 * _skew(xp, h) + 0.25 * gram
    return _Parts(h, y, gram, inverse(space, k))


def _skew(xp: Any, h: Any) -> Any:
    return h - hermitian_part(xp, h)


def _primal(space: Space, static: Any, arrays: Any) -> tuple[Any]:
    (x, z), xp = arrays, space.xp
    if 0 in x.shape:
        return (xp.zeros_like(x),)
    ops = products(space)
    part = _parts(space, x, z)
    r = x @ (2.0 * part.p - ops.identity(part.p)) + part.y @ part.p
    turn = _skew(xp, part.h)
    size = sums_of_squares(xp, turn) + xp.sum(xp.real(xp.linalg.diagonal(part.gram)), axis=-1)
    finite = xp.all(xp.isfinite(x) & xp.isfinite(z), axis=(-2, -1))
    long = finite & xp.logical_not(size <= _SHORT)  # also where the square overflows

    def by_triangle(state: tuple[Any, Any]) -> tuple[Any, Any]:
        r, pending = state
        y = xp.where(wide(long), part.y, xp.zeros_like(z))
        return ops.choose(long, _by_triangle(space, x, part.h, y), r), xp.zeros_like(pending)

    def correct(state: tuple[Any, Any]) -> tuple[Any, Any]:
        r, pending = state
        return _corrected(space, ops, r, pending)

    def pending(state: tuple[Any, Any]) -> Any:
        return xp.any(state[1])

    r, _ = bounded_while(space, pending, by_triangle, (r, long), limit=1)
    r, _ = bounded_while(space, pending, correct, (r, long), limit=_CORRECTIONS)
    return (r,)


def _by_triangle(space: Space, x: Any, h: Any, y: Any) -> Any:
    xp, k = space.xp, x.shape[-1]
    q, t = xp.linalg.qr(y)
    half, rows = 0.5 * t, t.shape[-2]
    first = products(space).identity(h) - 0.5 * _skew(xp, h)
    eye = xp.broadcast_to(xp.eye(rows, dtype=t.dtype, device=space.device), (*t.shape[:-1], rows))
    upper = xp.concat([first, adjoint(xp, half)], axis=-1)
    m = xp.concat([upper, xp.concat([-half, eye], axis=-1)], axis=-2)
    right = xp.eye(k + rows, k, dtype=t.dtype, device=space.device)
    right = xp.broadcast_to(right, (*m.shape[:-1], k))
    p = xp.linalg.solve(m, right)
    top = 2.0 * p[..., :k, :] - products(space).identity(h)
    return x @ top + q @ (2.0 * p[..., k:, :])


def _corrected(space: Space, ops: Products, r: Any, pending: Any) -> tuple[Any, Any]:
    gram = ops.gram(r)
    better = ops.choose(pending, 1.5 * r - 0.5 * (r @ gram), r)
    # What was below sqrt(u) is squared to below u.
    return better, pending & (ops.defect(gram) > 0.25 * space.eps**0.5)


def _pullback(space: Space, static: Any, inputs: Any, outputs: Any, bars: Any) -> tuple[Any, Any]:
    (x, z), (rbar,), xp = inputs, bars, space.xp
    h, y, _, p = _parts(space, x, z)
    ph = adjoint(xp, p)
    pbar = adjoint(xp, 2.0 * x + y) @ rbar
    kbar = -(ph @ pbar @ ph)
    ybar = rbar @ ph + 0.5 * (y @ hermitian_part(xp, kbar))
    hbar = -0.5 * _skew(xp, kbar) - adjoint(xp, x) @ ybar
    xbar = 2.0 * (rbar @ ph) - rbar - ybar @ adjoint(xp, h) + z @ adjoint(xp, hbar)
    return xbar, ybar + x @ hbar


def _tangent(space: Space, static: Any, inputs: Any, outputs: Any, tangents: Any) -> tuple[Any]:
    (x, z), (dx, dz), xp = inputs, tangents, space.xp
    h, y, _, p = _parts(space, x, z)
    dh = adjoint(xp, dx) @ z + adjoint(xp, x) @ dz
    dy = dz - dx @ h - x @ dh
    dk = 0.5 * hermitian_part(xp, adjoint(xp, y) @ dy) - 0.5 * _skew(xp, dh)
    dp = -(p @ dk @ p)
    return (2.0 * (dx @ p) - dx + (2.0 * x + y) @ dp + dy @ p,)


def _outline(space: Space, arrays: Any) -> tuple[Any]:
    return (space.xp.empty_like(arrays[0]),)


_CAYLEY = Rule(
    "cayley_retraction", Static, _primal, _outline, _pullback, _tangent, reads_outputs=False
)
