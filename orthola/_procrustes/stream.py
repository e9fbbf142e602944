"""`ProcrustesStream`: fits of points that come in chunks, or lie in many places."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._core.space import Space, in_full_precision
from .api import ProcrustesResult
from .state import State, downdate, merge
from .stream_answer import first_fit, question_of, second_fit
from .stream_file import Kept, read, write
from .stream_input import checked, expect_same, state_of

__all__ = ["ProcrustesStream"]


class ProcrustesStream:
    """Procrustes fits of points that come in chunks: sums are kept, the points are not.

    Streams over parts of the data can be merged in any order, and chunks taken out again.

    Parameters
    ----------
    check_finite : bool, optional
        Raise on NaN, infinity or a negative weight, before anything is added. Otherwise the item
        that got it has status NONFINITE from then on.

    Attributes
    ----------
    state : State or None
        The sums, a NamedTuple of arrays of the library of the points; None before the first chunk.

    Notes
    -----
    Kept are the weight, both means, both squared norms about them and A_c^H W B_c: n^2 + 2 n
    numbers for every item of the batch, in float64 (or complex128) where the device has it.
    Streams are no part of a gradient: what comes in is taken as constant. They are not to be
    changed inside ``jax.jit`` or ``torch.compile``.

    **Accuracy**: the sums are those of `procrustes`, to rounding, in whatever order they came;
    so is the rotation, unrefined. The residual is taken from the norms, and that of an exact fit
    is 1e-8 of the size of the points instead of 0. `refine` repairs both in one more pass.

    **Cost** of a chunk of m points: one product m x n x n, and of `solve` one SVD of order n.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, doi:10.1080/00031305.1983.10483115.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> a, r = rng.standard_normal((1000, 4)), orthola.haar(4, rng=0)
    >>> b = a @ r + 5.0
    >>> one, two = orthola.ProcrustesStream(), orthola.ProcrustesStream()
    >>> _ = one.update(a[:300], b[:300])
    >>> _ = two.update(a[300:600], b[300:600]).update(a[600:], b[600:])
    >>> fit = one.merge(two).solve(translation=True)
    >>> np.allclose(fit.transform.rotation, r), np.allclose(fit.transform.translation, 5.0)
    (True, True)
    """

    def __init__(self, *, check_finite: bool = True) -> None:
        self.check_finite = bool(check_finite)
        self._kept: Kept | None = None

    @property
    def state(self) -> State | None:
        """The sums; None before the first chunk."""
        return None if self._kept is None else self._kept.state

    @in_full_precision
    def update(self, a: Any, b: Any, /, weights: Any = None) -> ProcrustesStream:
        """Add points.

        Parameters
        ----------
        a, b : array (..., m, n)
            Points and images, as in `procrustes`; every chunk with the same n and batch shape.
        weights : array (..., m), optional
            Weights >= 0 of the points.

        Returns
        -------
        ProcrustesStream
            This stream, changed.

        Raises
        ------
        TypeError, ValueError
            As `procrustes`, and if library, device, dtype, n or batch shape are not those of the
            first chunk. The stream is then as it was before.
        """
        self._join("update", self._of_points("update", a, b, weights), merge)
        return self

    @in_full_precision
    def merge(self, other: ProcrustesStream, /) -> ProcrustesStream:
        """Add all points that another stream has seen; the other one is not changed.

        Parameters
        ----------
        other : ProcrustesStream
            Of points of the same library, device, dtype, n and batch shape.

        Returns
        -------
        ProcrustesStream
            This stream, changed.

        Raises
        ------
        ValueError
            If the streams do not match.
        """
        if other._kept is not None:
            self._join("merge", other._kept, merge)
        return self

    @in_full_precision
    def downdate(self, a: Any, b: Any = None, /, weights: Any = None) -> ProcrustesStream:
        """Take points out again.

        Parameters
        ----------
        a, b : array (..., m, n)
            Points and images that were added before. Or `a` alone, a `ProcrustesStream` of them.
        weights : array (..., m), optional
            Their weights.

        Returns
        -------
        ProcrustesStream
            This stream, changed. Subtraction loses digits: where a sum falls below the square
            root of the unit roundoff (1e-8) of the largest value that it had, the status of the
            next fit is ``BOUND_VIOLATED``, and the stream is to be built again from the data that
            remains. Where no weight remains, an item is empty again.

        Raises
        ------
        TypeError, ValueError
            As `update`, and if nothing was added yet.
        """
        self._known("downdate")
        if isinstance(a, ProcrustesStream):
            part = a._kept
        else:
            part = self._of_points("downdate", a, b, weights)
        if part is not None:
            self._join("downdate", part, downdate)
        return self

    @in_full_precision
    def solve(
        self,
        *,
        rotation_only: bool = False,
        scaling: bool = False,
        translation: bool = False,
        completion: str = "nearest",
    ) -> ProcrustesResult:
        """Fit to all points so far; the stream goes on unchanged.

        Parameters
        ----------
        rotation_only, scaling, translation, completion
            As in `procrustes`.

        Returns
        -------
        ProcrustesResult
            As of `procrustes` with ``refine=0``, with a residual from the norms (see Notes).

        Raises
        ------
        ValueError
            Before the first chunk, and on options that `procrustes` does not take.
        """
        kept = self._known("solve")
        question = question_of(kept, "solve", rotation_only, scaling, translation, completion)
        return first_fit(kept, question)

    @in_full_precision
    def refine(
        self,
        chunks: Iterable[tuple[Any, ...]],
        /,
        *,
        rotation_only: bool = False,
        scaling: bool = False,
        translation: bool = False,
        completion: str = "nearest",
        start: ProcrustesResult | None = None,
    ) -> ProcrustesResult:
        """Fit with one Newton step, from a second pass over all points.

        Parameters
        ----------
        chunks : iterable of (a, b) or (a, b, weights)
            All points of the stream, in chunks of any size and order.
        rotation_only, scaling, translation, completion
            As in `procrustes`.
        start : ProcrustesResult, optional
            The fit to start from, of the same options; default: `solve`. Give the result of one
            step for another step.

        Returns
        -------
        ProcrustesResult
            As of `procrustes` with ``refine=1``.

        Raises
        ------
        TypeError, ValueError
            As `update`, and if there is not one row in the chunks for each of the stream.
        """
        kept = self._known("refine")
        question = question_of(kept, "refine", rotation_only, scaling, translation, completion)
        return second_fit(kept, question, chunks, start)

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
        ValueError
            Before the first chunk.
        """
        write(path, self._known("save"))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], /, *, xp: Any = None, device: Any = None
    ) -> ProcrustesStream:
        """Read a stream that `save` wrote; it goes on to the last bit as if never interrupted.

        Parameters
        ----------
        path : path
            File.
        xp : namespace or str, optional
            Array library to go on with; default: the one that the stream was saved from.
        device : optional
            Where the sums are to be, as the library spells it.

        Returns
        -------
        ProcrustesStream

        Raises
        ------
        OSError, ValueError
            If there is no such file, or it is damaged, of another kind, or from a newer version.
        """
        kept = read(path, xp, device)
        stream = cls(check_finite=kept.check_finite)
        stream._kept = kept
        return stream

    def _of_points(self, method: str, a: Any, b: Any, weights: Any) -> Kept:
        chunk = checked(method, a, b, weights, check_finite=self.check_finite)
        if self._kept is not None:
            expect_same(method, self._kept.given, self._kept.state, chunk.given, chunk.shape)
        return Kept(state_of(chunk), chunk.given, chunk.work, self.check_finite)

    def _join(self, method: str, part: Kept, how: Callable[[Space, State, State], State]) -> None:
        kept = self._kept
        if kept is None:
            self._kept = part._replace(check_finite=self.check_finite)
            return
        *batch, n, _ = part.state.cross.shape
        expect_same(method, kept.given, kept.state, part.given, (*batch, 0, n))
        with np.errstate(all="ignore"):
            self._kept = kept._replace(state=how(kept.work, kept.state, part.state))

    def _known(self, method: str) -> Kept:
        if self._kept is None:
            raise ValueError(
                f"ProcrustesStream.{method}: expected a stream with points, got none; update it"
            )
        return self._kept
