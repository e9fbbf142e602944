"""Samples taken into a streamed singular value decomposition: state in, state out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import checks
from .._core.dispatch import Explanation, explained_by
from .._core.random import destination
from .._core.shared_memory import as_numpy
from .._core.space import in_full_precision, resolve
from . import host, text
from .arguments import (
    as_arrays,
    as_tensors,
    checked_weights,
    in_host_memory,
    raise_unless_made_with,
    raise_unless_usable,
    same_space,
)
from .inner import InnerProduct, weighted
from .phases import lacking_of
from .plan import explained
from .state import Flag, SVDConfig, SVDState, empty_state

__all__ = ["svd_init", "svd_update"]


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
    **Cost**: d x (k + oversample) numbers for low rank, d x d for the exact engines. All are zero,
    exactly. No derivatives.

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
    if not isinstance(config, SVDConfig):
        raise TypeError(
            f"svd_init: expected an SVDConfig, got {config!r}; SVDConfig(features=...) makes one"
        )
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
@in_full_precision
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
    Blocks of about q samples cost least per sample; `IncrementalSVD` collects them. No derivatives.

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
    raise_unless_made_with("svd_update", config, state)
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
