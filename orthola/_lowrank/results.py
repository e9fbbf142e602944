"""What a streamed singular value decomposition knows so far, with its certificate."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.errors import Status
from .._core.linalg import adjoint
from .._core.space import Space, in_full_precision, resolve
from .arguments import raise_unless_made_with, same_space
from .certificate import SVDCertificate, certify
from .finish import decomposed
from .inner import InnerProduct, taken_back
from .scale import times_power
from .state import Flag, SVDConfig, SVDState, accumulators

__all__ = ["SVDResult", "svd_result"]


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


@in_full_precision
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
    ``allowance`` is the most that rounding has in norm, and the part of it that can move an error
    is in all of them. With P the projection on the basis,
    the norm of M - P M is at most the upper end of ``error``.

    **Accuracy**: bounds hold for every input, rounding included. Exact engines know singular
    values to 100 roundings of the largest one.

    **Cost**: of the exact engines one decomposition of order d; else little. No derivatives.

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
    raise_unless_made_with("svd_result", config, state)
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
