"""`stiefel_procrustes`: orthonormal columns between sets of points of unequal dimensions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import haar, polar
from .._core import checks
from .._core.errors import Status
from .._core.linalg import adjoint, hermitian_part, sums_of_squares
from .._core.space import in_full_precision, resolve
from .pair import Pair, pair_of
from .rows import decomposed_rows
from .stiefel_steps import Problem, Walk, descent

__all__ = ["StiefelResult", "stiefel_procrustes"]

_NAME = "stiefel_procrustes"


class StiefelResult(NamedTuple):
    """What `stiefel_procrustes` returns."""

    factor: Any  # (..., p, k), orthonormal columns
    residual: Any  # (...) norm of (a @ factor - b) @ metric**(1/2)
    gradient: Any  # (...) norm of the gradient, relative to the sizes it is made of
    certified: Any  # bool (...): known to be a global minimum
    necessary: Any  # bool (...): a condition holds that every global minimum fulfils
    steps: Any  # integer (...), of the start that took longest
    status: Any  # integer (...), see orthola.Status


@np.errstate(all="ignore")
@in_full_precision
def stiefel_procrustes(
    a: Any,
    b: Any,
    /,
    *,
    metric: Any | None = None,
    starts: int = 4,
    rng: Any = 0,
    tol: float = 1e-10,
    max_steps: int = 2000,
    check_finite: bool = True,
) -> StiefelResult:
    r"""Matrix with orthonormal columns that carries one set of rows to another best.

    Minimises ``norm(a @ factor - b)`` where ``factor`` is p x k with ``factor^H factor = I``:
    the unbalanced Procrustes problem. For p = k without `metric`, `procrustes` gives the same in
    closed form.

    Parameters
    ----------
    a : array (..., m, p)
        Real or complex, any m. Never written to.
    b : array (..., m, k)
        Images, k <= p. Batch axes broadcast.
    metric : array (k,) or (k, k), optional
        Weights >= 0 of the columns, or a positive semidefinite matrix in which errors of a row are
        measured: ``trace((a @ factor - b) @ metric @ (a @ factor - b)^H)`` is minimised.
    starts : int, optional
        Random starts, besides the polar factors of A^H B and of the least-squares solution.
    rng : None, int or numpy.random.Generator, optional
        Of the random starts. The default gives the same answer every time, on every library.
    tol : float, optional
        Stop at this norm of the gradient, relative to the sizes that it is made of.
    max_steps : int, optional
        Steps at most, for each start.
    check_finite : bool, optional
        Raise on NaN or infinity. Otherwise such an item is NaN with status NONFINITE.

    Returns
    -------
    StiefelResult
        ``factor`` (..., p, k), the best end of all starts; ``residual`` (...), formed from the
        matrices; ``gradient`` (...), relative; ``certified`` (...), whether lambda_min(A^H A)
        lambda_min(metric) >= lambda_max(L), L the multiplier: then there is no better factor
        anywhere; ``necessary`` (...), whether factor^H A^H B is positive semidefinite, without
        which there is a better one (True with a `metric`); ``steps`` (...); ``status``: ``OK``,
        ``NOT_CONVERGED``, ``NONFINITE``.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on shapes that do not match, k > p, and on
        NaN or infinity under `check_finite`.

    Notes
    -----
    There is no closed form unless A^H A is a multiple of I, and there can be several minima. Each
    start goes downhill monotonically by majorisation with momentum. A minimum can be global
    without being certified. Row weights: multiply the rows of both by their square roots. Float32
    is calculated in float64 where the device has it.

    **Cost**: one product m x p x p and one SVD of `a`; then, for each start, about ten times
    condition(A) steps of one product p x p x k and one polar factor.

    **Accuracy**: ``factor`` is a polar factor, as orthonormal to rounding as of `polar`.

    Derivatives go through the steps: PyTorch in reverse mode, JAX in forward mode.

    References
    ----------
    L. Elden, H. Park, doi:10.1007/s002110050432. M. A. Koschat, D. F. Swayne,
    doi:10.1007/BF02294460 (majorisation, metric).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> a, frame = rng.standard_normal((50, 5)), orthola.haar(5, 2, rng=0)
    >>> found = orthola.stiefel_procrustes(a, a @ frame)
    >>> np.allclose(found.factor, frame), bool(found.certified), bool(found.residual < 1e-8)
    (True, True, True)
    """
    pair = pair_of(_NAME, a, b, like="rows", together=True, check_finite=check_finite)
    p, k = pair.a.shape[-1], pair.b.shape[-1]
    if k > p:
        raise ValueError(
            f"{_NAME}: expected b with at most as many columns as a, got {k} and {p}; a matrix "
            "with more columns than rows has no orthonormal ones: exchange the roles of a and b"
        )
    starts = checks.count(_NAME, "starts", starts, least=0)
    tol = max(checks.real_in(_NAME, "tol", tol, 0.0, 1.0, closed=True), 8 * pair.work.eps)
    max_steps = checks.count(_NAME, "max_steps", max_steps, least=0)
    omega = None if metric is None else _metric(pair, metric, k)
    problem = _problem(pair, omega)
    first = _starts(pair, problem, starts, rng)
    walk = descent(pair.work, problem, first, tol=tol, max_steps=max_steps)
    return _best(pair, problem, walk, tol)


def _metric(pair: Pair, metric: Any, k: int) -> Any:
    """(k, k)."""
    xp = pair.work.xp
    _, (metric,) = resolve(_NAME, metric)
    resolve(_NAME, pair.a, metric)  # one library, one device
    if tuple(metric.shape) not in ((k,), (k, k)):
        raise ValueError(
            f"{_NAME}: expected a metric of shape {(k,)} or {(k, k)}, got {checks.describe(metric)}"
        )
    metric = xp.astype(metric, pair.work.dtype)
    if metric.ndim == 1:
        metric = metric[:, None] * xp.eye(k, dtype=pair.work.dtype, device=pair.work.device)
    return hermitian_part(xp, metric)


def _problem(pair: Pair, omega: Any | None) -> Problem:
    xp = pair.work.xp
    ah = adjoint(xp, pair.a)
    g, n = ah @ pair.a, ah @ pair.b
    rho = xp.linalg.eigvalsh(g)[..., -1]
    if omega is not None:
        rho = rho * xp.linalg.eigvalsh(omega)[-1]
    # A little more than enough: eigenvalues are rounded.
    rho = (1 + 64 * pair.work.eps) * rho
    return Problem(g[..., None, :, :], n[..., None, :, :], omega, rho[..., None])


def _starts(pair: Pair, problem: Problem, count: int, rng: Any) -> Any:
    """(..., 2 + count, p, k)."""
    work, n = pair.work, problem.n
    xp, (p, k) = work.xp, n.shape[-2:]
    rows = decomposed_rows(work, pair.a, pair.b)
    kept = rows.singular > rows.tolerance[..., None]
    inverse = 1 / xp.where(kept, rows.singular, xp.ones_like(rows.singular))
    inverse = xp.where(kept, inverse, xp.zeros_like(inverse))[..., :, None]
    least = rows.v @ (inverse * rows.images)
    chosen = [n[..., 0, :, :], least]
    if count:
        drawn = haar(p, k, shape=(count,), xp=xp, dtype=work.dtype, device=work.device, rng=rng)
        chosen += [drawn[i, ...] + 0 * least for i in range(count)]
    q = polar(xp.stack(chosen, axis=-3), check_finite=False).unitary
    if problem.metric is None:
        # The best turn of the columns costs nothing.
        q = q @ polar(adjoint(xp, q) @ n, check_finite=False).unitary
    return q


def _best(pair: Pair, problem: Problem, walk: Walk, tol: float) -> StiefelResult:
    work, omega = pair.work, problem.metric
    xp = work.xp
    index = xp.arange(walk.value.shape[-1], device=work.device)
    lowest = walk.value == xp.min(walk.value, axis=-1, keepdims=True)
    later = xp.full_like(index, walk.value.shape[-1])
    chosen = index == xp.min(xp.where(lowest, index, later), axis=-1, keepdims=True)

    def of(x: Any) -> Any:
        mask = xp.reshape(chosen, (*chosen.shape, *(1,) * (x.ndim - chosen.ndim)))
        return xp.sum(xp.where(mask, x, xp.zeros_like(x)), axis=chosen.ndim - 1)

    q, gradient = of(walk.q), of(walk.gradient)
    error = pair.a @ q - pair.b
    if omega is not None:
        values, vectors = xp.linalg.eigh(omega)
        root = xp.sqrt(xp.where(values > 0, values, xp.zeros_like(values)))
        error = error @ (vectors * root)
    g, n = problem.g[..., 0, :, :], problem.n[..., 0, :, :]
    d = g @ q - n
    inner = adjoint(xp, q) @ (d if omega is None else d @ omega)
    size = problem.rho[..., 0] + xp.sqrt(sums_of_squares(xp, n))
    lowest = xp.linalg.eigvalsh(g)[..., 0]
    if omega is not None:
        lowest = lowest * xp.linalg.eigvalsh(omega)[0]
    top = xp.linalg.eigvalsh(hermitian_part(xp, inner))[..., -1]
    # The multiplier is known to rounding and to the gradient.
    slack = (work.eps * g.shape[-1] + gradient) * size
    settled = gradient <= tol
    necessary = xp.ones_like(settled)
    if omega is None:
        turn = adjoint(xp, q) @ n
        necessary = xp.linalg.eigvalsh(hermitian_part(xp, turn))[..., 0] >= -slack
    return StiefelResult(
        pair.rounded(q),
        pair.residual(error),
        pair.rounded(gradient),
        settled & (lowest >= top - slack) & pair.finite,
        necessary & pair.finite,
        walk.steps,
        pair.status((~settled, Status.NOT_CONVERGED)),
    )
