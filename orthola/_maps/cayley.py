"""`cayley` and `cayley_inverse`: square orthogonal and unitary matrices by a linear solve."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .._core import autodiff, checks
from .._core.dispatch import Explanation, explained_by
from .._core.space import Space, is_compiling, resolve
from .cayley_engine import kernel_of
from .cayley_inverse_text import InversePlan
from .cayley_plan import METHODS, Plan, plan_cayley
from .cayley_rules import CAYLEY, INVERSE
from .orthonormality import tolerance
from .polar_form import polar_schedule
from .result import CayleyResult
from .signs import as_signs
from .skewness import raise_if_not_skew

__all__ = ["CayleyResult", "cayley", "cayley_inverse"]


def _explain(a: Any, /, **options: Any) -> Explanation:
    for option in ("signs", "check_skew"):  # nothing depends on them
        options.pop(option, None)
    given, work, x, plan, reason = _prepare(a, **options)
    kernel = kernel_of("cayley", work, x) if plan.method == "solve" else None
    facts = [
        ("input", f"{given.name} {given.dtype_name} of shape {tuple(x.shape)} on {given.device}"),
        ("computed in", work.dtype_name),
        ("method", plan.method),
        ("because", reason),
        ("kernel", kernel.target if kernel else "none: Array-API text"),
    ]
    if plan.method == "polar" and plan.bound is not None:
        steps = polar_schedule(plan.bound, plan.tol)
        low, high = steps.interval
        delta = max(1.0 - low, high - 1.0)
        facts += [
            ("norm bound", f"{plan.bound:.3g}"),
            ("products", str(steps.products + 1)),
            ("error", f"at most {2.0 * delta + delta * delta:.2g}, besides rounding"),
        ]
    return Explanation("cayley", tuple(facts))


@explained_by(_explain)
def cayley(
    a: Any,
    /,
    *,
    scale: float = 0.5,
    signs: Any = None,
    method: str = "auto",
    norm_bound: float | None = None,
    tol: float | None = None,
    check_skew: bool = False,
) -> Any:
    r"""Cayley transform: an orthogonal or unitary matrix from a skew-Hermitian one.

    Q = D (I + s A) (I - s A)^-1, for one matrix or a stack (the blocks of orthogonal fine-tuning,
    for example), of any array library.

    Parameters
    ----------
    a : array (..., n, n)
        Parameters, real or complex. A is their skew-Hermitian part (a - a^H)/2: the Hermitian part
        (a + a^H)/2 is dropped, however large it is, and has no effect. Integers are computed in
        the library's default float. Never written to.
    scale : float, optional
        s > 0. With 1/2, the default and the scale of PyTorch's parametrisation, Q = I + A + O(A^2).
        The other orientation, (I - s A) (I + s A)^-1, is ``cayley(-a)``, the adjoint.
    signs : array (..., n), optional
        Diagonal of D, which multiplies **rows**: 1 and -1, or phases for complex `a`; integers
        are welcome. Trusted, and a constant to derivatives. Without it D = I, and Q has no
        eigenvalue -1 and, if real, determinant 1.
    method : {"auto", "solve", "polar"}, optional
        * ``"solve"``: elimination. The fastest on a CPU.
        * ``"polar"``: the square of the polar factor of I + s A, by matrix products alone; how
          many depends on `norm_bound` and `tol`.
        * ``"auto"``: ``"polar"`` on a GPU where `norm_bound` promises few products.
    norm_bound : float, optional
        A promise that :math:`\|s A\|_2` is not larger, for all items. Below 8 it also saves the
        check on which the last step of ``"solve"`` depends, and so a wait for the device. A false
        promise makes the result of ``"polar"`` wrong.
    tol : float in (0, 1], optional
        For ``"polar"``: how far its polynomial may be from 1, see Notes; by default as near as
        the dtype allows.
    check_skew : bool, optional
        Raise where `a` is not skew-Hermitian up to rounding, and say how far it is from that.
        Abstract values (``jax.jit``, ``torch.compile``) are not looked at.

    Returns
    -------
    array (..., n, n)
        Q, of the library, dtype and device of `a`. NaN throughout for items with NaN or infinity.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, matrices that are not square, signs of
        another shape or library, complex signs for real `a`, unknown options, with `check_skew`
        where `a` is not skew-Hermitian, and for ``method="polar"`` without `norm_bound` inside
        ``jax.jit`` or ``torch.compile``.

    Notes
    -----
    **Accuracy**, with u the unit roundoff: ||Q^H Q - I||_2 <= 50 n u at every size of A; the error
    of Q itself is of the order of u ||s A||_2, the conditioning of the problem. Elimination alone
    would leave a defect of that order: where ||s A||_F > 8 sqrt(n), Q is polished by steps of
    Newton and Schulz, and where u ||s A||_2 is not small, it comes from an SVD of I + s A. Half
    precision is computed in float32.

    **"polar"**: with `tol` d, ||Q - exact||_2 <= 2 d + d^2 and ||Q^H Q - I||_2 <= (1 + d)^4 - 1,
    besides rounding, for ||s A||_2 within the bound; eigen-angles are exact. Without `norm_bound`
    one is taken from the norms of eager arrays (one wait for the device).
    `orthola.explain` tells the products.

    **Cost** of ``"solve"``: 2 n^3 flop, as much as one matrix product; of the derivative two
    products.

    **Derivatives** are exact closed forms without a solve, first and second order, in PyTorch
    (reverse mode, vmap, `torch.compile`) and JAX (both modes, vmap, Hessians). Kept in memory
    for the way back is Q alone. ``"polar"`` has the same, with its Q.

    `cayley_frame` makes tall matrices, without an n x n array.

    References
    ----------
    E. O'Dorney, Linear Algebra Appl. (2014); I. Biborski, arXiv:2601.16271 (signs).
    Z. Qiu et al., arXiv:2306.07280 (blocks).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.array([[0.0, -2.0], [2.0, 0.0]])
    >>> orthola.cayley(a)
    array([[ 0., -1.],
           [ 1.,  0.]])
    >>> orthola.cayley(a, signs=[1, -1])
    array([[ 0., -1.],
           [-1.,  0.]])

    A layer of orthogonal blocks, applied without the block-diagonal matrix:

    >>> blocks = np.random.default_rng(0).standard_normal((4, 8, 8))
    >>> x = np.ones((10, 32))
    >>> y = (x.reshape(10, 4, 1, 8) @ orthola.cayley(blocks)).reshape(10, 32)
    >>> np.allclose(np.linalg.norm(y, axis=1), np.linalg.norm(x, axis=1))
    True
    """
    options = {"scale": scale, "method": method, "norm_bound": norm_bound, "tol": tol}
    if check_skew:
        raise_if_not_skew("cayley", a)
    if is_compiling():
        from ..adapters import _torch_graph

        return _torch_graph.cayley(a, signs, **options)
    return transformed(a, signs, **options)


def cayley_inverse(
    q: Any, /, *, scale: float = 0.5, signs: Any = None, flips: bool = True
) -> CayleyResult:
    r"""Skew-Hermitian A and signs D with Q = D (I + s A) (I - s A)^-1: the inverse of `cayley`.

    Every orthogonal or unitary Q is reached, also with determinant -1 or eigenvalues -1.

    Parameters
    ----------
    q : array (..., n, n)
        Orthogonal or unitary matrices. Integers are computed in the library's default float. Never
        written to.
    scale : float, optional
        s > 0, that of `cayley`.
    signs : array (..., n), optional
        Diagonal of D; 1 and -1, or phases. By default chosen so that A is moderate, **by the
        values of** `q`: of two rotations close to each other one may get other signs, and their A
        then have nothing to do with each other. Fix the signs (``signs=[1] * n``, say)
        wherever several A are combined: averages, interpolation, the state of an optimiser.
    flips : bool, optional
        For real `q` and signs chosen here: change pairs of them until all ``|s A_ij| <= 1``.

    Returns
    -------
    CayleyResult
        ``skew`` (..., n, n): A. ``signs`` (..., n), of the dtype of `q`. ``status``, an integer
        per item: ``OK``; ``BOUND_VIOLATED`` where ||Q^H Q - I||_F > 50 n u (take `orthola.polar`
        of it first), and where ||s A||_2 may be 1/sqrt(n u) or more, judged by its bound
        ||s A||_F (real: / sqrt(2)): then D^H Q has an eigenvalue so near -1 that A is not to be
        trusted, which only given signs bring about; ``NONFINITE`` for items with NaN or infinity,
        which come back as NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, matrices that are not square, signs of
        another shape or library, and complex signs for real `q`.

    Notes
    -----
    **Accuracy**: ``cayley(skew, signs=signs)`` is Q to 50 n u (1 + ||s A||_2), u the unit
    roundoff. With `flips`, ``|s A_ij| <= 1`` up to rounding, for Haar matrices after 0.5 flips on
    average at order 8, 10 at order 256 (at most n are made). Without, entries up to 5 have been
    seen, and no bound is known; the same holds for complex `q`.

    **Cost**: 2 n^3 flop, as much as one matrix product; twice that where pairs were flipped.

    **Derivatives** hold the signs fixed, also complex ones; two matrix products, kept in memory
    is A alone. Exact in PyTorch (reverse mode, vmap, `torch.compile`) and JAX; those of second
    order are along orthonormal matrices: `q` is to be a function that stays orthonormal.

    References
    ----------
    G. Ballard et al., doi:10.1109/IPDPS.2014.120 (elimination of orthonormal matrices).
    E. O'Dorney, Linear Algebra Appl. (2014), and I. Biborski, arXiv:2601.16271 (signs and flips).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> q = np.array([[0.0, 1.0], [1.0, 0.0]])  # a reflection
    >>> skew, signs, status = orthola.cayley_inverse(q)
    >>> skew, signs
    (array([[ 0.,  2.],
           [-2.,  0.]]), array([ 1., -1.]))
    >>> np.allclose(orthola.cayley(skew, signs=signs), q)
    True
    """
    if is_compiling():
        from ..adapters import _torch_graph

        return CayleyResult(*_torch_graph.cayley_inverse(q, signs, scale=scale, flips=flips))
    return CayleyResult(*coordinates(q, signs, scale=scale, flips=flips))


# What goes wrong in an item shows in its numbers, not in a warning.
@np.errstate(all="ignore")
def transformed(a: Any, signs: Any, **options: Any) -> Any:
    """The calculation behind `cayley`, with every option given."""
    given, work, x, plan, _ = _prepare(a, **options)
    more = () if signs is None else (as_signs("cayley", work, signs, x.shape[:-1]),)
    q = autodiff.apply(CAYLEY, work, plan, x, *more)[0]
    return q if work is given else work.xp.astype(q, given.dtype)


@np.errstate(all="ignore")
def coordinates(q: Any, signs: Any, *, scale: float, flips: bool) -> tuple[Any, Any, Any]:
    """The calculation behind `cayley_inverse`, with every option given."""
    name = "cayley_inverse"
    given, work, x, scale = _square(name, q, scale, name="q")
    more = () if signs is None else (as_signs(name, work, signs, x.shape[:-1]),)
    plan = InversePlan(scale, bool(flips), tolerance(given, x))
    a, d, status = autodiff.apply(INVERSE, work, plan, x, *more)
    if work is not given:
        a, d = work.xp.astype(a, given.dtype), work.xp.astype(d, given.dtype)
    return a, d, status


def _prepare(
    a: Any,
    *,
    scale: float = 0.5,
    method: str = "auto",
    norm_bound: float | None = None,
    tol: float | None = None,
) -> tuple[Space, Space, Any, Plan, str]:
    """Check everything static: (space of `a`, space of the work, work array, plan, reason)."""
    checks.one_of("cayley", "method", method, METHODS)
    if norm_bound is not None:
        norm_bound = checks.real_in("cayley", "norm_bound", norm_bound, 0.0, 1e6)
    if tol is not None:
        tol = checks.real_in("cayley", "tol", tol, 0.0, 1.0)
    given, work, x, scale = _square("cayley", a, scale, name="a")
    plan, reason = plan_cayley(
        given, work, x, scale=scale, method=method, norm_bound=norm_bound, tol=tol
    )
    return given, work, x, plan, reason


def _square(function: str, x: Any, scale: Any, *, name: str) -> tuple[Space, Space, Any, float]:
    given, (x,) = resolve(function, x)
    checks.is_matrix(function, x, name=name)
    checks.is_square(function, x, name=name)
    scale = checks.real_in(function, "scale", scale, 0.0, sys.float_info.max)
    work = checks.compute_space(function, given, None)
    return given, work, x if work is given else work.xp.astype(x, work.dtype), scale
