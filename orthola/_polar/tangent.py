"""Closed-form derivatives of both polar factors, finite at repeated singular values.

With A = U H and a tangent T of A (tall), as in Gawlik and Leok (2017, doi:10.1137/16M108971X):

    dU = U sylv(H, U^H T - T^H U) + (I - U U^H) T H^-1        (second term for m > n only)
    dH = sylv(H, A^H T + T^H A)

where X = sylv(H, M) solves H X + X H = M. The map T -> dU is self-adjoint, so it is its own
pull-back. The eigenvectors inside `sylv` are never differentiated: at repeated eigenvalues that
derivative does not exist, although the one of `sylv` does. So `sylv` and the division by H are
rules of their own, and second derivatives hold at A = I too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.autodiff import Rule, apply
from .._core.linalg import adjoint, wide
from .._core.space import Space

__all__ = ["DEGENERATE", "polar_pullback", "polar_tangent"]

DEGENERATE = ("nan", "zero", "tikhonov")


class _Solve(NamedTuple):
    """Static options of the two linear solves."""

    degenerate: str
    skew: bool = False  # the right-hand side is skew: its diagonal is zero if real


def polar_tangent(space: Space, degenerate: str, a: Any, u: Any, h: Any, t: Any) -> tuple[Any, Any]:
    """Tangents (dU, dH) of the factors of tall A along T."""
    xp = space.xp
    aht = adjoint(xp, a) @ t
    dh = _sylvester(space, _Solve(degenerate), h, aht + adjoint(xp, aht))
    return _unitary_tangent(space, degenerate, u, h, t), dh


def polar_pullback(
    space: Space, degenerate: str, a: Any, u: Any, h: Any, ubar: Any, hbar: Any
) -> Any:
    """Cotangent of A from those of the factors, either of which may be None."""
    total = None
    if ubar is not None:
        total = _unitary_tangent(space, degenerate, u, h, ubar)
    if hbar is not None:
        z = _sylvester(space, _Solve(degenerate), h, hbar + adjoint(space.xp, hbar))
        total = a @ z if total is None else total + a @ z
    return total


def _unitary_tangent(space: Space, degenerate: str, u: Any, h: Any, t: Any) -> Any:
    xp = space.xp
    k = adjoint(xp, u) @ t
    out = u @ _sylvester(space, _Solve(degenerate, skew=True), h, k - adjoint(xp, k))
    if u.shape[-2] > u.shape[-1]:
        out = out + _divide(space, _Solve(degenerate), h, t - u @ k)
    return out


def _sylvester(space: Space, static: _Solve, h: Any, m: Any) -> Any:
    return apply(_SYLVESTER, space, static, h, m)[0]


def _divide(space: Space, static: _Solve, h: Any, m: Any) -> Any:
    return apply(_DIVIDE, space, static, h, m)[0]


def _sylvester_primal(space: Space, static: Any, arrays: Any) -> tuple[Any]:
    h, m = arrays
    xp = space.xp
    if 0 in m.shape:
        return (xp.zeros_like(m),)
    lam, v, top, finite = _eigen(space, h)
    rows, columns = lam[..., :, None], lam[..., None, :]
    inner = adjoint(xp, v) @ m @ v
    total = rows + columns
    if static.skew and not space.is_complex:
        # A real skew matrix has no diagonal: lambda_i + lambda_i = 0 is no obstacle there.
        eye = xp.eye(h.shape[-1], dtype=h.dtype, device=space.device)
        inner, total = inner * (1 - eye), total + eye * wide(top)
    x = v @ (inner * _reciprocal(space, static, total, wide(top))) @ adjoint(xp, v)
    return (_poison(xp, x, finite),)


def _divide_primal(space: Space, static: Any, arrays: Any) -> tuple[Any]:
    h, m = arrays
    xp = space.xp
    if 0 in m.shape:
        return (xp.zeros_like(m),)
    lam, v, top, finite = _eigen(space, h)
    inverse = _reciprocal(space, static, lam, top[..., None])
    x = ((m @ v) * inverse[..., None, :]) @ adjoint(xp, v)
    return (_poison(xp, x, finite),)


def _eigen(space: Space, h: Any) -> tuple[Any, Any, Any, Any]:
    """Eigenvalues and vectors of H, the largest, and which items are finite."""
    xp = space.xp
    finite = xp.all(xp.isfinite(h), axis=(-2, -1))
    eye = xp.eye(h.shape[-1], dtype=h.dtype, device=space.device)
    lam, v = xp.linalg.eigh(xp.where(wide(finite), h, eye))  # LAPACK may hang on NaN
    return lam, v, xp.max(lam, axis=-1), finite


def _poison(xp: Any, x: Any, finite: Any) -> Any:
    return xp.where(wide(finite), x, xp.full_like(x, float("nan")))


def _reciprocal(space: Space, static: _Solve, s: Any, top: Any) -> Any:
    """1/s under the policy for denominators that are zero to rounding."""
    xp = space.xp
    if static.degenerate == "tikhonov":
        tau = space.eps * top
        one = xp.ones_like(s)
        return s / xp.where(tau > 0, s * s + tau * tau, one)
    zero = s <= s.shape[-1] * space.eps * top
    filler = 0.0 if static.degenerate == "zero" else float("nan")
    return xp.where(zero, xp.full_like(s, filler), 1 / xp.where(zero, xp.ones_like(s), s))


def _sylvester_pullback(
    space: Space, static: Any, inputs: Any, outputs: Any, bars: Any
) -> tuple[Any, Any]:
    h, x, xp = inputs[0], outputs[0], space.xp
    z = _sylvester(space, static, h, bars[0])
    xh = adjoint(xp, x)
    return -(z @ xh + xh @ z), z


def _divide_pullback(
    space: Space, static: Any, inputs: Any, outputs: Any, bars: Any
) -> tuple[Any, Any]:
    h, x, xp = inputs[0], outputs[0], space.xp
    z = _divide(space, static, h, bars[0])
    return -(adjoint(xp, x) @ z), z


def _outline(space: Space, arrays: Any) -> tuple[Any]:
    return (space.xp.empty_like(arrays[1]),)


def _sylvester_equation(space: Space, h: Any, x: Any) -> Any:
    return h @ x + x @ h


def _divide_equation(space: Space, h: Any, x: Any) -> Any:
    return x @ h


_SYLVESTER = Rule(
    "sylvester",
    _Solve,
    _sylvester_primal,
    _outline,
    _sylvester_pullback,
    tangent=None,
    equation=_sylvester_equation,
)
_DIVIDE = Rule(
    "divide",
    _Solve,
    _divide_primal,
    _outline,
    _divide_pullback,
    tangent=None,
    equation=_divide_equation,
)
