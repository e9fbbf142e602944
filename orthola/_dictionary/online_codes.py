"""What an online dictionary says: the dictionary so far, codes, and how good it is."""

from __future__ import annotations

import math
from typing import Any

from .._core import checks
from .._core.linalg import adjoint
from .._core.space import Space, in_full_precision, resolve
from .coding import KINDS, largest, shrunk
from .frank_wolfe import DictionaryResult, dictionary_result
from .gradient import gradient
from .objectives import frank_wolfe_gap
from .online_input import rows_of
from .online_stream import Settings, Stream
from .state import DictionaryState
from .tail import LEVEL

__all__ = ["Learned"]

_NAME = "OnlineOrthogonalDictionary"


class Learned:
    """The part of `OnlineOrthogonalDictionary` that changes nothing."""

    _settings: Settings
    _stream: Stream
    _found: DictionaryResult | None  # until the stream changes

    @property
    def state(self) -> DictionaryState | None:
        """The state of the pure functions; None before the first mini-batch."""
        return self._stream.state

    @property
    def components_(self) -> Any:
        """The orthogonal dictionary, rows being atoms."""
        return self.result().dictionary

    @property
    def atoms_(self) -> Any:
        """The atoms in the space of the samples."""
        return self.result().atoms

    @property
    def noise_(self) -> Any:
        """Scale of the small codes."""
        return self.result().noise

    @property
    def n_samples_(self) -> int:
        """Rows learned from."""
        state = self._stream.state
        return self._stream.measured + (0 if state is None else int(state.n_samples))

    @property
    def n_steps_(self) -> int:
        """Steps taken."""
        return 0 if self._stream.state is None else int(self._stream.state.step)

    def result(self, *, refine: bool | None = None) -> DictionaryResult:
        """The dictionary so far, see `dictionary_result`.

        Parameters
        ----------
        refine : bool, optional
            Default: as the stream was made.

        Returns
        -------
        DictionaryResult
            With status ``AMBIGUOUS`` if a merge was refused.

        Raises
        ------
        ValueError
            Before the first mini-batch.
        """
        known = self._known("result")
        wanted = self._settings.refine if refine is None else bool(refine)
        if wanted == self._settings.refine and self._found is not None:
            return self._found
        found = dictionary_result(known, refine=wanted)
        if self._stream.refused:
            status = found.status
            found = found._replace(status=status * 0 + self._stream.refused)
        if wanted == self._settings.refine:
            self._found = found
        return found

    @in_full_precision
    def transform(
        self, samples: Any, *, keep: int | None = None, threshold: Any = None, kind: str = "hard"
    ) -> Any:
        """Sparse codes of samples.

        Parameters
        ----------
        samples : array (b, n)
            Rows are samples. Those with NaN or infinity have codes that are not finite.
        keep : int, optional
            Keep the largest codes of each row. For an orthogonal dictionary this is the best code
            of so many terms, the one that `omp` finds.
        threshold : float, optional
            Keep codes of larger modulus; 0 keeps all. Default, without `keep`: 2.5 times `noise_`.
        kind : {"hard", "soft"}, optional
            ``"soft"`` moves what a threshold keeps towards zero by the threshold.

        Returns
        -------
        array (b, n)

        Raises
        ------
        TypeError, ValueError
            On samples that do not fit, `keep` together with `threshold` or ``kind="soft"``, and
            before the first mini-batch.
        """
        name = f"{_NAME}.transform"
        checks.one_of(name, "kind", kind, KINDS)
        if keep is not None and (threshold is not None or kind == "soft"):
            raise ValueError(f"{name}: expected keep alone, got a threshold or kind='soft' with it")
        if threshold is not None:
            threshold = checks.real_in(name, "threshold", threshold, 0.0, math.inf, closed=True)
        found = self.result()
        _, space, y = self._whitened("transform", samples)
        c = y @ adjoint(space.xp, found.dictionary)
        if keep is not None:
            return largest(space, c, checks.count(name, "keep", keep, least=0))
        limit = LEVEL * found.noise if threshold is None else threshold
        return shrunk(space, c, limit, kind)

    @in_full_precision
    def inverse_transform(self, codes: Any) -> Any:
        """Samples of codes: codes times `atoms_`, and the mean.

        Parameters
        ----------
        codes : array (b, n)
            As of `transform`.

        Returns
        -------
        array (b, n)
        """
        name = f"{_NAME}.inverse_transform"
        space, (c, atoms) = resolve(name, codes, self.result().atoms)
        if c.ndim != 2 or c.shape[-1] != atoms.shape[-2]:
            raise ValueError(
                f"{name}: expected codes of shape (b, {atoms.shape[-2]}), got {checks.describe(c)}"
            )
        y = c @ atoms
        mean = self._stream.mean
        return y if mean is None else y + space.xp.astype(mean, space.dtype, copy=False)

    @in_full_precision
    def score(self, samples: Any, y: Any = None) -> Any:
        """The objective, mean of ``sum |c|^p`` over samples: the higher, the sparser the codes.

        Parameters
        ----------
        samples : array (b, n)
            Rows that were not used for learning.
        y : None
            Ignored.

        Returns
        -------
        array ()
        """
        _, space, rows = self._whitened("score", samples)
        return gradient(space, self._settings.p, self.result().dictionary, rows)[0]

    @in_full_precision
    def gap(self, samples: Any) -> Any:
        """Frank-Wolfe gap of the iterate on samples; 0 at stationary points.

        Parameters
        ----------
        samples : array (b, n)
            Rows that were not used for learning.

        Returns
        -------
        array ()
        """
        state, _, rows = self._whitened("gap", samples)
        return frank_wolfe_gap(state.iterate, rows, p=self._settings.p)

    def _whitened(self, method: str, samples: Any) -> tuple[DictionaryState, Space, Any]:
        """Samples as the dictionary sees them."""
        state = self._known(method)
        space, y = rows_of(
            f"{_NAME}.{method}", samples, self._stream.mean, state.iterate, check_finite=False
        )
        return state, space, y @ state.precondition if state.options.preconditioned else y

    def _known(self, method: str) -> DictionaryState:
        if self._stream.state is None:
            raise ValueError(
                f"{_NAME}.{method}: expected a stream that has learned from a mini-batch, got none;"
                " call partial_fit or fit"
            )
        return self._stream.state
