"""States joined, and samples taken out of one again: state in, state out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.shared_memory import as_numpy
from .._core.space import in_full_precision, resolve
from . import host, text
from .arguments import (
    as_arrays,
    as_tensors,
    checked_weights,
    in_host_memory,
    raise_unless_made_with,
    same_space,
)
from .downdating import removed
from .inner import InnerProduct, weighted
from .intervals import raise_unless_neighbours
from .state import SVDConfig, SVDState

__all__ = ["svd_downdate", "svd_merge"]


@in_full_precision
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

    **Cost**: that of a block of as many samples as directions are kept. No derivatives.

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
    raise_unless_made_with("svd_merge", config, one)
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


@in_full_precision
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

    **Cost**: a Householder QR of d x (q + b) numbers, and eigenvalues of order q + b. No
    derivatives.

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
    raise_unless_made_with("svd_downdate", config, state)
    weights = checked_weights("svd_downdate", config, block, weights)
    if block.shape[config.axis] == 0:
        return state
    with np.errstate(all="ignore"):
        block, rounding = weighted("svd_downdate", space, config, block, weights, inner_product)
        return removed(space, config, state, block, weights, rounding)
