"""`cayley_frame` and `cayley_frame_inverse`: tall orthonormal matrices by a k x k solve."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from .._core import autodiff, checks
from .._core.autodiff import Rule
from .._core.shared_memory import as_numpy, as_tensor
from .._core.space import Space, is_compiling, resolve
from .frame_derivatives import frame_tangent, inverse_pullback, inverse_tangent
from .frame_engine import pull_back, run, run_inverse
from .orthonormality import tolerance
from .result import CayleyResult
from .signs import as_signs

__all__ = ["cayley_frame", "cayley_frame_inverse"]


def cayley_frame(x: Any, /, *, scale: float = 0.5, signs: Any = None) -> Any:
    r"""Orthonormal columns from unconstrained parameters: a Cayley transform, never n x n.

    Q = D (I + s A) (I - s A)^-1 E for the skew-Hermitian A = X E^H - E X^H, E the first k
    columns of I: the first k columns of ``orthola.cayley(A)``, at the cost of a k x k system.

    Parameters
    ----------
    x : array (..., n, k)
        Parameters, real or complex, n >= k. Of the first k rows only the lower triangle is
        read, of its diagonal only the imaginary part (so nothing for real `x`): n k - k (k + 1)/2
        real parameters, as many as the frames have dimensions. Integers are computed in the
        library's default float. Never written to.
    scale : float, optional
        s > 0. The default 1/2 makes X the tangent at E to first order: Q = E + X + O(X^2) for
        X_1 = 0. It is the convention of PyTorch's parametrisation; ``scale=1`` that of expRNN.
    signs : array (..., k), optional
        D multiplies the first k rows: 1 or -1, or phases if `x` is complex. A constant; see
        `cayley_frame_inverse`. Default: all 1.

    Returns
    -------
    array (..., n, k)
        Q with orthonormal columns. An item with NaN or infinities becomes NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on fewer than two axes or fewer rows than
        columns, on a scale that is not positive, and on signs that do not fit.

    Notes
    -----
    With X_1 and X_2 the first k rows and the others, K = I - s (X_1 - X_1^H) + s^2 X_2^H X_2 has
    Hermitian part >= I, and Q = D [2 K^-1 - I; 2 s X_2 K^-1].

    **Accuracy**: ||Q^H Q - I||_2 <= 20 n u for any X, up to 1e300, u the unit roundoff (observed:
    mostly below 10 n u, at worst 15 n u); the error of Q itself is a few n u (1 + ||s X||_2), that
    of its conditioning. Where X is so large in some directions and small in others that the
    squares would lose digits (seen from K, its rows and K^-1), the item is computed from QR
    factorisations instead.

    **Cost**: 2 n k^2 + O(k^3) multiply-adds and O(n k) memory. On a GPU, one look at the result
    decides about the other form, and waits for the device.

    **Derivatives** are exact and need no solve (1.5 times the work of the map), first and second
    order, in PyTorch (reverse mode, `torch.func.vmap`, `torch.compile`) and JAX (both modes,
    vmap, Hessians). What is not read of `x` has derivative zero.

    Half precision is computed in float32 and rounded once.

    References
    ----------
    Z. Wen, W. Yin, doi:10.1007/s10107-012-0584-1 (Cayley transforms of low rank).
    M. Lezcano-Casado, arXiv:1909.09501 (parametrisations of orthonormal matrices).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> x = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> q = orthola.cayley_frame(x)
    >>> np.allclose(q.T @ q, np.eye(2))
    True
    >>> e = np.eye(4, 2)
    >>> np.allclose(q, orthola.cayley(x @ e.T - e @ x.T)[:, :2])
    True
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.cayley_frame(x, scale, signs)
    return frame_of(x, scale, signs)


