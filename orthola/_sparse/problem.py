"""The data of one pursuit, and the few accesses by index that all its forms share."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.space import Space

__all__ = ["Problem", "put", "span", "take_entries", "take_rows"]


class Problem(NamedTuple):
    """Everything that a pursuit reads. Signals and atoms are finite and of a size near one."""

    signals: Any  # (B, M)
    dictionary: Any  # (N, M)
    gram: Any  # None or (N, N), <a_i, a_j>
    counts: Any  # (B,) atoms at most
    tolerances: Any  # None or (B,) relative to ||y||
    excluded: Any  # None, bool (N,) or (B, N), or integers (B, e) padded with -1
    weights: Any  # None or (N,) by which |c| is multiplied before it is compared

    def each(self) -> tuple[Any, ...]:
        """What belongs to the signals: the parts that are cut into tiles."""
        per_signal = self.excluded is not None and self.excluded.ndim == 2
        return (
            self.signals, self.counts, self.tolerances, self.excluded if per_signal else None
        )  # fmt: skip

    def only(self, signals: Any, counts: Any, tolerances: Any, excluded: Any) -> Problem:
        """The same for some of the signals."""
        kept = self.excluded if excluded is None else excluded
        return self._replace(signals=signals, counts=counts, tolerances=tolerances, excluded=kept)


def span(t: Any) -> slice:
    """The first t entries; all of them, the others being zero, where t is not known yet."""
    return slice(0, t) if isinstance(t, int) else slice(None)


def put(x: Any, t: Any, value: Any) -> Any:
    """X with x[:, t] = value: in place, except where arrays cannot be written to."""
    at = getattr(x, "at", None)
    if at is not None:
        return at[:, t].set(value)
    x[:, t, ...] = value
    return x


def take_rows(space: Space, x: Any, index: Any) -> Any:
    """Rows x[index] for an index of any shape; -1 takes some row."""
    xp = space.xp
    flat = xp.reshape(xp.maximum(index, xp.zeros_like(index)), (-1,))
    return xp.reshape(xp.take(x, flat, axis=0), (*index.shape, x.shape[1]))


def take_entries(space: Space, x: Any, index: Any) -> Any:
    """Entries x[index] of a vector for an index of any shape; -1 takes some entry."""
    xp = space.xp
    flat = xp.reshape(xp.maximum(index, xp.zeros_like(index)), (-1,))
    return xp.reshape(xp.take(x, flat, axis=0), index.shape)
