"""Certified singular value decompositions of Dask arrays: a tree of merged states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
from dask import delayed
from dask.base import tokenize

from .. import (
    SVDConfig,
    SVDResult,
    SVDState,
    options,
    svd_init,
    svd_merge,
    svd_result,
    svd_update,
)
from .._core import checks

__all__ = ["svd", "svd_state"]

_AT_ONCE = 256  # strips in a graph at least: tasks take memory too, some kB each
_PIECE = 1 << 19  # numbers that are converted at a time


class Span(NamedTuple):
    """The state of the strips ``start`` ... ``stop - 1``."""

    start: int
    stop: int
    state: SVDState


def svd(
    x: Any,
    /,
    *,
    axis: int | None = None,
    arity: int = 4,
    progress: Callable[[int, int, Any], object] | None = None,
    **config: Any,
) -> SVDResult:
    r"""Leading singular values and vectors of a Dask array, with certificates; computed at once.

    Parameters
    ----------
    x : dask array (m, n)
        Data, real or complex, in any chunks. Those beside each other along the fixed dimension
        are gathered to one strip, which has to fit in the memory of a worker.
    axis : {0, 1}, optional
        0: rows are samples, and right singular vectors are kept; 1: columns, and left ones.
        Default: the shorter dimension is the fixed one.
    arity : int, optional
        States merged at a time. The tree depends on it and the number of strips alone.
    progress : callable, optional
        Called as ``progress(done, total, certificate)`` with strips, and the certificate of all
        that are done, whenever ``arity**2`` more are. An exception in it ends the run.
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
    Only states travel: d (k + oversample) numbers each, for d the fixed dimension, and the data
    are read once. The factors of the other side are ``x @ result.components.conj().T``, divided by
    the singular values, which is lazy.

    **Memory** does not grow with the number of chunks: graphs are made and computed for 256 strips
    (4**4; the power of another arity from there on) at a time. Where more than those could run at
    once, compute `svd_state`, which is one graph with the same tree.

    **Accuracy**: errors of all truncations add up in squares, whatever the tree; the certificate
    says what they are. With exact engines (``engine="auto"`` takes one for small d) there are none.
    The same array, arity and number of BLAS threads give the same bits on every scheduler.

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
    checks.count("svd", "arity", arity, least=2)
    total, waiting, sofar = x.numblocks[axis], _Waiting(made, arity), None
    portion = arity**2
    while progress is None and portion < _AT_ONCE:
        portion *= arity
    for start in range(0, total, portion):
        part = x.blocks[_along(axis, slice(start, start + portion))]
        (span,) = dask.compute(_tree("svd", part, made, arity, start))
        waiting.add(span)
        if progress is not None:
            sofar = span.state if sofar is None else svd_merge(sofar, span.state, made)
            progress(span.stop, total, svd_result(sofar, made).certificate)
    return svd_result(waiting.root().state, made)


def svd_state(x: Any, config: SVDConfig, /, *, arity: int = 4) -> Any:
    """State of a singular value decomposition of all samples in a Dask array; lazy.

    Parameters
    ----------
    x : dask array (m, d) for ``config.axis=0``, (d, m) for ``config.axis=1``
        Data, real or complex, in any chunks, with any number of samples, also an unknown one.
    config : SVDConfig
        Options, without ``forget``: in a tree there is no order to forget by.
    arity : int, optional
        States merged at a time.

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
    return delayed(_state_of, pure=True)(_tree("svd_state", x, config, arity, 0))


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


def _tree(function: str, x: Any, config: SVDConfig, arity: int, start: int) -> Any:
    """Delayed span of all strips, the first of which has number `start`."""
    checks.count(function, "arity", arity, least=2)
    if config.forget != 1.0:
        raise ValueError(f"{function}: expected forget=1: a tree has no order to forget by")
    strips = x.rechunk({1 - config.axis: -1}).to_delayed().ravel()
    name = tokenize(x, config)
    leaf, node = delayed(_leaf, pure=True), delayed(_merged, pure=True)
    level = [
        leaf(config, i, strip, dask_key_name=f"svd-strip-{name}-{i}")
        for i, strip in enumerate(strips, start)
    ]
    while len(level) > 1:
        # A group of one is itself: the shape follows from the number of strips.
        level = [node(config, *group) for group in _groups(level, arity)]
    return level[0]


class _Waiting:
    """Finished subtrees, fewer than `arity` of each height: the tree that one graph would have."""

    def __init__(self, config: SVDConfig, arity: int) -> None:
        self.config, self.arity = config, arity
        self.heights: list[list[Span]] = []

    def add(self, span: Span) -> None:
        """The next one of the lowest height; only the last may be incomplete."""
        for group in self.heights:
            group.append(span)
            if len(group) < self.arity:
                return
            span = _merged(self.config, *group)
            group.clear()
        self.heights.append([span])

    def root(self) -> Span:
        last: list[Span] = []
        for group in self.heights:
            if group or last:
                last = [_merged(self.config, *group, *last)]
        return last[0]


def _along(axis: int, cut: slice) -> tuple[slice, slice]:
    return (cut, slice(None)) if axis == 0 else (slice(None), cut)


def _groups(spans: list[Any], arity: int) -> list[list[Any]]:
    return [spans[i : i + arity] for i in range(0, len(spans), arity)]


def _leaf(config: SVDConfig, i: int, block: Any) -> Span:
    with options(threads=1):
        start = state = svd_init(config, dtype=np.result_type(block.dtype, np.float16))
        samples = step = max(1, block.shape[config.axis])
        if state.factor.dtype != state.sketch.dtype:
            # A Gram matrix in double precision: piece by piece, the wider copy is not of it all.
            step = max(2 * config.features, _PIECE // config.features)
        for first in range(0, samples, step):
            piece = block[_along(config.axis, slice(first, first + step))]
            state = svd_update(state, piece, config)
        return Span(i, i + 1, state._replace(position=start.position + np.int64(1)))


def _merged(config: SVDConfig, first: Span, *others: Span) -> Span:
    """Neighbours as one; a strip that came twice, or not at all, would falsify everything."""
    start, stop, state = first
    with options(threads=1):
        for span in others:
            if span.start != stop:
                raise ValueError(
                    f"svd: expected strips from {stop} on, got {span.start} to {span.stop - 1}"
                )
            state, stop = svd_merge(state, span.state, config), span.stop
    return Span(start, stop, state)


def _state_of(span: Span) -> SVDState:
    return span.state
