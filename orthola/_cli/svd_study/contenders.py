"""Who follows a stream: two engines of orthola, scikit-learn, and a full SVD of everything.

Each is a function of an iterable of blocks and the rank, and finds principal axes: the mean is
taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ... import IncrementalSVD

__all__ = ["CONTENDERS", "Found"]

Array = np.ndarray[Any, Any]


class Found(NamedTuple):
    """What a contender says."""

    axes: Array  # (d, k)
    values: Array  # (k,)
    certified: float = float("nan")  # no error is larger, in the Frobenius norm
    intervals: Array | None = None  # (k, 2) of the singular values


def _streamed(engine: str) -> Callable[[Iterable[Array], int], Found]:
    def follow(blocks: Iterable[Array], rank: int) -> Found:
        stream = IncrementalSVD(rank, center=True, engine=engine)
        for block in blocks:
            stream.partial_fit(block)
        result = stream.result()
        bounds = result.certificate
        return Found(
            result.basis, result.singular_values, float(bounds.error[1]),
            bounds.sigma_interval[:rank],
        )  # fmt: skip

    return follow


def _scikit_learn(blocks: Iterable[Array], rank: int) -> Found:
    from sklearn.decomposition import IncrementalPCA

    model = IncrementalPCA(rank)
    few: list[Array] = []  # it wants as many rows as components at first
    for block in blocks:
        few.append(block)
        if sum(map(len, few)) >= rank:
            model.partial_fit(np.concatenate(few))
            few = []
    return Found(model.components_.T, model.singular_values_)


def _full(blocks: Iterable[Array], rank: int) -> Found:
    rows = np.concatenate(list(blocks))
    _, values, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    return Found(axes[:rank].T, values[:rank])


CONTENDERS: dict[str, Callable[[Iterable[Array], int], Found]] = {
    "exact-r": _streamed("exact-r"),
    "brand": _streamed("brand"),
    "IncrementalPCA": _scikit_learn,
    "full SVD": _full,
}
