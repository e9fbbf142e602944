"""The pure functions of a streamed singular value decomposition: state in, state out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.dispatch import Explanation, explained_by
from .._core.errors import Status
from .._core.linalg import adjoint
from .._core.random import destination
from .._core.shared_memory import as_numpy
from .._core.space import Space, resolve
from . import host, text
from .arguments import (
    as_arrays,
    as_tensors,
    checked_weights,
    in_host_memory,
    raise_unless_usable,
    same_space,
)
from .certificate import SVDCertificate, certify
from .downdating import removed
from .finish import decomposed
from .inner import InnerProduct, taken_back, weighted
from .intervals import raise_unless_neighbours
from .phases import lacking_of
from .plan import explained
from .scale import times_power
from .state import Flag, SVDConfig, SVDState, accumulators, empty_state

__all__ = ["SVDResult", "svd_downdate", "svd_init", "svd_merge", "svd_result", "svd_update"]


class SVDResult(NamedTuple):
    """What `svd_result` returns; columns beyond ``rank`` are zero."""

    basis: Any  # (d, k) left singular vectors of the columns (right ones of rows, conjugated)
    singular_values: Any  # (k,) descending
    rank: Any  # () integer
    mean: Any  # (d,) of the samples, as they were given
    norm: Any  # () Frobenius norm of all data (centred, weighted), float64
    certificate: SVDCertificate  # bounds that hold for every input
    status: Any  # () integer, see orthola.Status

    @property
    def components(self) -> Any:
        """(k, d) basis^H: right singular vectors of data whose samples are rows."""
        space, (basis,) = resolve("SVDResult", self.basis)
        return adjoint(space.xp, basis)


def svd_init(
    config: SVDConfig,
    /,
    *,
    xp: Any = None,
    dtype: Any = None,
    device: Any = None,
    start: int | None = None,
) -> SVDState:
    """State of a streamed singular value decomposition before any data.

    Parameters
    ----------
    config : SVDConfig
        Everything that does not change; hand the same object to the other functions. A state is
        that of one stream, not of a stack (..., b, d) of them.
    xp : namespace or str, optional
        Array library; default NumPy.
    dtype : dtype or str, optional
        Of the data; default: the library's default float.
    device : any, optional
        As the library spells it.
    start : int, optional
        Number of the first block, where all blocks of a data set are numbered: `svd_merge` then
        refuses what comes twice, or leaves a gap.

    Returns
    -------
    SVDState
        NamedTuple of arrays of fixed shapes (a pytree for JAX).

    Raises
    ------
    TypeError, ValueError
        On a library, dtype or device that does not exist, and a negative `start`.

    Notes
    -----
    **Cost**: d x (k + oversample) numbers for low rank, d x d for the exact engines.

    References
    ----------
    M. Brand, doi:10.1016/j.laa.2005.07.021. A. Levy, M. Lindenbaum, doi:10.1109/83.855432.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> config = orthola.SVDConfig(features=30, rank=3)
    >>> state = orthola.svd_init(config)
    >>> for rows in np.split(rng.standard_normal((100, 5)) @ rng.standard_normal((5, 30)), 10):
    ...     state = orthola.svd_update(state, rows, config)
    >>> result = orthola.svd_result(state, config)
    >>> result.basis.shape, int(result.rank)
    ((30, 3), 3)
    """
    place = destination("svd_init", xp, dtype, device)
    like = place.xp.zeros((), dtype=place.dtype, device=place.device)
    space, _ = resolve("svd_init", like)
    state = empty_state(checks.compute_space("svd_init", space, None), config)
    if start is None:
        return state
    first = state.position + checks.count("svd_init", "start", start, least=0)
    return state._replace(position=first, begin=first + 1)


def _explain_update(
    state: SVDState,
    block: Any,
    config: SVDConfig,
    /,
    *,
    weights: Any = None,
    error: float | tuple[float, float] | None = 0.0,
    inner_product: InnerProduct | None = None,
) -> Explanation:
    space, (block,) = same_space("svd_update", state, block)
    checked_weights("svd_update", config, block, weights)
    fast = space.name == "numpy" or in_host_memory(space, state.factor, block)
    return explained(space, config, int(block.shape[config.axis]), in_place=fast)


@explained_by(_explain_update)
def svd_update(
    state: SVDState,
    block: Any,
    config: SVDConfig,
    /,
    *,
    weights: Any = None,
    error: float | tuple[float, float] | None = 0.0,
    inner_product: InnerProduct | None = None,
) -> SVDState:
    """Take one more block of samples into a streamed singular value decomposition.

    Parameters
    ----------
    state : SVDState
        From `svd_init`, `svd_update` or `svd_merge`; not changed.
    block : array (b, d) for ``axis=0``, (d, b) for ``axis=1``
        Any number of samples, also none; one matrix, no stack (..., b, d). Never written to.
    config : SVDConfig
        The one that the state was made with. Static under ``jax.jit``.
    weights : array (b,), optional
        Weights >= 0 of the samples.
    error : float, (float, float) or None, optional
        Where the block is an approximation (projected rows, another library's factors, an earlier
        stream along the other axis): a bound on the Frobenius norm of what it lacks, weighted, or
        one and another on the spectral norm. Squares of it add up over blocks, and its root widens
        every interval, linearly. None: not known; results are ``UNCERTIFIED``.
    inner_product : array (d, d) or (d,), or callable, optional
        L of the inner product x^H L L^H y in which norms are taken and bases are orthonormal, or
        its diagonal (square roots of weights), or ``f(x, inverse=False)`` that returns L^H x, or
        L^-H x with ``inverse=True``, for x (d, n); its own rounding is not counted beyond that of
        a product. The same one for all updates and for `svd_result`.

    Returns
    -------
    SVDState
        A new one.

    Raises
    ------
    TypeError, ValueError
        On a block of another library, dtype or length of its samples; on NaN, infinity or
        negative weights with ``config.check_finite``, where values can be looked at.

    Notes
    -----
    **Accuracy**: errors of all truncations add up in squares, exactly: ``state.discarded`` is the
    squared Frobenius norm of what the final factors lack. Rounding is bounded by
    ``state.allowance``, which grows linearly with the number of updates.

    **Cost** of a block of b samples with q kept
    directions: about 8 d q b + 4 d b^2 + 2 d (q + b) q operations, 2 b d^2 for the exact engine.
    Blocks of about q samples cost least per sample; `IncrementalSVD` collects them.

    References
    ----------
    M. Brand, doi:10.1016/j.laa.2005.07.021. A. Levy, M. Lindenbaum, doi:10.1109/83.855432.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> config = orthola.SVDConfig(features=3, rank=1, axis=1)
    >>> state = orthola.svd_init(config)
    >>> for column in (np.array([[3.0], [0.0], [0.0]]), np.array([[4.0], [0.0], [0.0]])):
    ...     state = orthola.svd_update(state, column, config)
    >>> orthola.svd_result(state, config).singular_values
    array([5.])
    """
    space, (block,) = same_space("svd_update", state, block)
    weights = checked_weights("svd_update", config, block, weights)
    if block.shape[config.axis] == 0:
        return state._replace(position=state.position + 1)
    with np.errstate(all="ignore"):
        block, rounding = weighted("svd_update", space, config, block, weights, inner_product)
    lacking = lacking_of("svd_update", error, rounding)
    if space.name == "numpy":
        with np.errstate(all="ignore"):
            new = host.update(space, config, state, block, weights, lacking)
    elif in_host_memory(space, state.factor, block):
        host_space, (a,) = resolve("svd_update", as_numpy(block))
        w = None if weights is None else as_numpy(weights)
        with np.errstate(all="ignore"):
            lacking = lacking and lacking._replace(rounding=float(lacking.rounding))
            new = as_tensors(host.update(host_space, config, as_arrays(state), a, w, lacking))
    else:
        new = text.update(space, config, state, block, weights, lacking)
    if config.check_finite and not space.traced:
        raise_unless_usable(space, state, new, weights)
    return new if error is not None else new._replace(flags=new.flags | int(Flag.UNCERTIFIED))


def svd_merge(
    one: SVDState, two: SVDState, config: SVDConfig, /, *, allow_gaps: bool = False
) -> SVDState:
    """Join two states over different samples; neither is changed.

    Parameters
    ----------
    one, two : SVDState
        Made with the same `config`, of the same library and dtype; no stacks (..., d, n) of them.
    config : SVDConfig
        Theirs.
    allow_gaps : bool, optional
        Blocks with numbers (``svd_init(..., start=...)``) need not be neighbours, but must be
        different ones. The result has no numbers if there is a gap; `IncrementalSVD` remembers
        every interval.

    Returns
    -------
    SVDState
        As if all samples had come in one stream, up to truncations, which are all counted.

    Raises
    ------
    TypeError, ValueError
        If the states do not match; if their blocks have numbers, also on blocks that both have,
        and on gaps. Not inside ``jax.jit``.

    Notes
    -----
    **Accuracy**: as of `svd_update`. Any tree of merges obeys the same identity for the error; the
    fewer truncations lie on the way of a block, the smaller is the allowance for rounding.

    **Cost**: that of a block of as many samples as directions are kept.

    References
    ----------
    M. A. Iwen, B. W. Ong, arXiv:1601.07010. C. Himpe, T. Leibner, S. Rave, arXiv:1607.05210.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> x = np.random.default_rng(0).standard_normal((40, 6))
    >>> config = orthola.SVDConfig(features=6, rank=2)
    >>> empty = orthola.svd_init(config)
    >>> halves = [orthola.svd_update(empty, rows, config) for rows in (x[:10], x[10:])]
    >>> result = orthola.svd_result(orthola.svd_merge(*halves, config), config)
    >>> np.allclose(result.singular_values, np.linalg.svd(x, compute_uv=False)[:2])
    True
    """
    space, (factor,) = same_space("svd_merge", one, two.sketch)
    if two.mean.shape != one.mean.shape:
        raise ValueError(
            f"svd_merge: expected states of {one.mean.shape[0]} features, got {two.mean.shape[0]}"
        )
    if not space.traced:
        raise_unless_neighbours(one, two, allow_gaps)
    if space.name == "numpy":
        with np.errstate(all="ignore"):
            return host.merge(space, config, one, two)
    if in_host_memory(space, one.factor, two.factor):
        host_space, _ = resolve("svd_merge", as_numpy(factor))
        with np.errstate(all="ignore"):
            return as_tensors(host.merge(host_space, config, as_arrays(one), as_arrays(two)))
    return text.merge(space, config, one, two)


def svd_downdate(
    state: SVDState,
    block: Any,
    config: SVDConfig,
    /,
    *,
    weights: Any = None,
    inner_product: InnerProduct | None = None,
) -> SVDState:
    """Take samples out that were added before.

    Parameters
    ----------
    state : SVDState
        Not changed.
    block : array (b, d) for ``axis=0``, (d, b) for ``axis=1``
        Samples as they were added, in the same precision; only such, or the result is false. One
        matrix, no stack (..., b, d).
    config : SVDConfig
        The one that the state was made with, without forgetting.
    weights : array (b,), optional
        Their weights.
    inner_product : array or callable, optional
        As in `svd_update`.

    Returns
    -------
    SVDState
        Its results have status ``NOT_EXACT``: intervals hold, and no equality. What subtraction
        may have lost, in squares, is in ``square_loss`` and widens them all; where that is more
        than 1e-3 of a wanted squared singular value, or little energy remains, the status is
        ``ILL_CONDITIONED``. A tolerance is no longer kept. ``IncrementalSVD(window=...)`` forgets
        old blocks without any loss.

    Raises
    ------
    TypeError, ValueError
        As `svd_update`.

    Notes
    -----
    **Accuracy**: subtraction loses digits. What the eigenvalues of U S^2 U^H - A A^H show to be
    negative, and the rounding of what was there before, is added to ``square_loss``.

    **Cost**: a Householder QR of d x (q + b) numbers, and eigenvalues of order q + b.

    References
    ----------
    M. Brand, doi:10.1016/j.laa.2005.07.021.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> x = np.random.default_rng(0).standard_normal((40, 6))
    >>> config = orthola.SVDConfig(features=6, rank=2)
    >>> state = orthola.svd_update(orthola.svd_init(config), x, config)
    >>> state = orthola.svd_downdate(state, x[:10], config)
    >>> truth = np.linalg.svd(x[10:], compute_uv=False)
    >>> np.allclose(orthola.svd_result(state, config).singular_values, truth[:2])
    True
    """
    space, (block,) = same_space("svd_downdate", state, block)
    weights = checked_weights("svd_downdate", config, block, weights)
    if block.shape[config.axis] == 0:
        return state
    with np.errstate(all="ignore"):
        block, rounding = weighted("svd_downdate", space, config, block, weights, inner_product)
        return removed(space, config, state, block, weights, rounding)


def svd_result(
    state: SVDState,
    config: SVDConfig,
    /,
    *,
    rank: int | None = None,
    inner_product: InnerProduct | None = None,
) -> SVDResult:
    """Singular values and vectors of all data so far, with bounds that hold for every input.

    Parameters
    ----------
    state : SVDState
        Of one stream, not a stack (..., d, n); goes on unchanged.
    config : SVDConfig
        The one that the state was made with.
    rank : int, optional
        Columns of the result; default ``config.rank``, and with a tolerance as many as it takes.
    inner_product : array or callable, optional
        The one of the updates. The basis is then orthonormal in it, and the certificate is about
        its norms; coordinates of x are ``basis^H L L^H x``.

    Returns
    -------
    SVDResult
        ``basis`` (d, k) with orthonormal columns up to ``rank``, ``singular_values`` (k,), the
        ``mean`` of the samples, the ``norm`` of the data, ``certificate`` and ``status``: ``OK``,
        ``NONFINITE``, ``RANK_CAPPED`` (max_rank was too small), ``TOLERANCE_NOT_MET``,
        ``NOT_EXACT``, ``ILL_CONDITIONED``, ``UNCERTIFIED``; see `orthola.check`.

    Raises
    ------
    TypeError, ValueError
        On a rank that is no positive integer.

    Notes
    -----
    The entry of largest modulus of each basis vector is real and positive, the first one on ties.
    In ``certificate``, all absolute and float64: ``error`` bounds the Frobenius norm of M minus
    its approximation of the rank of the result, ``sigma_interval`` (q, 2) the singular values of
    all kept directions, ``optimum_interval`` the error of the best approximation of that rank;
    ``allowance`` is the part of their width that is rounding. With P the projection on the basis,
    the norm of M - P M is at most the upper end of ``error``.

    **Accuracy**: bounds hold for every input, rounding included. Exact engines know singular
    values to 100 roundings of the largest one.

    **Cost**: of the exact engines one decomposition of order d; else little.

    References
    ----------
    R. Bhatia, doi:10.1007/978-1-4612-0653-8 (Weyl, Ky Fan). M. Ghashami, E. Liberty, J. Phillips,
    D. P. Woodruff, arXiv:1501.01711 (the sketch that narrows the intervals).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> x = np.diag([3.0, 2.0, 1.0])
    >>> config = orthola.SVDConfig(features=3, rank=2)
    >>> state = orthola.svd_update(orthola.svd_init(config), x, config)
    >>> result = orthola.svd_result(state, config)
    >>> result.singular_values, result.certificate.optimum_interval
    (array([3., 2.]), array([1., 1.]))
    """
    space, _ = same_space("svd_result", state)
    if rank is not None:
        checks.count("svd_result", "rank", rank)
    with np.errstate(all="ignore"):
        found = _result(space, config, state, rank)
        if inner_product is None:
            return found
        basis, mean = taken_back(
            "svd_result", space, config, found.basis, found.mean, inner_product
        )
        return found._replace(basis=basis, mean=mean)


def _result(space: Space, config: SVDConfig, state: SVDState, rank: int | None) -> SVDResult:
    xp, acc = space.xp, accumulators(space)
    width = config.wanted if rank is None else min(rank, config.features)
    if config.tolerance is not None and rank is None:
        width = min(state.factor.shape[1], config.max_rank or config.features)
    basis, sigma, kept, state, relative = decomposed(
        space, config, state, width, fixed=rank is not None
    )
    exact = (state.flags & int(Flag.NOT_EXACT)) == 0
    bounds = certify(space, config, state, sigma, kept, exact, relative)
    bad = (state.flags & int(Flag.NONFINITE)) != 0
    norm = xp.sqrt(state.energy)
    miss = xp.zeros_like(bad)
    if config.tolerance is not None and rank is None:
        miss = bounds.error[1] > config.tolerance * norm + 2.0 * bounds.allowance
    status = _status(xp, state.flags, miss)
    nan = xp.full_like(norm, float("nan"))

    def delivered(x: Any) -> Any:
        return xp.where(bad, nan, times_power(acc, x, state.scale))

    head = xp.astype(times_power(acc, sigma[:width], state.scale), space.real_dtype)
    mean = times_power(config.wide(space), state.mean, state.scale)
    mean = xp.conj(mean) if config.axis == 0 and space.is_complex else mean
    return SVDResult(
        basis,
        head,
        kept,
        xp.astype(mean, space.dtype, copy=False),
        delivered(norm),
        SVDCertificate(*(delivered(x) for x in bounds)),
        status,
    )


def _status(xp: Any, flags: Any, miss: Any) -> Any:
    """The gravest event; later ones in the list are graver."""
    status = xp.zeros_like(flags)
    events = (
        (Flag.NOT_EXACT, Status.NOT_EXACT),
        (Flag.ILL_CONDITIONED, Status.ILL_CONDITIONED),
        (None, Status.TOLERANCE_NOT_MET),
        (Flag.RANK_CAPPED, Status.RANK_CAPPED),
        (Flag.UNCERTIFIED, Status.UNCERTIFIED),
        (Flag.NONFINITE, Status.NONFINITE),
    )
    for flag, code in events:
        hit = miss if flag is None else (flags & int(flag)) != 0
        status = xp.where(hit, xp.full_like(status, int(code)), status)
    return status
