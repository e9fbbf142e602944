"""What a stream of samples leaves behind: four n x n matrices and a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._core.pytree import register_static
from .._core.space import Space
from .schedules import Steps

__all__ = ["DictionaryOptions", "DictionaryState", "counter_dtype", "started"]


@dataclass(frozen=True, slots=True)
class DictionaryOptions:
    """The static part of a state: part of its structure when libraries transform it."""

    p: float
    steps: Steps
    window: float | None
    warmup: int  # rows that are averaged at the start before the first step
    preconditioned: bool


register_static(DictionaryOptions)


class DictionaryState(NamedTuple):
    """State of `dictionary_update`: arrays and static options; a pytree.

    Sums are over samples divided by `scale`: ``gradient`` and ``objective`` in units of
    ``scale**p``, ``cross`` and ``energy`` of ``scale**2``, ``noise`` of ``scale``; ``record``
    has averages of ``|c|`` and ``|c|**p``.
    """

    iterate: Any  # A (..., n, n), in the ball of spectral norm 1
    gradient: Any  # Z (..., n, n), averaged |c|^(p-2) c^H y
    cross: Any  # P (..., n, n), averaged h^H y for thresholded codes h
    refined: Any  # R (..., n, n), atoms that the codes h are of
    record: Any  # (..., 4, n) what tells which atoms of R are better than those of A
    noise: Any  # (...) scale of the small codes
    objective: Any  # (...) averaged sum |c|^p of a row
    energy: Any  # (...) averaged squared norm of a row
    precondition: Any  # (..., n, n), rows are multiplied by it; the identity if there is none
    scale: Any  # (...) power of two; 0 before the first row that is not zero
    step: Any  # (...) integer, steps taken
    n_samples: Any  # (...) integer, rows seen
    n_skipped: Any  # (...) integer, rows with NaN or infinity among them that were left out
    options: DictionaryOptions  # static: p, schedule, window, warm-up


def counter_dtype(space: Space) -> Any:
    """int64 wherever the library has it: a float32 counter would stop at 2^24."""
    whole = space.xp.__array_namespace_info__().dtypes(kind="signed integer")
    return whole.get("int64", whole["int32"])


def started(
    space: Space, options: DictionaryOptions, iterate: Any, precondition: Any
) -> DictionaryState:
    """The state before the first sample."""
    xp, device = space.xp, space.device
    batch = tuple(iterate.shape[:-2])
    zero = xp.zeros(batch, dtype=space.real_dtype, device=device)
    none = xp.zeros(batch, dtype=counter_dtype(space), device=device)
    empty = xp.zeros_like(iterate)
    record = xp.zeros((*batch, 4, iterate.shape[-1]), dtype=space.real_dtype, device=device)
    return DictionaryState(
        iterate,
        empty,
        empty,
        iterate,
        record,
        zero,
        zero,
        zero,
        precondition,
        zero,
        none,
        none,
        none,
        options,
    )
