"""`polar`: the exact polar decomposition."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import autodiff, checks
from .._core.dispatch import Explanation, explained_by
from .._core.linalg import adjoint
from .._core.options import current
from .._core.space import Space, in_full_precision, is_compiling, is_traced, resolve
from .factors import FACTORS, raise_if_nonfinite
from .other_side import larger_factor
from .plan import METHODS, Plan, facts_of, plan_polar
from .tangent import DEGENERATE

__all__ = ["PolarResult", "polar"]


class PolarResult(NamedTuple):
    """What `polar` returns."""

    unitary: Any  # U, the shape of a
    hermitian: Any  # H with a = U H, (..., n, n); or K with a = K U, (..., m, m)
    status: Any  # integer per item, see orthola.Status


def _explain(a: Any, /, **options: Any) -> Explanation:
    given, work, x, plan, transposed = _prepare(a, **options)
    *batch, m, n = x.shape
    shape = (*batch, n, m) if transposed else (*batch, m, n)
    facts = [
        ("input", f"{given.name} {given.dtype_name} of shape {shape} on {given.device}"),
        ("computed in", work.dtype_name + (", as its adjoint (wide)" if transposed else "")),
        ("method", plan.method),
        ("because", plan.reason),
        ("kernel", plan.kernel or "none: Array-API text"),
        ("fallback", "svd for items whose certificate fails" if plan.fallback else "none"),
    ]
    return Explanation("polar", tuple(facts))


@explained_by(_explain)
def polar(
    a: Any,
    /,
    *,
    side: str = "right",
    method: str = "auto",
    check_finite: bool = True,
    compute_dtype: str | None = None,
    completion: str = "orthonormal",
    lower_bound: float | None = None,
    cap: float | None = None,
    max_steps: int | None = None,
    fallback: bool = True,
    degenerate: str = "nan",
    derivative: str = "closed-form",
) -> PolarResult:
    r"""Polar decomposition A = U H, for one matrix or a stack, of any array library.

    Parameters
    ----------
    a : array (..., m, n)
        Matrices, real or complex; tall, wide or square. Integers are computed in the library's
        default float. Never written to.
    side : {"right", "left"}, optional
        ``"right"``: A = U H with H = (A^H A)^(1/2) of order n; ``"left"``: A = K U with
        K = (A A^H)^(1/2) of order m. U is the same.
    method : {"auto", "svd", "newton", "newton-schulz", "halley", "qr-halley", "gram"}, optional
        How U is found. All of them deliver the accuracy below.

        * ``"auto"``: the fastest by measured crossovers; `orthola.explain` tells which.
        * ``"svd"``: singular value decomposition; the reference, and the fallback.
        * ``"newton"``: scaled Newton on the triangular factor; few steps, needs inverses.
        * ``"halley"``: capped dynamically weighted Halley; matrix products and Cholesky.
        * ``"qr-halley"``: uncapped weights with QR steps; slower, with a stability proof.
        * ``"newton-schulz"``: matrix products alone.
        * ``"gram"``: single precision only; the Gram matrix in double precision.
    check_finite : bool, optional
        Raise on NaN or infinity. Otherwise (and inside ``jax.jit``, ``torch.compile``) such an
        item comes back as NaN with status NONFINITE, and the other items are unaffected.
    compute_dtype : {None, "float32", "float64"}, optional
        Precision of the arithmetic. Half precision is computed in float32 by default; results are
        rounded once, to the dtype of `a`.
    completion : {"orthonormal", "none"}, optional
        What U does on the null space of a rank-deficient A: some orthonormal completion, or zero
        (then U = A H^+, the canonical partial isometry).
    lower_bound : float in (0, 1], optional
        A lower bound of :math:`\sigma_n / \sigma_1`, if you know one: iterations then need fewer
        steps. A wrong bound costs steps, never accuracy.
    cap : float, optional
        Largest weight c of ``"halley"``; the residual is about sqrt(cap) units of roundoff on
        the worst spectra. Default 100 in double precision (1000 for well-conditioned items,
        which then take fewer steps), 30 in single.
    max_steps : int, optional
        Bound on the steps of an iteration; with ``fallback=False`` the iterate reached is returned.
    fallback : bool, optional
        Compute items whose certificate (measured distance from orthonormality) fails by the SVD.
    degenerate : {"nan", "zero", "tikhonov"}, optional
        Derivatives where the map has none: NaN for the item, zero for the entries concerned, or
        the reciprocal 1/s replaced by s/(s^2 + tau^2), tau = eps * sigma_1. The result itself
        does not depend on it.
    derivative : {"closed-form", "unrolled"}, optional
        ``"unrolled"`` lets PyTorch or JAX differentiate the algorithm itself, by default
        ``"qr-halley"``: slower, less accurate, but PyTorch's forward mode works. In JAX
        ``"newton"`` and ``"halley"`` then have forward mode only; ``"svd"`` and ``"gram"`` have no
        derivative at repeated singular values, and ``"newton-schulz"`` loses up to nine digits.

    Returns
    -------
    PolarResult
        ``unitary`` (..., m, n) with orthonormal columns (rows if m < n), ``hermitian``
        (..., n, n) or (..., m, m), bitwise Hermitian, and ``status``, an integer per item:
        ``OK``; ``RANK_DEFICIENT`` (estimated sigma_n <= max(m, n) eps sigma_1: U is orthonormal
        but not unique); ``NOT_CONVERGED``; ``NONFINITE``. See `orthola.check`.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on fewer than two axes, on unknown options,
        and on NaN or infinity in `a` under ``check_finite=True``.

    Notes
    -----
    **Accuracy**, with u the unit roundoff (1.1e-16 or 6e-8), observed on graded, clustered and
    rank-deficient spectra of any condition: ||U^H U - I||_2 <= 10 u sqrt(n) and ||A - U H||_F <=
    (10 sqrt(n) + 60) u ||A||_F for the iterations, 10 max(n, 3) u and 10 max(n, 8) u ||A||_F for
    the SVD and where it had to step in; in single precision 1.5e-6 and 4e-6 for n <= 1000,
    whatever the method. H has no eigenvalue below -max(n, 6) u ||A||_2, n being its own order.
    Entries of H that are subnormal are multiples of the smallest positive number nu (5e-324 or
    1e-45): that adds up to n nu to the residual and below the eigenvalues. The residual is
    measured: an item in which an iteration keeps no promise is computed again by the SVD, or says
    NOT_CONVERGED under ``fallback=False``. The forward error of U itself is O(u sigma_1/sigma_n):
    that is the conditioning of the problem.

    **Scale**: U(2^k A) = U(A) and H(2^k A) = 2^k H(A) bitwise while no entry leaves the normal
    range.

    **Cost** for n x n in matrix products (2 n^3 flop): Newton about one inverse a step, 5 to 9
    steps; Halley two a step, 4 to 19 steps; the SVD 10 to 25 products' worth of time.

    **On a GPU**, CuPy and PyTorch wait for the device at each step, to see whether it was the
    last. With ``check_finite=False, fallback=False`` they do not: ``"halley"`` then takes the steps
    that `lower_bound`, or else the dtype, demands, and `status` tells what was not certified.

    **Derivatives** are exact closed forms of both factors, first and second order, in PyTorch
    (reverse mode, `torch.func.vmap`, `torch.compile`) and JAX (both modes, vmap, Hessians), finite
    at repeated singular values. Undefined where sigma_n = 0 for m > n or complex A, and where
    sigma_n + sigma_(n-1) = 0 for square real A. H is not differentiable at sigma_n = 0.

    The determinant of U is whatever A gives; it is not forced to +1.

    References
    ----------
    N. J. Higham, *Functions of Matrices*, SIAM 2008, ch. 8, doi:10.1137/1.9780898717778.
    Y. Nakatsukasa, Z. Bai, F. Gygi, doi:10.1137/090774999 (Halley weights).
    R. Byers, H. Xu, doi:10.1137/070699895 (Newton scaling).
    E. S. Gawlik, M. Leok, doi:10.1137/16M108971X (derivatives).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.array([[3.0, 1.0], [0.0, 2.0], [4.0, 0.0]])
    >>> u, h, status = orthola.polar(a)
    >>> np.allclose(u @ h, a), np.allclose(u.T @ u, np.eye(2)), orthola.Status(int(status)).name
    (True, True, 'OK')

    The result of `scipy.linalg.polar` is the first two fields:

    >>> from scipy.linalg import polar as scipy_polar
    >>> u_scipy, k_scipy = scipy_polar(a, side="left")
    >>> u, k, _ = orthola.polar(a, side="left")
    >>> np.allclose(u, u_scipy), np.allclose(k, k_scipy)
    (True, True)
    """
    options: dict[str, Any] = {
        "side": side, "method": method, "check_finite": check_finite,
        "compute_dtype": compute_dtype, "completion": completion, "lower_bound": lower_bound,
        "cap": cap, "max_steps": max_steps, "fallback": fallback, "degenerate": degenerate,
        "derivative": derivative,
    }  # fmt: skip
    if is_compiling():
        from ..adapters import _torch_graph

        return PolarResult(*_torch_graph.polar(a, **options))
    return PolarResult(*polar_factors(a, **options))


# What goes wrong in an item is told by its status, not by a warning.
@np.errstate(all="ignore")
@in_full_precision
def polar_factors(a: Any, *, side: str, derivative: str, **options: Any) -> tuple[Any, Any, Any]:
    """The calculation behind `polar`, with every option given."""
    given, work, x, plan, transposed = _prepare(a, side=side, derivative=derivative, **options)
    xp = work.xp
    check_finite = plan.check_finite
    if work.name == "jax" and check_finite and not is_traced(x) and 0 not in x.shape:
        raise_if_nonfinite(work, x, xp.all(xp.isfinite(x), axis=(-2, -1)))
    if derivative == "unrolled":
        u, h, status = FACTORS.primal(work, plan, (x,))
    else:
        u, h, status = autodiff.apply(FACTORS, work, plan, x)
    if transposed:
        # A^H = U' H' is A = H' U'^H: the small factor is the left one.
        u, x = adjoint(xp, u), adjoint(xp, x)
    if transposed == (side == "right"):
        h = larger_factor(work, u, x, side=side)
    if work is not given:
        u, h = xp.astype(u, given.dtype), xp.astype(h, given.dtype)
    return u, h, status


def _prepare(
    a: Any,
    *,
    side: str = "right",
    method: str = "auto",
    check_finite: bool = True,
    compute_dtype: str | None = None,
    completion: str = "orthonormal",
    lower_bound: float | None = None,
    cap: float | None = None,
    max_steps: int | None = None,
    fallback: bool = True,
    degenerate: str = "nan",
    derivative: str = "closed-form",
) -> tuple[Space, Space, Any, Plan, bool]:
    """Check everything static: (space of `a`, space of the work, tall work array, plan, wide?)."""
    checks.one_of("polar", "side", side, ("right", "left"))
    checks.one_of("polar", "method", method, METHODS)
    checks.one_of("polar", "completion", completion, ("orthonormal", "none"))
    checks.one_of("polar", "degenerate", degenerate, DEGENERATE)
    checks.one_of("polar", "derivative", derivative, ("closed-form", "unrolled"))
    if lower_bound is not None:
        lower_bound = checks.real_in("polar", "lower_bound", lower_bound, 0.0, 1.0)
    if cap is not None:
        cap = checks.real_in("polar", "cap", cap, 3.0, 1e6)
    if max_steps is not None:
        max_steps = checks.count("polar", "max_steps", max_steps, least=0)
    given, (x,) = resolve("polar", a)
    checks.is_matrix("polar", x)
    work = checks.compute_space("polar", given, compute_dtype)
    if work is not given:
        x = work.xp.astype(x, work.dtype)
    transposed = x.shape[-2] < x.shape[-1]
    if transposed:
        x = adjoint(work.xp, x)
    plan = plan_polar(
        facts_of(work, x), method=method, kernels=current().kernels, lower_bound=lower_bound,
        cap=cap, max_steps=max_steps, completion=completion, fallback=bool(fallback),
        check_finite=bool(check_finite), degenerate=degenerate,
        unrolled=derivative == "unrolled",
    )  # fmt: skip
    return given, work, x, plan, transposed
