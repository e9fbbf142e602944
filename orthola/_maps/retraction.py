"""`retract`, `project_tangent`, `rebase`: steps on the manifold of orthonormal frames."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.linalg import adjoint, hermitian_part, products
from .._core.space import Space, in_full_precision, is_compiling, resolve
from .cayley_retraction import cayley_step
from .frame_factors import with_positive_factor

__all__ = ["RebaseResult", "project_tangent", "rebase", "retract"]

METHODS = ("cayley", "polar", "qr")


def retract(x: Any, z: Any, /, *, method: str = "cayley") -> Any:
    r"""Step from the orthonormal frame X along Z, to an orthonormal frame again.

    Parameters
    ----------
    x : array (..., n, k), n >= k
        Frames with orthonormal columns, real or complex. That they are orthonormal is trusted;
        see `orthola.polar` if they are not.
    z : array (..., n, k)
        Steps. Their tangent part counts (see `project_tangent`), so a Euclidean gradient may be
        given as it is. Batch shapes broadcast.
    method : {"cayley", "polar", "qr"}, optional
        * ``"cayley"``: Cayley transform along the step; one inverse of order k.
        * ``"polar"``: the orthonormal frame nearest to X + Z.
        * ``"qr"``: the orthogonal factor of X + Z, with a positive diagonal in the triangular one.

    Returns
    -------
    array (..., n, k)
        Orthonormal frame that agrees with X + Z to first order in a tangent Z, to second order for
        ``"cayley"`` and ``"polar"`` if compared with the geodesic. X for Z = 0. An
        item with NaN or infinity is NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on shapes that do not fit, on k > n, on an
        unknown method.

    Notes
    -----
    **Accuracy**: the result is orthonormal to 10 n u plus what X lacks, u the unit roundoff, for
    steps of any length and any spectrum: a defect of X is handed on, and does not grow. Short
    steps of ``"cayley"`` (||Z|| up to about 5) need nothing special for that; longer ones go
    through a QR factorisation.

    **Cost** in products of n x k with k x k matrices: 7 for ``"cayley"``, of which none is n x n;
    a polar or QR factorisation plus 2 for the others.

    **Derivatives** in X and Z, exact, of first and second order, in PyTorch (reverse mode,
    `torch.func.vmap`, `torch.compile`) and JAX (both modes). Those in X hold along orthonormal
    frames: X is to be a constant, or a function that stays orthonormal. For long steps of
    ``"cayley"`` their error is about u (1 + ||Z||^2).

    Half precision is computed in float32 and rounded once.

    References
    ----------
    Z. Wen, W. Yin, doi:10.1007/s10107-012-0584-1 (Cayley).
    P.-A. Absil, R. Mahony, R. Sepulchre, *Optimization Algorithms on Matrix Manifolds*,
    Princeton 2008, section 4.1 (polar, QR).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> x = orthola.haar(20, 3, rng=rng)
    >>> y = orthola.retract(x, rng.standard_normal((20, 3)))
    >>> np.allclose(y.T @ y, np.eye(3))
    True
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.retract(x, z, method=method)
    return step(x, z, method=method)


# An item with NaN or infinity gives NaN, not a warning.
@np.errstate(all="ignore")
@in_full_precision
def step(x: Any, z: Any, *, method: str) -> Any:
    """The calculation behind `retract`."""
    checks.one_of("retract", "method", method, METHODS)
    given, work, (x, z) = _frames("retract", x, z=z)
    if method == "cayley":
        r = cayley_step(work, x, z)
    elif method == "polar":
        from .. import polar

        r = polar(x + _tangent_part(work, x, z), check_finite=False).unitary
    else:
        r = _oriented_qr(work, x + _tangent_part(work, x, z))
    return r if work is given else given.xp.astype(r, given.dtype)


