"""Covariance, precision and likelihood of the Gaussian model behind principal components."""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["GaussianModel"]


def _is_centred(estimator: Any) -> bool:
    return bool(estimator._settings().center)


class GaussianModel:
    """Methods of estimators whose ``_found()`` are `Components`; without a mean there are none."""

    @available_if(_is_centred)
    def get_covariance(self) -> NDArray[Any]:
        """Covariance (n_features, n_features) of the model: components, and noise beyond them."""
        found: NDArray[Any] = _found(self).covariance()
        return found

    @available_if(_is_centred)
    def get_precision(self) -> NDArray[Any]:
        """Inverse of the covariance of the model."""
        found: NDArray[Any] = _found(self).precision()
        return found

    @available_if(_is_centred)
    def score_samples(self, X: Any) -> NDArray[Any]:
        """Log-likelihood (n_samples,) of rows under the model of `get_covariance`."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        found: NDArray[Any] = _found(self).log_likelihood(x.astype(np.float64))
        return found

    @available_if(_is_centred)
    def score(self, X: Any, y: Any = None) -> float:
        """Mean log-likelihood of rows."""
        return float(np.mean(self.score_samples(X)))


def _found(estimator: Any) -> Any:
    return estimator._found()
