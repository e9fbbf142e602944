"""`orthogonal_dictionary`: from samples that are all at hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import checks
from .._core.errors import Status
from .._core.linalg import inner_product, wide
from .._core.shared_memory import as_numpy, as_tensor, ordinary
from .._core.space import Space, in_full_precision, resolve
from .arguments import expect_usable, exponent, start_of
from .frank_wolfe import DictionaryResult
from .gradient import nuclear_norm
from .oracle import Oracle, plan_oracle, projected
from .power import climbed, codes_of_some, refined
from .step import frozen_scale, largest_in_rows, reach

__all__ = ["orthogonal_dictionary"]

_NAME = "orthogonal_dictionary"
_CACHED = 2**15  # entries of a chunk of rows: samples and codes stay in the cache
_PART = 8  # the first steps take every eighth row,
_ENOUGH = 50  # where that leaves so many rows per dimension


@np.errstate(all="ignore")
@in_full_precision
def orthogonal_dictionary(
    samples: Any,
    /,
    *,
    p: float = 3.0,
    max_steps: int = 60,
    tol: float = 1e-6,
    refine: bool = True,
    init: Any = None,
    precondition: Any = None,
    rng: Any = None,
    check_finite: bool = True,
) -> DictionaryResult:
    r"""Orthogonal dictionary of samples that are all at hand, by the generalised power method.

    Parameters
    ----------
    samples : array (..., M, n)
        Rows are samples, modelled as sparse codes times the dictionary. Never written to.
    p : float in (2, 4], optional
        Exponent of the objective, the mean of sum \|c\|^p over codes c = y A^H.
    max_steps : int, optional
        Most steps of the power method.
    tol : float, optional
        Relative growth of the objective below which the method has converged. It stalls at saddle
        points on its way: 1e-6 does not take them for the end.
    refine : bool, optional
        Twelve rounds with thresholded codes after convergence, which remove most of the sampling
        error: of exactly sparse samples, if there are enough of them, all of it. Items that did
        not converge are left as they are.
    init : array (..., n, n), optional
        Start; default: uniformly distributed, see `haar`.
    precondition : array (..., n, n), optional
        As in `dictionary_init`.
    rng : None, int or numpy.random.Generator, optional
        For the start.
    check_finite : bool, optional
        Raise on NaN or infinity; otherwise rows that have some are left out, status ``NONFINITE``.

    Returns
    -------
    DictionaryResult
        As of `dictionary_result`; the gap is that of the objective at the last point of the power
        method. ``status`` is ``NOT_CONVERGED`` where `max_steps` were not enough.

    Raises
    ------
    TypeError, ValueError
        On arguments out of range, and NaN or infinity under `check_finite`.

    Notes
    -----
    Where every eighth row gives 50 n rows at least, the first steps take those alone.

    **Accuracy**: the dictionary is a polar factor, as orthogonal to rounding as of `polar`; how
    near it is to the true one is a matter of samples, not of rounding.

    **Cost** of a step: 2 M n^2 multiply-adds and a polar factor of order n. No derivatives.

    References
    ----------
    M. Journee, Y. Nesterov, P. Richtarik, R. Sepulchre, JMLR 11, 517-553, 2010.
    Y. Shen, Y. Xue, J. Zhang, K. Letaief, V. Lau, arXiv:2002.10043.
    Y. Zhai, Z. Yang, Z. Liao, J. Wright, Y. Ma, arXiv:1906.02435 (p = 4).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> basis = orthola.haar(10, rng=1)
    >>> codes = rng.standard_normal((4000, 10)) * (rng.random((4000, 10)) < 0.3)
    >>> found = orthola.orthogonal_dictionary(codes @ basis, rng=2)
    >>> bool(orthola.dictionary_recovery(found.dictionary, basis).err4 < 1e-12)
    True
    """
    p = exponent(_NAME, p)
    max_steps = checks.count(_NAME, "max_steps", max_steps)
    tol = checks.real_in(_NAME, "tol", tol, 0.0, 1.0)
    given, (y,) = resolve(_NAME, samples)
    checks.is_matrix(_NAME, y, name="samples", rows=True)
    work = checks.compute_space(_NAME, given, None)
    y = work.xp.astype(y, work.dtype, copy=False)
    n = y.shape[-1]
    checks.count(_NAME, "the length of samples", n)
    checks.count(_NAME, "the number of samples", y.shape[-2])
    _, a, h = start_of(
        _NAME, n, init, precondition, y.shape[:-2], rng, work.xp, work.dtype_name, work.device
    )
    concrete = not work.traced and (work.name != "torch" or ordinary(y, a))
    if check_finite and concrete:
        zero = work.xp.zeros(y.shape[:-2], dtype=work.real_dtype, device=work.device)
        expect_usable(_NAME, work, zero, y)
    whitened = None if precondition is None else h
    oracle = plan_oracle(work, "exact", n, concrete=concrete)
    if work.name == "torch" and concrete and not work.on_gpu:
        y, a = as_numpy(y), as_numpy(a)
        whitened = None if whitened is None else as_numpy(whitened)
        work, _ = resolve(_NAME, y)
        found = _solved(work, oracle, p, y, a, whitened, tol, max_steps, bool(refine))
        return DictionaryResult(*map(as_tensor, found))
    return DictionaryResult(*_solved(work, oracle, p, y, a, whitened, tol, max_steps, bool(refine)))


def _solved(
    space: Space, oracle: Oracle, p: float, y: Any, a: Any, h: Any, tol: float, limit: int,
    refine: bool,
) -> tuple[Any, ...]:  # fmt: skip
    xp = space.xp
    size = largest_in_rows(space, y)
    scale = frozen_scale(space, xp.zeros_like(size[..., 0]), size)
    unit = xp.where(scale > 0, scale, xp.ones_like(scale))
    usable = size / unit[..., None] <= reach(space)
    y = xp.where(usable[..., None], y / wide(unit), xp.zeros_like(y))
    y = y if h is None else y @ h
    m, n = y.shape[-2:]
    rows = max(1, _CACHED // n) if space.name == "numpy" and y.ndim == 2 else m

    start = projected(space, oracle, a)
    if m >= _PART * _ENOUGH * n and limit > 1:
        part = xp.asarray(y[..., ::_PART, :], copy=True)
        climb, _ = climbed(space, oracle, p, start, part, rows=rows, tol=tol, limit=limit)
        start = climb.iterate
    climb, _ = climbed(space, oracle, p, start, y, rows=rows, tol=tol, limit=limit)
    q, cross = climb.iterate, climb.slope
    if refine:
        better, cross = refined(space, oracle, p, q, y, rows=rows)
        q = xp.where(wide(climb.done), better, q)
    gap = nuclear_norm(space, climb.slope) - inner_product(space.xp, climb.slope, climb.iterate)
    s = xp.linalg.svdvals(cross)
    missing = s[..., -1] <= n * space.eps * s[..., 0]
    code = xp.astype(missing, xp.int32) * int(Status.RANK_DEFICIENT)
    code = xp.where(climb.done, code, xp.full_like(code, int(Status.NOT_CONVERGED)))
    code = xp.where(xp.all(usable, axis=-1), code, xp.full_like(code, int(Status.NONFINITE)))
    atoms = q if h is None else q @ xp.linalg.pinv(h)
    noise, _ = codes_of_some(space, q, y)
    return q, xp.clip(gap, min=0.0) * scale**p, noise * scale, code, atoms
