"""Certified singular value decompositions of Dask arrays: a tree of merged states."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
from dask import delayed
from dask.base import tokenize

from .. import SVDConfig, SVDResult, SVDState, svd_result
from .._core import checks
from ._dask_panels import by_panels, cuts_of
from ._dask_tree import Part, Run, along, leaf, tree

__all__ = ["svd", "svd_state"]

_AT_ONCE = 256  # strips in a graph at least: tasks take memory too, some kB each


def svd(
    x: Any,
    /,
    *,
    axis: int | None = None,
    arity: int = 4,
    max_memory: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int, Any], object] | None = None,
    **config: Any,
) -> SVDResult:
    r"""Leading singular values and vectors of a Dask array, with certificates; computed at once.

    Parameters
    ----------
    x : dask array (m, n)
        Data, real or complex, in any chunks. Those beside each other along the fixed dimension
        are gathered to one strip, as far as `max_memory` allows.
    axis : {0, 1}, optional
        0: rows are samples, and right singular vectors are kept; 1: columns, and left ones.
        Default: the shorter dimension is the fixed one.
    arity : int, optional
        States merged at a time. The tree depends on it and the number of strips alone.
    max_memory : int, optional
        Bytes that one task may take, about four times a strip. Where that is not enough, the fixed
        dimension is cut into panels along its chunks, and the data are read twice. Default: a
        quarter of what a worker has for each of its threads.
    checkpoint : path, optional
        File that is replaced, atomically, whenever ``arity**2`` strips more are done. If it exists,
        the run goes on from there, to the same bits: whatever ended it, nothing is lost. It stays;
        remove it before the data change.
    progress : callable, optional
        Called as ``progress(done, total, certificate)`` with strips, and the certificate of all
        that are done, whenever ``arity**2`` more are. With panels, strips of all passes count, and
        the certificate is None before the last one. An exception in it ends the run.
    **config
        Options of `orthola.SVDConfig`: rank, tol, energy, center, engine, oversample, ...

    Returns
    -------
    SVDResult
        As from `orthola.svd_result`, in memory.

    Raises
    ------
    TypeError, ValueError
        On anything but a Dask array of two axes, and options out of range.

    Notes
    -----
    Only states travel: d (k + oversample) numbers each, for d the fixed dimension. The data are
    read once, with panels twice (``x.persist()`` where making them is expensive). `svd_factors`
    gives the factor of the other side, lazily.

    **Memory** does not grow with the number of chunks: graphs are made and computed for 256 strips
    (4**4; the power of another arity from there on) at a time, and for ``arity**2`` with `progress`
    or `checkpoint`. Where more than those could run at once, compute `svd_state`, which is one
    graph with the same tree.

    **Accuracy**: errors of all truncations add up in squares, whatever the tree, and so do those of
    panels, because all data are projected on their bases at once; the certificate says what they
    are. With exact engines (``engine="auto"`` takes one for small d) and no panels there are none.
    The same array, arity, panels and number of BLAS threads give the same bits on every scheduler.

    References
    ----------
    M. Iwen, B. Ong, arXiv:1601.07010. C. Himpe, T. Leibner, S. Rave, arXiv:1607.05210 (trees).

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from orthola.adapters.dask import svd
    >>> rng = np.random.default_rng(0)
    >>> a = rng.standard_normal((300, 3)) @ rng.standard_normal((3, 20))
    >>> result = svd(da.from_array(a, chunks=(50, 10)), rank=3)
    >>> np.allclose(result.singular_values, np.linalg.svd(a, compute_uv=False)[:3])
    True
    >>> bool(result.certificate.error[1] < 1e-10)
    True
    """
    axis = _checked("svd", x, axis)
    made = SVDConfig(features=x.shape[1 - axis], axis=axis, **config)
    _in_any_order("svd", made, arity)
    if max_memory is not None:
        checks.count("svd", "max_memory", max_memory)
    cuts = cuts_of(x, made, max_memory)
    portion = arity**2
    while progress is None and checkpoint is None and portion < _AT_ONCE:
        portion *= arity
    places = [(cut.start, cut.stop) for cut in cuts]
    run = Run(
        arity, portion, len(cuts) + 1 if len(cuts) > 1 else 1, progress, checkpoint,
        tokenize(x.shape, x.chunks, str(x.dtype), repr(made), arity, places),
    ).resumed()  # fmt: skip
    if len(cuts) > 1:
        return by_panels(x, made, cuts, run)

    def leaves(start: int, stop: int) -> list[Any]:
        return _leaves(x.blocks[along(axis, slice(start, stop))], made, start)

    return svd_result(run.reduced(made, leaves, x.numblocks[axis]).state, made)


def svd_state(x: Any, config: SVDConfig, /, *, arity: int = 4, start: int | None = None) -> Any:
    """State of a singular value decomposition of all samples in a Dask array; lazy.

    Parameters
    ----------
    x : dask array (m, d) for ``config.axis=0``, (d, m) for ``config.axis=1``
        Data, real or complex, in any chunks, with any number of samples, also an unknown one.
        Chunks beside each other along the features have to fit in the memory of a worker.
    config : SVDConfig
        Options, without ``forget``: in a tree there is no order to forget by.
    arity : int, optional
        States merged at a time.
    start : int, optional
        Number of the first row of chunks, for parts of one data set: `orthola.svd_merge` then
        refuses parts that come twice, and gaps. ``start + x.numblocks[config.axis]`` is that of
        the next part.

    Returns
    -------
    dask.delayed.Delayed
        Computes to an `orthola.SVDState`, for `orthola.svd_result`, or to be merged with states of
        other data.

    Raises
    ------
    TypeError, ValueError
        On anything but a Dask array of two axes, and a config for other data.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import orthola
    >>> from orthola.adapters.dask import svd_state
    >>> config = orthola.SVDConfig(features=5, rank=2)
    >>> one = svd_state(da.ones((100, 5), chunks=(30, 5)), config).compute()
    >>> two = svd_state(da.ones((44, 5), chunks=(44, 2)), config).compute()
    >>> both = orthola.svd_merge(one, two, config)
    >>> round(float(orthola.svd_result(both, config).singular_values[0]) ** 2, 9)
    720.0
    """
    _checked("svd_state", x, config.axis)
    if x.shape[1 - config.axis] != config.features:
        raise ValueError(
            f"svd_state: expected {config.features} features along axis {1 - config.axis}, got "
            f"an array of shape {x.shape}"
        )
    _in_any_order("svd_state", config, arity)
    first = 0 if start is None else checks.count("svd_state", "start", start, least=0)
    root = tree(config, _leaves(x, config, first), arity)
    return delayed(_state_of, pure=True)(root, start is not None)


def _checked(function: str, x: Any, axis: int | None) -> int:
    if not isinstance(x, da.Array):
        raise TypeError(
            f"{function}: expected a dask array, got {type(x).__module__}."
            f"{type(x).__qualname__}; for arrays in memory there is orthola.concat_svd"
        )
    if x.ndim != 2:
        raise ValueError(f"{function}: expected an array of two axes, got shape {x.shape}")
    if axis is None:
        axis = 0 if not x.shape[1] > x.shape[0] else 1
    checks.one_of(function, "axis", str(axis), ("0", "1"))
    if np.isnan(x.shape[1 - axis]):
        raise ValueError(
            f"{function}: expected a known number of features, got shape {x.shape}; call "
            "compute_chunk_sizes() first"
        )
    return axis


def _in_any_order(function: str, config: SVDConfig, arity: int) -> None:
    checks.count(function, "arity", arity, least=2)
    if config.forget != 1.0:
        raise ValueError(
            f"{function}: expected forget=1, got {config.forget!r}: a tree has "
            "no order to forget by"
        )


def _leaves(x: Any, config: SVDConfig, start: int) -> list[Any]:
    """Delayed states of strips, the first of which has number `start`."""
    strips = x.rechunk({1 - config.axis: -1}).to_delayed().ravel()
    name, made = tokenize(x, config), delayed(leaf, pure=True)
    return [
        made(config, i, strip, dask_key_name=f"svd-strip-{name}-{i}")
        for i, strip in enumerate(strips, start)
    ]


def _state_of(part: Part, numbered: bool) -> SVDState:
    if numbered:
        return part.state
    blocks = part.state.position - (part.state.begin - 1)
    return part.state._replace(position=blocks, begin=np.zeros_like(part.state.begin))
