"""`OnlineOrthogonalDictionary`: dictionaries of streams, cut into mini-batches of one size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from .._core import checks
from .._core.random import generator
from .._core.space import Space, resolve
from .frank_wolfe import DictionaryResult
from .merging import dictionary_merge
from .online_codes import Learned
from .online_file import read, write
from .online_input import chunks, mean_of, rows_of
from .online_stream import Stream, fed, flushed, settings_of

__all__ = ["OnlineOrthogonalDictionary"]

_NAME = "OnlineOrthogonalDictionary"


class OnlineOrthogonalDictionary(Learned):
    r"""Orthogonal dictionary of a stream of samples: four matrices are kept, the samples are not.

    Samples are modelled as codes times dictionary, y = x D, with orthogonal (unitary) D and sparse
    x. The dictionary is found up to order and signs (phases) of its atoms, which are its rows.

    Parameters
    ----------
    p, schedule, init, window, warmup
        As in `dictionary_init`.
    batch_size : int, optional
        Rows of a mini-batch: calls are cut into batches of this size, and what is left waits for
        the next call, so that the result does not depend on the cuts. Default: each call of
        `partial_fit` is one mini-batch, and `fit` takes n/2 rows, 10 at least and 256 at most.
    precondition : array (n, n) or "estimate", optional
        For dictionaries that are complete but not orthogonal: the inverse square root of the
        second moments of the samples; or it is taken from the first `warmup` rows (default 100 n),
        which are then not used otherwise, and frozen.
    mean : array (n,), optional
        Subtracted from all samples.
    lmo, check_finite
        As in `dictionary_update`.
    refine : bool, optional
        As in `dictionary_result`.
    rng : None, int or numpy.random.Generator, optional
        For the start, as in `haar`.

    Attributes
    ----------
    components_ : array (n, n)
        The dictionary; with a preconditioner the orthogonal factor, and `atoms_` the atoms.
    noise_ : array ()
        Scale of the small codes.
    state : DictionaryState or None
        Of the pure functions; None before the first mini-batch.
    n_samples_, n_steps_ : int
        Rows learned from, those that wait not included; steps taken.

    Notes
    -----
    Memory is 5 n^2 numbers and fewer than `batch_size` rows. A stream is not to be changed inside
    ``jax.jit`` or ``torch.compile``; `dictionary_update` is for that.

    References
    ----------
    Y. Xue, V. Lau, arXiv:2103.01484.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> basis = orthola.haar(8, rng=1)
    >>> codes = rng.standard_normal((10_000, 8)) * (rng.random((10_000, 8)) < 0.3)
    >>> model = orthola.OnlineOrthogonalDictionary(batch_size=10, rng=2)
    >>> for part in np.split(codes @ basis, 7_000 * np.arange(1, 2)):
    ...     _ = model.partial_fit(part)
    >>> found = orthola.dictionary_recovery(model.components_, basis)
    >>> bool(found.smallest > 0.999), model.n_steps_
    (True, 1000)
    """

    def __init__(
        self,
        *,
        p: float = 3.0,
        schedule: Any = "default",
        init: Any = None,
        window: float | None = None,
        warmup: int | None = None,
        batch_size: int | None = None,
        precondition: Any = None,
        mean: Any = None,
        lmo: str = "auto",
        refine: bool = True,
        check_finite: bool = True,
        rng: Any = None,
    ) -> None:
        self._settings = settings_of(
            _NAME, p, schedule, window, warmup, batch_size, precondition, lmo, refine, check_finite
        )
        given = None if isinstance(precondition, str) else precondition
        row = None if mean is None else mean_of(_NAME, mean)
        self._stream = Stream(init=init, precondition=given, mean=row)
        self._rng = generator(_NAME, rng)
        self._found: DictionaryResult | None = None

    def partial_fit(self, samples: Any, y: Any = None) -> OnlineOrthogonalDictionary:
        """Learn from more samples.

        Parameters
        ----------
        samples : array (b, n)
            Rows are samples; of the library and device of the first call.
        y : None
            Ignored.

        Returns
        -------
        OnlineOrthogonalDictionary
            This one, changed.

        Raises
        ------
        TypeError, ValueError
            On samples that do not fit, and NaN or infinity under `check_finite`; nothing has
            changed then.
        """
        space, rows = self._rows("partial_fit", samples)
        # Nothing is kept before all went well.
        self._keep(fed(self._settings, self._stream, self._rng, space, rows))
        return self

    def fit(self, samples: Any, y: Any = None, *, passes: int = 1) -> OnlineOrthogonalDictionary:
        """Learn from all samples of a source, starting anew.

        Parameters
        ----------
        samples : array (M, n) or iterable of arrays (b, n)
            Also a memory map, or an array of zarr or h5py, which are read slice by slice.
        y : None
            Ignored.
        passes : int, optional
            How often to go through; more than once needs a source that can be read again.

        Returns
        -------
        OnlineOrthogonalDictionary
            This one, changed. A last, shorter mini-batch is learned too.

        Raises
        ------
        TypeError, ValueError
            As `partial_fit`.
        """
        passes = checks.count(f"{_NAME}.fit", "passes", passes)
        if passes > 1 and isinstance(samples, Iterator):
            raise ValueError(
                f"{_NAME}.fit: expected a source that can be read {passes} times, got an iterator"
            )
        self._keep(self._stream.restarted(self._settings))
        shape = getattr(samples, "shape", None)
        settings = self._settings.for_rows_of(None if shape is None else int(shape[-1]))
        for _ in range(passes):
            for part in chunks(f"{_NAME}.fit", samples, settings.batch_size):
                space, rows = self._rows("fit", part)
                settings = settings.for_rows_of(rows.shape[-1])
                self._keep(fed(settings, self._stream, self._rng, space, rows))
        return self.flush()

    def flush(self) -> OnlineOrthogonalDictionary:
        """Learn from the rows that wait for a full mini-batch, as a shorter one.

        Returns
        -------
        OnlineOrthogonalDictionary
            This one, changed.
        """
        self._keep(flushed(self._settings, self._stream, self._rng))
        return self

    def merge(self, other: OnlineOrthogonalDictionary, /) -> OnlineOrthogonalDictionary:
        """Average with a stream that learned from other samples of the same kind.

        Parameters
        ----------
        other : OnlineOrthogonalDictionary
            Of the same options; not changed.

        Returns
        -------
        OnlineOrthogonalDictionary
            This one, changed as `dictionary_merge` says; where the two cannot be matched it is
            the one that has seen more, and `result` has status ``AMBIGUOUS``.

        Raises
        ------
        TypeError, ValueError
            If `other` is no such stream, or the streams do not match.
        """
        if not isinstance(other, OnlineOrthogonalDictionary):
            raise TypeError(
                f"{_NAME}.merge: expected another {_NAME}, got {type(other).__name__}; samples are "
                "learned by partial_fit"
            )
        stream = self._stream
        if other._stream.state is not None:
            mine, theirs = stream.state, other._stream.state
            state, code = (theirs, 0) if mine is None else dictionary_merge(mine, theirs)
            taken = stream if mine is not None else other._stream
            stream = stream._replace(
                state=state, refused=int(code) or stream.refused, precondition=taken.precondition,
                measured=stream.measured + other._stream.measured,
            )  # fmt: skip
        if other._stream.rest is not None:
            space, (rows,) = resolve(f"{_NAME}.merge", other._stream.rest)
            stream = fed(self._settings, stream, self._rng, space, rows)
        self._keep(stream)  # nothing has changed if something failed
        return self

    def save(self, path: str | os.PathLike[str], /) -> None:
        """Write the stream to one file, atomically.

        Parameters
        ----------
        path : path
            File to write or replace. A process that is killed meanwhile leaves the old file.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        write(path, self._settings, self._stream, self._rng)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], /, *, xp: Any = None, device: Any = None
    ) -> OnlineOrthogonalDictionary:
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
        OnlineOrthogonalDictionary

        Raises
        ------
        OSError, ValueError
            If there is no such file, or it is damaged, of another kind, or from a newer version.
        """
        model = cls()
        model._settings, model._stream, model._rng = read(path, xp, device)
        return model

    def _rows(self, method: str, samples: Any) -> tuple[Space, Any]:
        """Samples to learn from."""
        return rows_of(  # type: ignore[no-any-return]
            f"{_NAME}.{method}", samples, self._stream.mean, self._stream.example(),
            check_finite=self._settings.check_finite,
        )  # fmt: skip

    def _keep(self, stream: Stream) -> None:
        self._stream, self._found = stream, None