def project_tangent(x: Any, z: Any, /) -> Any:
    r"""Tangent part of Z at the orthonormal frame X: Z - X sym(X^H Z).

    Parameters
    ----------
    x : array (..., n, k), n >= k
        Frames with orthonormal columns (trusted).
    z : array (..., n, k)
        Any matrices, such as Euclidean gradients or momenta. Batch shapes broadcast.

    Returns
    -------
    array (..., n, k)
        The nearest matrix T for which X^H T is skew-Hermitian. Applied to a tangent vector of
        another frame, this is its transport to X.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on shapes that do not fit, on k > n.

    Notes
    -----
    **Accuracy**: of the tangent T, ||X^H T + T^H X||_F is at most 10 n u ||Z||_F as observed, u the
    unit roundoff. **Cost**: two products of n x k with k x k matrices. Differentiable of every
    order, in both arguments.

    References
    ----------
    A. Edelman, T. A. Arias, S. T. Smith, doi:10.1137/S0895479895290954 (section 2.2).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> x = np.eye(4, 2)
    >>> t = orthola.project_tangent(x, np.ones((4, 2)))
    >>> np.allclose(x.T @ t + t.T @ x, 0)
    True
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.project_tangent(x, z)
    return projected(x, z)


@np.errstate(all="ignore")
@in_full_precision
def projected(x: Any, z: Any) -> Any:
    """The calculation behind `project_tangent`."""
    given, work, (x, z) = _frames("project_tangent", x, z=z)
    t = _tangent_part(work, x, z)
    return t if work is given else given.xp.astype(t, given.dtype)


class RebaseResult(NamedTuple):
    """What `rebase` returns."""

    base: Any  # (..., n, k), the new base: the frame that base and step stood for
    step: Any  # (..., n, k), zero
    moment: Any  # (..., n, k), the given moment transported to the new base; None without one


@in_full_precision
def rebase(
    base: Any,
    z: Any,
    /,
    *,
    method: str = "cayley",
    moment: Any = None,
    correct: bool = False,
) -> RebaseResult:
    r"""Make the frame ``retract(base, z)`` the new base, with the step zero.

    For a frame that is parametrised as Q = retract(base, z) with z the trained array (a
    trivialisation). Q does not change; what changes is around which frame z is measured.

    Parameters
    ----------
    base : array (..., n, k), n >= k
        Orthonormal frame, not trained.
    z : array (..., n, k)
        Its step.
    method : {"cayley", "polar", "qr"}, optional
        The retraction in use.
    moment : array (..., n, k), optional
        State of the optimiser that is a sum of gradients with respect to z (momentum, first
        moment): it is projected on the tangent space of the new base. Second moments, sums
        of squared entries, are kept as they are by the caller.
    correct : bool, optional
        Take one step B (3I - B^H B)/2 on the new base, which removes rounding errors that have
        added up. Once in eight times is enough.

    Returns
    -------
    RebaseResult
        ``base``, ``step`` and ``moment``.

    Raises
    ------
    TypeError, ValueError
        As `retract`.

    Notes
    -----
    Re-base every few hundred steps of the optimiser, or when ||z||_F exceeds 2: up to there the
    Cayley transform turns by less than a right angle. Nothing is done automatically, as
    only the caller knows the optimiser's state.

    **Accuracy**: that of `retract`, better with ``correct=True``. **Cost**: `retract`, two products
    for the moment, two for the correction. No derivatives: the frames are not trained.

    References
    ----------
    M. Lezcano-Casado, arXiv:1909.09501 (dynamic trivialisations).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> base, z = np.eye(4, 2), np.full((4, 2), 0.25)
    >>> q = orthola.retract(base, z)
    >>> base, z, _ = orthola.rebase(base, z)
    >>> np.array_equal(orthola.retract(base, z), q)
    True
    """
    q = retract(base, z, method=method)
    if correct:
        space, (q,) = resolve("rebase", q)
        ops = products(space)
        q = 1.5 * q - 0.5 * (q @ ops.gram(q))
    xp = resolve("rebase", q)[0].xp
    return RebaseResult(q, xp.zeros_like(q), None if moment is None else project_tangent(q, moment))


def _tangent_part(work: Space, x: Any, z: Any) -> Any:
    return z - x @ hermitian_part(work.xp, adjoint(work.xp, x) @ z)


def _oriented_qr(work: Space, y: Any) -> Any:
    """Q of Y = Q R with a positive diagonal of R."""
    xp = work.xp
    if 0 in y.shape:
        return xp.zeros_like(y)
    finite = xp.all(xp.isfinite(y), axis=(-2, -1))[..., None, None]
    eye = xp.eye(*y.shape[-2:], dtype=y.dtype, device=work.device)
    q = with_positive_factor(work, xp.where(finite, y, eye))
    return xp.where(finite, q, xp.full_like(q, float("nan")))


def _frames(function: str, x: Any, **other: Any) -> tuple[Space, Space, tuple[Any, Any]]:
    """Space of the arguments, space of the work, and both arrays in it, of one shape."""
    ((name, z),) = other.items()
    given, (x, z) = resolve(function, x, z)
    for label, array in (("x", x), (name, z)):
        checks.is_matrix(function, array, name=label)
    if x.shape[-2:] != z.shape[-2:]:
        raise ValueError(
            f"{function}: expected x and {name} with the same last two axes, got "
            f"{checks.describe(x)} and {checks.describe(z)}"
        )
    if x.shape[-2] < x.shape[-1]:
        raise ValueError(
            f"{function}: expected frames (..., n, k) with n >= k, got {checks.describe(x)}; "
            "transpose a matrix with orthonormal rows"
        )
    work = checks.compute_space(function, given, None)
    xp = work.xp
    batch = checks.common_batch(function, **{"x": x.shape[:-2], name: z.shape[:-2]})
    shape = (*batch, *x.shape[-2:])
    x, z = (xp.broadcast_to(xp.astype(a, work.dtype, copy=False), shape) for a in (x, z))
    return given, work, (x, z)
