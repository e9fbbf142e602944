"""`IncrementalSVD`: singular values and vectors of data that come in blocks, with certificates."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from .._core import checks
from .._core.linalg import adjoint
from .._core.space import in_full_precision, resolve
from .certificate import SVDCertificate
from .combining import svd_downdate, svd_merge
from .extending import extended
from .inner import InnerProduct, forward, same_inner_product, weighted
from .intake import Intake
from .results import SVDResult, svd_result
from .rotations import right_blocks
from .state import Flag, SVDConfig, SVDState
from .stream_file import Kept, read, write
from .stream_input import blocks_of, is_sliced, is_sparse, total_of

__all__ = ["IncrementalSVD"]

_MISSING = ("raise", "mean", "project")


class IncrementalSVD:
    """Leading singular values and vectors of all blocks seen so far, with true error bounds.

    Parameters
    ----------
    rank : int, optional
        Singular triplets wanted. Give `rank`, `tol` or `energy`; with none, all of them.
    tol : float, optional
        Largest error relative to the norm of all data, kept at every time; the rank is found.
    energy : float, optional
        Share of the squared norm to keep, ``energy=0.99`` is ``tol=0.1``.
    axis : {0, 1}, optional
        0: blocks (b, d), rows are samples; 1: blocks (d, b), columns are.
    center : bool, optional
        Take the mean of all samples off (principal components).
    window : int, optional
        Only the last so many blocks count.
    buffer : int or "auto", optional
        Samples that are collected before they are taken in; 1 for none. Fewer truncations and less
        work; questions, `save` and `merge` take in what is there.
    missing : {"raise", "mean", "project"}, optional
        What to do with NaN in real or imaginary parts: refuse, or put in the mean or what the
        present basis predicts. Results then describe the completed data: ``UNCERTIFIED``.
    log_rotations : bool, optional
        Keep what `right_blocks` needs: n q + N q^2 numbers for n samples in N blocks. For low-rank
        engines without a window. There is no side sketch then unless `sketch` asks for one: once
        it has mixed discarded directions in again, V is not known any more.
    inner_product : array (d, d) or (d,), or callable, optional
        L of an inner product x^H L L^H y, as in `svd_update`; not with `missing` and
        `log_rotations`.
    start : int, optional
        Number of the first sample in the whole data set, for shards that are merged later: `merge`
        then refuses samples that come twice, after a retry for example, and gaps.
    **options
        Further fields of `SVDConfig`: max_rank, engine, oversample, sketch, forget, accumulate,
        power, seed, check_finite, method.

    Attributes
    ----------
    config : SVDConfig or None
        All options; None before the first block.
    state : SVDState or None
        What is kept, as `svd_update` returns it.
    samples_seen : int
        Samples so far, buffered ones included.

    Notes
    -----
    The shell of `svd_init`, `svd_update`, `svd_merge`, `svd_downdate` and `svd_result`; see there
    for accuracy and cost. Not to be changed inside ``jax.jit`` or ``torch.compile``.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> data = rng.standard_normal((500, 8)) @ rng.standard_normal((8, 60))
    >>> svd = orthola.IncrementalSVD(rank=8)
    >>> for rows in np.array_split(data, 23):
    ...     _ = svd.partial_fit(rows)
    >>> result = svd.result()
    >>> truth = np.linalg.svd(data, compute_uv=False)
    >>> np.allclose(result.singular_values, truth[:8])
    True
    >>> low, high = result.certificate.sigma_interval.T
    >>> bool(np.all(low[:8] <= truth[:8]) and np.all(truth[:8] <= high[:8]))
    True
    """

    def __init__(
        self,
        rank: int | None = None,
        *,
        tol: float | None = None,
        energy: float | None = None,
        axis: int = 0,
        center: bool = False,
        window: int | None = None,
        buffer: int | str = "auto",
        missing: str = "raise",
        log_rotations: bool = False,
        inner_product: InnerProduct | None = None,
        start: int | None = None,
        **options: Any,
    ) -> None:
        name = "IncrementalSVD"
        checks.one_of(name, "missing", missing, _MISSING)
        if window is not None:
            checks.count(name, "window", window)
        if buffer != "auto":
            checks.count(name, "buffer", buffer)
        if log_rotations:
            options = _for_rotations(window, options)
        settings: dict[str, Any] = {
            "rank": rank, "tol": tol, "energy": energy, "axis": axis, "center": center, **options
        }  # fmt: skip
        SVDConfig(features=1, **settings)  # wrong options are told at once
        extras = {
            "window": window, "buffer": buffer, "missing": missing, "log_rotations": log_rotations
        }  # fmt: skip
        if inner_product is not None and (log_rotations or missing != "raise"):
            raise ValueError(
                f"{name}: expected inner_product without missing and log_rotations, got "
                f"missing={missing!r}, log_rotations={log_rotations!r}"
            )
        self._in = Intake(settings, extras, inner_product)
        if start is not None:
            first = checks.count(name, "start", start, least=0)
            self._in.intervals = [(first, first)]

    @property
    def config(self) -> SVDConfig | None:
        """All options; None before the first block."""
        return self._in.config

    @property
    def state(self) -> SVDState | None:
        """What is kept of all samples so far; None before the first block."""
        return self._in.whole()

    @property
    def samples_seen(self) -> int:
        """Samples so far, those that wait in the buffer included."""
        done = 0 if self._in.state is None else int(self._in.state.columns)
        return done + self._in.waiting()

    @property
    def certificate(self) -> SVDCertificate:
        """Of `result`."""
        return self.result().certificate

    def partial_fit(self, block: Any, /, weights: Any = None) -> IncrementalSVD:
        """Add samples.

        Parameters
        ----------
        block : array or scipy.sparse matrix (b, d) for axis 0, (d, b) for axis 1
            Any number of samples. Sparse ones are made dense in slices, never as a whole; for
            forgetting and windows they are still one block.
        weights : array (b,), optional
            Weights >= 0 of the samples.

        Returns
        -------
        IncrementalSVD
            This stream, changed.

        Raises
        ------
        TypeError, ValueError
            As `svd_update`; the stream is then as it was before.
        """
        if not is_sliced(block):
            _, (block,) = resolve("IncrementalSVD.partial_fit", block)
        if is_sparse(block):
            self._in.add_sparse(block, weights)
        else:
            self._in.add(block, weights)
        self._in.number(block.shape[self._in.options["axis"]])
        return self

    def fit_blocks(
        self,
        source: Any,
        /,
        *,
        batch: int | None = None,
        progress: Callable[[int, int | None, SVDCertificate], object] | None = None,
        resume: bool = False,
    ) -> IncrementalSVD:
        """Add all samples of a source, block by block.

        Parameters
        ----------
        source : array-like on disk or in memory, sparse matrix, or iterable of blocks
            Anything with ``shape``, ``dtype`` and slicing (NumPy, ``numpy.memmap``, zarr, h5py) is
            cut along its chunks, and the next block is read ahead; iterables are taken once.
        batch : int, optional
            Samples per block. Default: what costs least; where blocks are units, with a window or
            forgetting, the chunks of the source, or single samples.
        progress : callable, optional
            Called with (samples done, samples in all or None, certificate) after each block. What
            it raises ends the run; the stream stays valid.
        resume : bool, optional
            Leave out the first `samples_seen` samples: go on with a source after `load`.

        Returns
        -------
        IncrementalSVD
            This stream, changed.
        """
        axis = self._in.options["axis"]
        skip = self.samples_seen if resume else 0
        if batch is not None:
            batch = checks.count("IncrementalSVD.fit_blocks", "batch", batch)
        width = batch or (self._in.width(int(source.shape[1 - axis])) if is_sliced(source) else 1)
        total = total_of(source, axis)
        for block in blocks_of(source, axis, width, skip):
            self.partial_fit(block)
            if progress is not None:
                progress(self.samples_seen, total, self.certificate)
        return self

    def merge(self, other: IncrementalSVD, /, *, allow_gaps: bool = False) -> IncrementalSVD:
        """Add all samples that another stream has seen; the other one is not changed.

        Parameters
        ----------
        other : IncrementalSVD
            With the same options.
        allow_gaps : bool, optional
            Streams with numbers (``start=``) need not be neighbours: shards in any order.

        Returns
        -------
        IncrementalSVD
            This stream, changed.

        Raises
        ------
        TypeError, ValueError
            If options or sizes differ, if there is a window or a log of rotations, or if samples
            would count twice: another copy of a stream that is in here, or, for streams with
            numbers, any sample that both have. Also if such streams are no neighbours.
        """
        if not isinstance(other, IncrementalSVD):
            raise TypeError(
                "IncrementalSVD.merge: expected another IncrementalSVD, got "
                f"{type(other).__name__}; states are merged by svd_merge"
            )
        mine, theirs = self._in, other._in
        if mine.shards & theirs.shards:
            raise ValueError(
                "IncrementalSVD.merge: expected streams of different samples, got one that is in "
                "here already"
            )
        if mine.extras["window"] is not None or theirs.extras["window"] is not None:
            raise ValueError(
                "IncrementalSVD.merge: expected streams without a window, got "
                f"window={mine.extras['window']!r} and window={theirs.extras['window']!r}"
            )
        if mine.extras["log_rotations"] or theirs.extras["log_rotations"]:
            raise ValueError(
                "IncrementalSVD.merge: expected streams without log_rotations, got one with; make "
                "both without, and find right factors in a second pass over the data (transform)"
            )
        if theirs.config is None:
            return self
        if not same_inner_product(mine.inner, theirs.inner):
            raise ValueError("IncrementalSVD.merge: expected a stream with the same inner_product")
        config, space, state = theirs.known()
        intervals = mine.together(theirs, allow_gaps)
        if mine.config is None:
            mine.config, mine.space, mine.state = config, space, state
        elif mine.config != config:
            raise ValueError(
                f"IncrementalSVD.merge: expected a stream with {mine.config}, got {config}"
            )
        else:
            mine.state = svd_merge(mine.known()[2], state, config)
        mine.shards |= theirs.shards
        mine.intervals = intervals
        return self

    def downdate(self, block: Any, /, weights: Any = None) -> IncrementalSVD:
        """Take samples out that were added before; see `svd_downdate`. A window loses nothing."""
        if self._in.extras["window"] is not None:
            raise ValueError(
                "IncrementalSVD.downdate: expected a stream without a window, got "
                f"window={self._in.extras['window']!r}; it drops the oldest blocks itself"
            )
        config, _, state = self._in.known()
        self._in.state = svd_downdate(
            state, block, config, weights=weights, inner_product=self._in.inner
        )
        return self

    def extend_features(self, n: int, /) -> IncrementalSVD:
        """Let samples have `n` entries more from now on; those of older samples were zero."""
        n = checks.count("IncrementalSVD.extend_features", "n", n, least=0)
        if self._in.extras["window"] is not None or self._in.inner is not None:
            raise ValueError(
                "IncrementalSVD.extend_features: expected a stream without window and "
                f"inner_product, got window={self._in.extras['window']!r} and "
                f"{'no' if self._in.inner is None else 'an'} inner_product"
            )
        config, space, state = self._in.known()
        self._in.config, self._in.state = extended(space, config, state, n)
        return self

    def result(self, *, rank: int | None = None) -> SVDResult:
        """Singular values, vectors and certificate of all samples so far; see `svd_result`."""
        config, _, _ = self._in.known()
        state = self._in.whole()
        assert state is not None
        return svd_result(state, config, rank=rank, inner_product=self._in.inner)

    def right_blocks(self) -> Iterator[tuple[int, Any]]:
        """The other factor, block by block, from logged rotations; the last block first.

        Yields
        ------
        int
            Number of the block, as taken in.
        array (b, r)
            Rows of V for its samples: data ~ basis diag(singular values) V^H, with the basis and
            the singular values of ``state``, and an error of exactly ``state.discarded``. Data
            are centred about the mean of all and multiplied by the roots of their weights, with
            forgetting those that they have by now.

        Raises
        ------
        ValueError
            Without ``log_rotations=True``, and where V is not known any more: after a downdate,
            or once a side sketch has mixed discarded directions in again (status NOT_EXACT).
        """
        _, space, state = self._in.known()
        if not self._in.extras["log_rotations"]:
            raise ValueError(
                "IncrementalSVD.right_blocks: expected a stream made with log_rotations=True, got "
                "one made without; make it so, or take a second pass over the data (transform)"
            )
        if int(state.flags) & int(Flag.NOT_EXACT):
            raise ValueError(
                "IncrementalSVD.right_blocks: expected a stream whose every step was a rotation, "
                "got one after a downdate, or whose side sketch mixed discarded directions in "
                "again; use sketch=0, or a second pass over the data (transform)"
            )
        return right_blocks(space, self._in.rotations, int(state.rank))

    @in_full_precision
    def transform(self, x: Any, /) -> Any:
        """Coordinates of samples in the basis of `result`: (m, k) for axis 0, (k, m) for axis 1."""
        found, name = self.result(), "IncrementalSVD.transform"
        config, space, _ = self._in.known()
        given, (x,) = resolve(name, x)
        along = -1 if config.axis == 0 or x.ndim == 1 else -2
        if x.ndim == 0 or x.shape[along] != config.features:
            raise ValueError(
                f"{name}: expected samples of length {config.features} for axis={config.axis}, got "
                f"{checks.describe(x)}"
            )
        x = space.xp.astype(x, space.dtype, copy=False) if given.is_half else x
        basis = found.basis
        if config.center:
            x = x - (found.mean if config.axis == 0 else found.mean[:, None])
        if self._in.inner is not None:
            x = space.xp.astype(x, space.dtype, copy=False)
            x, _ = weighted(name, space, config, x, None, self._in.inner)
            basis = forward(name, space, basis, self._in.inner)
        y = x @ basis if config.axis == 0 else adjoint(space.xp, basis) @ x
        return space.xp.astype(y, given.dtype) if given.is_half else y

    def save(self, path: str | os.PathLike[str], /) -> None:
        """Write the stream to one file, atomically; what waits in the buffer is taken in first."""
        mine = self._in
        config, space, state = mine.known()
        kept = Kept(
            config, space.name, space.dtype_name, state, mine.window, mine.shards, mine.extras,
            mine.rotations, mine.inner, mine.intervals,
        )  # fmt: skip
        write(path, kept)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        /,
        *,
        xp: Any = None,
        device: Any = None,
        inner_product: InnerProduct | None = None,
    ) -> IncrementalSVD:
        """Read a stream that `save` wrote; it goes on to the last bit as if never interrupted.

        Parameters
        ----------
        path : path
            File.
        xp : namespace or str, optional
            Array library to go on with; default: the one that the stream was saved from.
        device : optional
            Where the arrays are to be, as the library spells it.
        inner_product : callable, optional
            The one of the stream, where it is a function; arrays are in the file.

        Returns
        -------
        IncrementalSVD

        Raises
        ------
        OSError, ValueError
            If there is no such file, or it is damaged, of another kind, or from a newer version.
        """
        stream = cls()
        stream._in = Intake.of(read(path, xp, device, inner_product))
        return stream


def _for_rotations(window: int | None, options: dict[str, Any]) -> dict[str, Any]:
    """Options with which every step is one rotation of what was there."""
    engine, sketch = options.get("engine", "auto"), options.get("sketch", "auto")
    plain = options.get("method", "svd") == "svd"
    if not plain or window is not None or engine not in ("auto", "brand", "stack"):
        raise ValueError(
            "IncrementalSVD: expected log_rotations with a low-rank engine (brand, stack or auto), "
            f"method='svd' and no window, got engine={engine!r}, window={window!r}"
        )
    return options | {
        "sketch": 0 if sketch == "auto" else sketch,
        "engine": "brand" if engine == "auto" else engine,
    }
