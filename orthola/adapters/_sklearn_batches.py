"""What all decompositions of batches for scikit-learn share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from .. import IncrementalSVD as Stream
from .. import SVDCertificate, SVDConfig, SVDState
from .._core import checks
from ._sklearn_components import Components, components_of
from ._sklearn_likelihood import GaussianModel
from ._sklearn_moments import Moments, joined, moments_of, nothing, removed

__all__ = ["BatchedSVD", "Settings"]

FLOATS = (np.float64, np.float32)


def _seed_of(random_state: Any) -> int:
    """A seed for orthola's own draws."""
    if random_state is None:
        return 0
    return int(check_random_state(random_state).randint(2**31 - 1))


class Settings(NamedTuple):
    """What an estimator of this family decides by its parameters."""

    center: bool
    whiten: bool
    window: int | None
    missing: str
    batch_size: int | None
    random_state: Any
    stream: dict[str, Any]  # further options of `orthola.IncrementalSVD`


class _Found:
    """An attribute that is worked out when it is asked for."""

    def __init__(self, field: str) -> None:
        self.field = field

    def __get__(self, estimator: Any, owner: Any = None) -> Any:
        return self if estimator is None else getattr(estimator._found(), self.field)


class BatchedSVD(
    GaussianModel,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
    ABC,
):
    """An `orthola.IncrementalSVD` behind the methods of scikit-learn."""

    n_components: int | None

    components_ = _Found("components")
    singular_values_ = _Found("singular_values")
    explained_variance_ = _Found("explained")
    explained_variance_ratio_ = _Found("ratio")
    mean_ = _Found("mean")
    var_ = _Found("variance")
    noise_variance_ = _Found("noise")

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> BatchedSVD:
        """Forget everything, and take in these rows, `batch_size` at a time.

        Parameters
        ----------
        X : array or sparse matrix (n_samples, n_features)
            Rows; float32 is kept, anything else becomes float64.
        y : None
            Not used.
        sample_weight : array (n_samples,), optional
            Weights >= 0 of the rows.

        Returns
        -------
        self
            This estimator.
        """
        X, weights = self._rows(X, sample_weight, reset=True)
        self._start(X)
        for batch in gen_batches(X.shape[0], self.batch_size_):
            self._take(X[batch], None if weights is None else weights[batch])
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> BatchedSVD:
        """Take in more rows.

        Parameters
        ----------
        X : array or sparse matrix (n_samples, n_features)
            Any number of rows, one at least; taken in the dtype of the first ones.
        y : None
            Not used.
        sample_weight : array (n_samples,), optional
            Weights >= 0 of the rows.

        Returns
        -------
        self
            This estimator.
        """
        first = not self.__sklearn_is_fitted__()
        X, weights = self._rows(X, sample_weight, reset=first)
        if first:
            self._start(X)
        self._take(X, weights)
        return self

    def merge(self, other: BatchedSVD) -> BatchedSVD:
        """Join what another estimator has seen of other rows; the other one is not changed.

        Parameters
        ----------
        other : estimator of this class
            Fitted, with the same options.

        Returns
        -------
        self
            This estimator.

        Raises
        ------
        ValueError
            If options differ, there is a `window`, or rows would count twice.
        """
        check_is_fitted(self)
        check_is_fitted(other)
        self.stream_.merge(other.stream_)
        self._keep(joined(self._moments(), other._moments()))
        self._numbers.clear()
        return self

    def downdate(self, X: Any, sample_weight: Any = None) -> BatchedSVD:
        """Take rows out that were taken in before; a `window` loses no digits by that.

        Parameters
        ----------
        X : array (n_samples, n_features)
            Rows.
        sample_weight : array (n_samples,), optional
            Their weights.

        Returns
        -------
        self
            This estimator; see `certificate_` and `status_`.
        """
        check_is_fitted(self)
        X, weights = self._rows(X, sample_weight, reset=False)
        x = X if isinstance(X, np.ndarray) else X.toarray()
        self.stream_.downdate(x.astype(self._dtype, copy=False), weights)
        self._keep(removed(self._moments(), moments_of(X, weights)))
        self._numbers.clear()
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Coordinates of rows in the components.

        Parameters
        ----------
        X : array or sparse matrix (n_samples, n_features)
            Rows.

        Returns
        -------
        array (n_samples, n_components_)
            ``(X - mean_) @ components_.T``, without the mean if not centred, and divided by the
            standard deviations with `whiten`; a component without variance gives zeros then.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=FLOATS, reset=False)
        found = self._found()
        v = found.components.astype(X.dtype, copy=False).T
        if not self._settings().center:
            coordinates: NDArray[Any] = X @ v
        elif isinstance(X, np.ndarray):
            coordinates = (X - found.mean.astype(X.dtype, copy=False)) @ v
        else:
            coordinates = X @ v - found.mean @ found.components.T
        if self._settings().whiten:
            scale = np.sqrt(found.explained)
            inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
            coordinates = coordinates * inverse
        return coordinates.astype(X.dtype, copy=False)

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Rows from coordinates.

        Parameters
        ----------
        X : array (n_samples, n_components_)
            Coordinates as from `transform`.

        Returns
        -------
        array (n_samples, n_features)
        """
        check_is_fitted(self)
        X = check_array(X, dtype=FLOATS)
        found = self._found()
        if X.shape[1] != len(found.components):
            raise ValueError(
                f"{type(self).__name__}.inverse_transform: expected coordinates along "
                f"{len(found.components)} components, got {checks.describe(X)}"
            )
        if self._settings().whiten:
            X = X * np.sqrt(found.explained)
        rows: NDArray[Any] = X @ found.components
        if self._settings().center:
            rows = rows + found.mean
        return rows.astype(X.dtype, copy=False)

    @property
    def n_components_(self) -> int:
        """Number of components."""
        return len(self.components_)

    @property
    def n_samples_seen_(self) -> int:
        """Rows so far, forgotten ones included."""
        check_is_fitted(self)
        return int(self.stream_.samples_seen)

    @property
    def state_(self) -> SVDState:
        """What is kept of the rows."""
        check_is_fitted(self)
        state = self.stream_.state
        assert state is not None
        return state

    @property
    def config_(self) -> SVDConfig:
        """Options of the state."""
        check_is_fitted(self)
        config = self.stream_.config
        assert config is not None
        return config

    @property
    def certificate_(self) -> SVDCertificate:
        """Bounds that hold for every input."""
        return self._found().result.certificate

    @property
    def status_(self) -> int:
        """See `orthola.Status`."""
        return int(self._found().result.status)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "stream_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._settings().missing != "raise"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @abstractmethod
    def _settings(self) -> Settings:
        """What the parameters of this estimator decide."""

    def _rows(self, x: Any, weights: Any, *, reset: bool) -> tuple[Any, NDArray[Any] | None]:
        if getattr(getattr(x, "dtype", None), "kind", "") == "c":
            raise ValueError(
                f"{type(self).__name__}: Complex data not supported by estimators of scikit-learn; "
                "use orthola.IncrementalSVD or orthola.svd_update"
            )
        x = validate_data(
            self, x, accept_sparse=("csr", "csc"), dtype=FLOATS, reset=reset,
            ensure_all_finite=True if self._settings().missing == "raise" else "allow-nan",
        )  # fmt: skip
        if weights is not None:
            weights = check_array(weights, ensure_2d=False, dtype=np.float64)
            if weights.shape != (x.shape[0],) or np.min(weights) < 0 or not np.any(weights):
                raise ValueError(
                    f"{type(self).__name__}: expected sample_weight of shape ({x.shape[0]},), none "
                    f"negative and not all of them zero, got {checks.describe(weights)}"
                )
        return x if isinstance(x, np.ndarray) else x.tocsr(), weights

    def _start(self, x: Any) -> None:
        name, d = type(self).__name__, x.shape[1]
        k, settings = self.n_components, self._settings()
        if k is not None and checks.count(name, "n_components", k) > d:
            raise ValueError(f"{name}: expected n_components <= n_features = {d}, got {k}")
        size = 5 * d if settings.batch_size is None else settings.batch_size
        self.batch_size_ = checks.count(name, "batch_size", size)
        self.stream_ = Stream(
            center=settings.center,
            window=settings.window,
            missing=settings.missing,
            seed=_seed_of(settings.random_state),
            **settings.stream,
        )
        self._dtype = x.dtype
        self._numbers: list[Components] = []  # worked out once, when asked for
        self._parts: deque[Moments] = deque([nothing(d)], settings.window)

    def _take(self, x: Any, weights: NDArray[Any] | None) -> None:
        x = x.astype(self._dtype, copy=False)
        new, window = moments_of(x, weights), self._settings().window
        self.stream_.partial_fit(x, weights)
        if window is None:
            new = joined(self._parts.pop().forgotten(self._forget()), new)
        self._parts.append(new)
        self._numbers.clear()

    def _forget(self) -> float:
        return float(self._settings().stream.get("forget", 1.0))

    def _keep(self, moments: Moments) -> None:
        self._parts.clear()
        self._parts.append(moments)

    def _moments(self) -> Moments:
        return reduce(joined, self._parts)

    def _found(self) -> Components:
        check_is_fitted(self)
        if not self._numbers:
            state = self.state_
            self._numbers.append(
                components_of(
                    self.stream_.result(),
                    int(state.columns),
                    float(state.count),
                    self._moments().variance,
                    center=self._settings().center,
                    fixed=self.config_.rank is not None,
                )
            )
        return self._numbers[0]
