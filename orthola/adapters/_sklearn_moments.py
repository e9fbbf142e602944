"""Variances of features over data that come in parts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments", "joined", "moments_of", "nothing", "removed"]


class Moments(NamedTuple):
    """Sums over what was observed of each feature, (d,) each, in float64."""

    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]  # weighted sums of squared deviations from the mean

    @property
    def variance(self) -> NDArray[np.float64]:
        """Of each feature."""
        return self.squares / _some(self.weight)

    def forgotten(self, share: float) -> Moments:
        """With all weights times `share`."""
        return self._replace(weight=self.weight * share, squares=self.squares * share)


def nothing(features: int) -> Moments:
    """Of no data."""
    zero = np.zeros(features)
    return Moments(zero, zero, zero)


def moments_of(x: Any, weights: NDArray[Any] | None) -> Moments:
    """Of the rows of an array, where NaN is not observed, or of a SciPy CSR array."""
    n, d = x.shape
    w = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    if not isinstance(x, np.ndarray):
        return _of_sparse(x.tocsc(), w)
    gaps = np.isnan(x)
    some = bool(gaps.any())
    total = w @ ~gaps if some else np.full(d, np.sum(w))
    mean = (w @ (np.where(gaps, 0, x) if some else x)) / _some(total)
    deviations = x - mean
    if some:
        deviations[gaps] = 0.0
    slip = (w @ deviations) / _some(total)  # the rounding of the mean
    squares = w @ np.square(deviations, out=deviations) - total * slip**2
    return Moments(total, mean + slip, np.maximum(squares, 0.0))


def _of_sparse(x: Any, w: NDArray[np.float64]) -> Moments:
    d = x.shape[1]
    columns, w_stored = np.repeat(np.arange(d), np.diff(x.indptr)), w[x.indices]
    total = np.full(d, np.sum(w))
    mean = np.bincount(columns, w_stored * x.data, d) / _some(total)
    squares = np.bincount(columns, w_stored * (x.data - mean[columns]) ** 2, d)
    # Entries that are not stored deviate by the mean.
    return Moments(total, mean, squares + (total - np.bincount(columns, w_stored, d)) * mean**2)


def joined(one: Moments, two: Moments) -> Moments:
    """Of both sets. Chan, Golub, LeVeque, doi:10.1080/00031305.1983.10483115."""
    total = one.weight + two.weight
    share = two.weight / _some(total)
    gap = two.mean - one.mean
    squares = one.squares + two.squares + one.weight * share * gap**2
    return Moments(total, one.mean + share * gap, squares)


def removed(whole: Moments, part: Moments) -> Moments:
    """Of what `joined` with `part` gives `whole`."""
    left = np.maximum(whole.weight - part.weight, 0.0)
    gap = (part.mean - whole.mean) * whole.weight / _some(left)
    squares = whole.squares - part.squares - part.weight * left / _some(whole.weight) * gap**2
    here = left > 0
    return Moments(
        left, np.where(here, part.mean - gap, 0.0), np.where(here, np.maximum(squares, 0.0), 0.0)
    )


def _some(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """To divide by."""
    return np.where(weight > 0, weight, 1.0)