def cayley_frame_inverse(q: Any, /, *, scale: float = 0.5, signs: Any = None) -> CayleyResult:
    r"""Parameters and signs of an orthonormal matrix: the inverse of `cayley_frame`.

    ``cayley_frame(result.skew, scale=scale, signs=result.signs)`` is `q` again. Every Q is
    reached, also where a Cayley transform without signs has none (det -1, eigenvalue -1).

    Parameters
    ----------
    q : array (..., n, k)
        Orthonormal columns, real or complex, n >= k. Integers are computed in the library's
        default float. Never written to.
    scale : float, optional
        s > 0, as in `cayley_frame`.
    signs : array (..., k), optional
        Signs, or phases, that must be used. Whoever averages or interpolates the results, or
        keeps optimiser state with them, has to fix the signs: close frames may otherwise get
        different ones. Default: those for which no pivoting is needed.

    Returns
    -------
    CayleyResult
        ``skew``: X (..., n, k), zero where `cayley_frame` does not read it. ``signs`` (..., k).
        ``status``: an integer per item: ``OK``; ``BOUND_VIOLATED`` where ||Q^H Q - I||_F > 50 n u
        (not orthonormal: take `orthola.polar` first), or where ||I + s A||^2 is so large that half
        of the digits are lost (with signs that do not suit Q); ``NONFINITE`` where NaN or
        infinities came in: that item is NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on fewer than two axes or fewer rows than
        columns, on a scale that is not positive, and on signs that do not fit.

    Notes
    -----
    LU factors of Q_1 + D without pivoting, every sign of D moving its pivot away from zero, give
    K = 2 (I + D^H Q_1)^-1; then X_2 = Q_2 K/(2 s) and X_1 is the lower triangle of -skew(K)/s.

    **Accuracy**: the round trip returns Q to 50 n u (1 + ||s X||_2) with the default signs
    (observed: below 5 n u).

    **Cost**: 2 n k^2 + O(k^3) multiply-adds, half of it for the status.

    **Derivatives** hold the signs fixed, also complex ones (then ``cayley_frame`` of the result
    has the derivative of the identity); exact in PyTorch (reverse mode, vmap, `torch.compile`)
    and JAX. Those of second order are along orthonormal matrices: `q` is to be a function that
    stays orthonormal.

    References
    ----------
    E. O'Dorney, Linear Algebra Appl. (2014); I. Biborski, arXiv:2601.16271 (signs).
    G. Ballard et al., doi:10.1109/IPDPS.2014.120 (elimination of orthonormal matrices).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> q = np.array([[-1.0, 0.0], [0.0, 0.6], [0.0, 0.8]])
    >>> x, signs, status = orthola.cayley_frame_inverse(q)
    >>> signs
    array([-1.,  1.])
    >>> np.allclose(orthola.cayley_frame(x, signs=signs), q)
    True
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return CayleyResult(*_torch_graph.cayley_frame_inverse(q, scale, signs))
    return CayleyResult(*parameters_of(q, scale, signs))


def frame_of(x: Any, scale: float, signs: Any) -> Any:
    """The calculation behind `cayley_frame`."""
    given, work, y, scale = _prepare("cayley_frame", x, scale, name="x")
    q = autodiff.apply(FRAME, work, FrameOptions(scale), y)[0]
    if signs is not None:
        k = y.shape[-1]
        rows = as_signs("cayley_frame", work, signs, (*y.shape[:-2], k))[..., None]
        q = work.xp.concat([rows * q[..., :k, :], q[..., k:, :]], axis=-2)
    return q if work is given else work.xp.astype(q, given.dtype)


# What goes wrong in an item is told by its status, not by a warning.
@np.errstate(all="ignore")
def parameters_of(q: Any, scale: float, signs: Any) -> tuple[Any, Any, Any]:
    """The calculation behind `cayley_frame_inverse`."""
    name = "cayley_frame_inverse"
    given, work, y, scale = _prepare(name, q, scale, name="q")
    more: tuple[Any, ...] = ()
    if signs is not None:
        more = (as_signs(name, work, signs, (*y.shape[:-2], y.shape[-1])),)
    static = InverseOptions(scale, tolerance(given, y))
    x, d, status = autodiff.apply(INVERSE, work, static, y, *more)
    if work is not given:
        x, d = (work.xp.astype(out, given.dtype) for out in (x, d))
    return x, d, status


def _prepare(function: str, x: Any, scale: Any, *, name: str) -> tuple[Space, Space, Any, float]:
    """Check everything static: (space of the argument, space of the work, work array, scale)."""
    given, (x,) = resolve(function, x)
    checks.is_matrix(function, x, name=name)
    if x.shape[-2] < x.shape[-1]:
        raise ValueError(
            f"{function}: expected {name} of shape (..., n, k) with n >= k, got "
            f"{checks.describe(x)}; pass the adjoint"
        )
    scale = checks.real_in(function, "scale", scale, 0.0, sys.float_info.max)
    work = checks.compute_space(function, given, None)
    return given, work, x if work is given else work.xp.astype(x, work.dtype), scale


class FrameOptions(NamedTuple):
    """What the rule of the map is told besides X."""

    scale: float


class InverseOptions(NamedTuple):
    """What the rule of the inverse is told besides Q and the signs."""

    scale: float
    tolerance: float  # of ||Q^H Q - I||_F


def _frame(space: Space, static: Any, arrays: Any) -> tuple[Any]:
    return (run(space, static.scale, arrays[0]),)


def _frame_outline(space: Space, arrays: Any) -> tuple[Any]:
    return (space.xp.empty_like(arrays[0]),)


def _frame_tangent(space: Space, static: Any, inputs: Any, outputs: Any, t: Any) -> tuple[Any]:
    return (frame_tangent(space, static.scale, inputs[0], outputs[0], t[0]),)


def _frame_pullback(space: Space, static: Any, inputs: Any, outputs: Any, bars: Any) -> tuple[Any]:
    return (pull_back(space, static.scale, inputs[0], outputs[0], bars[0]),)


def _parameters(space: Space, static: Any, arrays: Any) -> tuple[Any, ...]:
    if space.name == "torch" and not space.on_gpu:
        host, hosted = resolve("cayley_frame_inverse", *(as_numpy(x) for x in arrays))
        return tuple(as_tensor(out) for out in _parameters(host, static, hosted))
    q, signs = arrays if len(arrays) == 2 else (*arrays, None)
    return run_inverse(space, static.scale, static.tolerance, q, signs)


def _parameters_outline(space: Space, arrays: Any) -> tuple[Any, ...]:
    q, xp, device = arrays[0], space.xp, space.device
    *batch, _, k = q.shape
    signs = xp.empty((*batch, k), dtype=q.dtype, device=device)
    return xp.empty_like(q), signs, xp.empty(tuple(batch), dtype=xp.int32, device=device)


def _parameters_tangent(
    space: Space, static: Any, inputs: Any, outputs: Any, t: Any
) -> tuple[Any, ...]:
    x, signs, _ = outputs
    return (inverse_tangent(space, static.scale, x, signs, t[0]),)


def _parameters_pullback(
    space: Space, static: Any, inputs: Any, outputs: Any, bars: Any
) -> tuple[Any, ...]:
    x, signs, _ = outputs
    qbar = inverse_pullback(space, static.scale, x, signs, bars[0])
    return (qbar, *(None for _ in inputs[1:]))


FRAME = Rule("cayley_frame", FrameOptions, _frame, _frame_outline, _frame_pullback, _frame_tangent)
INVERSE = Rule(
    "cayley_frame_inverse", InverseOptions, _parameters, _parameters_outline,
    _parameters_pullback, _parameters_tangent, reads=(),
)  # fmt: skip
