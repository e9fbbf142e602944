"""H X + X H = K for Hermitian H and skew K, with derivatives of any order.

The eigenvectors of H are never differentiated: at repeated eigenvalues that derivative does not
exist, although the one of X does. Sums of eigenvalues alone are divided by, so repeated ones do no
harm; H may have a negative eigenvalue, if smaller in size than every other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.autodiff import Rule, apply
from .._core.linalg import adjoint, wide
from .._core.space import Space

__all__ = ["solve_lyapunov"]


class _Static(NamedTuple):
    """Nothing to choose."""

    rule: str = "zero"  # entries over a sum that is zero to rounding


def solve_lyapunov(space: Space, h: Any, k: Any) -> Any:
    """X; entries over a sum that is zero to rounding are 0."""
    return apply(_LYAPUNOV, space, _Static(), h, k)[0]


def _primal(space: Space, static: Any, arrays: Any) -> tuple[Any]:
    h, k = arrays
    xp, n = space.xp, h.shape[-1]
    if 0 in k.shape:
        return (xp.zeros_like(k),)
    finite = xp.all(xp.isfinite(h), axis=(-2, -1))
    eye = xp.eye(n, dtype=h.dtype, device=space.device)
    lam, v = xp.linalg.eigh(xp.where(wide(finite), h, eye))  # LAPACK may hang on NaN
    total = lam[..., :, None] + lam[..., None, :]
    zero = total <= n * space.eps * wide(xp.max(lam, axis=-1))
    inner = adjoint(xp, v) @ k @ v
    if not space.is_complex:
        # A real skew matrix has no diagonal, and its rounding may not meet a small divisor.
        inner = inner * (1 - eye)
    inner = xp.where(zero, xp.zeros_like(inner), inner / xp.where(zero, xp.ones_like(total), total))
    x = v @ inner @ adjoint(xp, v)
    return (xp.where(wide(finite), x, xp.full_like(x, float("nan"))),)


def _pullback(space: Space, static: Any, inputs: Any, outputs: Any, bars: Any) -> tuple[Any, Any]:
    z = solve_lyapunov(space, inputs[0], bars[0])
    xh = adjoint(space.xp, outputs[0])
    return -(z @ xh + xh @ z), z


def _outline(space: Space, arrays: Any) -> tuple[Any]:
    return (space.xp.empty_like(arrays[1]),)


def _equation(space: Space, h: Any, x: Any) -> Any:
    return h @ x + x @ h


_LYAPUNOV = Rule(
    "lyapunov", _Static, _primal, _outline, _pullback, tangent=None, equation=_equation
)
