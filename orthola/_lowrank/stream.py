"""`IncrementalSVD`: singular values and vectors of data that come in blocks, with certificates."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from .._core import checks
from .._core.space import resolve
from .certificate import SVDCertificate
from .incremental import SVDResult, svd_downdate, svd_merge, svd_result
from .intake import Intake
from .rotations import right_blocks
from .state import SVDConfig, SVDState, extended
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
        engines, without centring and forgetting, and without a side sketch.
    **options
        Further fields of `SVDConfig`: max_rank, engine, oversample, sketch, forget, accumulate,
        power, seed, check_finite.

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
        **options: Any,
    ) -> None:
        name = "IncrementalSVD"
        checks.one_of(name, "missing", missing, _MISSING)
        if window is not None:
            checks.count(name, "window", window)
        if buffer != "auto":
            checks.count(name, "buffer", buffer)
        if log_rotations:
            options = _for_rotations(center, window, options)
        settings: dict[str, Any] = {
            "rank": rank, "tol": tol, "energy": energy, "axis": axis, "center": center, **options
        }  # fmt: skip
        SVDConfig(features=1, **settings)  # wrong options are told at once
        extras = {
            "window": window, "buffer": buffer, "missing": missing, "log_rotations": log_rotations
        }  # fmt: skip
        self._in = Intake(settings, extras)

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
            Any number of samples. Sparse ones are made dense in slices, never as a whole.
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
        if is_sparse(block):
            self._in.add_sparse(block, weights)
        else:
            self._in.add(block, weights)
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
            Samples per block; default: what costs least.
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
        width = batch or (self._in.width(int(source.shape[1 - axis])) if is_sliced(source) else 1)
        total = total_of(source, axis)
        for block in blocks_of(source, axis, width, skip):
            self.partial_fit(block)
            if progress is not None:
                progress(self.samples_seen, total, self.certificate)
        return self

    def merge(self, other: IncrementalSVD, /) -> IncrementalSVD:
        """Add all samples that another stream has seen; the other one is not changed.

        Raises
        ------
        ValueError
            If options or sizes differ, if there is a window, or if samples would count twice.
        """
        mine, theirs = self._in, other._in
        if mine.shards & theirs.shards:
            raise ValueError(
                "IncrementalSVD.merge: expected streams of different samples, got one that is in "
                "here already"
            )
        if mine.extras["window"] is not None or theirs.extras["window"] is not None:
            raise ValueError("IncrementalSVD.merge: expected streams without a window")
        if theirs.config is None:
            return self
        config, space, state = theirs.known()
        if mine.config is None:
            mine.config, mine.space, mine.state = config, space, state
        elif mine.config != config:
            raise ValueError(
                f"IncrementalSVD.merge: expected a stream with {mine.config}, got {config}"
            )
        else:
            mine.state = svd_merge(mine.known()[2], state, config)
        mine.shards |= theirs.shards
        return self

    def downdate(self, block: Any, /, weights: Any = None) -> IncrementalSVD:
        """Take samples out that were added before; see `svd_downdate`. A window loses nothing."""
        if self._in.extras["window"] is not None:
            raise ValueError("IncrementalSVD.downdate: expected a stream without a window")
        config, _, state = self._in.known()
        self._in.state = svd_downdate(state, block, config, weights=weights)
        return self

    def extend_features(self, n: int, /) -> IncrementalSVD:
        """Let samples have `n` entries more from now on; those of older samples were zero."""
        n = checks.count("IncrementalSVD.extend_features", "n", n, least=0)
        if self._in.extras["window"] is not None:
            raise ValueError("IncrementalSVD.extend_features: expected a stream without a window")
        config, space, state = self._in.known()
        self._in.config, self._in.state = extended(space, config, state, n)
        return self

    def result(self, *, rank: int | None = None) -> SVDResult:
        """Singular values, vectors and certificate of all samples so far; see `svd_result`."""
        config, _, _ = self._in.known()
        state = self._in.whole()
        assert state is not None
        return svd_result(state, config, rank=rank)

    def right_blocks(self) -> Iterator[tuple[int, Any]]:
        """The other factor, block by block, from logged rotations; the last block first.

        Yields
        ------
        int
            Number of the block, as taken in.
        array (b, r)
            Rows of V for its samples: data ~ basis diag(singular values) V^H, with the basis and
            the singular values of ``state``, and an error of exactly ``state.discarded``.
        """
        _, space, state = self._in.known()
        if not self._in.extras["log_rotations"]:
            raise ValueError("IncrementalSVD.right_blocks: expected log_rotations=True")
        return right_blocks(space, self._in.rotations, int(state.rank))

    def transform(self, x: Any, /) -> Any:
        """Coordinates of samples in the basis of `result`: (m, k) for axis 0, (k, m) for axis 1."""
        found = self.result()
        _, (x,) = resolve("IncrementalSVD.transform", x)
        if self._in.options["axis"] == 0:
            x = x - found.mean if self._in.options["center"] else x
            return x @ found.basis
        x = x - found.mean[:, None] if self._in.options["center"] else x
        return found.components @ x

    def save(self, path: str | os.PathLike[str], /) -> None:
        """Write the stream to one file, atomically; what waits in the buffer is taken in first."""
        mine = self._in
        config, space, state = mine.known()
        kept = Kept(
            config, space.name, space.dtype_name, state, mine.window, mine.shards, mine.extras,
            mine.rotations,
        )  # fmt: skip
        write(path, kept)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], /, *, xp: Any = None, device: Any = None
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

        Returns
        -------
        IncrementalSVD

        Raises
        ------
        OSError, ValueError
            If there is no such file, or it is damaged, of another kind, or from a newer version.
        """
        stream = cls()
        stream._in = Intake.of(read(path, xp, device))
        return stream


def _for_rotations(center: bool, window: int | None, options: dict[str, Any]) -> dict[str, Any]:
    """Options with which every step is one rotation of what was there."""
    engine, sketch = options.get("engine", "auto"), options.get("sketch", "auto")
    fixed = center or window is not None or options.get("forget", 1.0) != 1.0
    if fixed or engine not in ("auto", "brand", "stack") or sketch not in ("auto", 0):
        raise ValueError(
            "IncrementalSVD: expected log_rotations with a low-rank engine and without center, "
            "forget, window and sketch"
        )
    return options | {"sketch": 0, "engine": "brand" if engine == "auto" else engine}
