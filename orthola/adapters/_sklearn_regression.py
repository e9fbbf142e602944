"""`OrthogonalMatchingPursuit`, the regression of that name in scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import omp
from ._sklearn_limits import most_atoms, relative_tolerance, row_norms

__all__ = ["OrthogonalMatchingPursuit"]

FLOATS = (np.float64, np.float32)


class OrthogonalMatchingPursuit(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""Sparse linear regression; takes the place of scikit-learn's estimator of that name.

    Parameters
    ----------
    n_nonzero_coefs : int, optional
        Non-zero coefficients at most, for each target. Above min(n_samples, n_features) it is
        clipped, with a warning. Default: with `tol`, as many as that; else a tenth of
        ``n_features``, one at least.
    tol : float, optional
        Stop where the squared norm of the residual is not above this. If both limits are given,
        both hold.
    fit_intercept : bool, optional
        Take the means off before, and give them to `intercept_`.
    precompute : bool or "auto", optional
        True: use ``X.T @ X``. Otherwise it is used where it pays.

    Attributes
    ----------
    coef_ : array (n_features,) or (n_targets, n_features)
        Coefficients, in the dtype of the data.
    intercept_ : float or array (n_targets,)
        What is added; 0.0 without `fit_intercept`.
    n_iter_ : int or array (n_targets,)
        Number of non-zero coefficients.
    n_nonzero_coefs_ : int or None
        The count in force; None where `tol` alone ends the pursuit.
    status_ : int or array (n_targets,)
        How each pursuit ended, see `orthola.Status`: ``OK``, ``EXHAUSTED`` (nothing is left to
        explain, or to explain it with), ``TOLERANCE_NOT_MET`` (`tol` needs more coefficients).
    n_features_in_ : int
        Number of features.
    feature_names_in_ : array (n_features,) of str
        Their names, where the data had any.

    Notes
    -----
    Targets keep their axis: for `y` of shape (n_samples, 1), `coef_` is (1, n_features) and
    `predict` returns (n_samples, 1). Complex data are refused, as everywhere in scikit-learn; see
    `orthogonal_mp` and `orthola.omp`. Cost and accuracy are those of `orthola.omp`; its threads
    take the place of ``n_jobs``.

    References
    ----------
    Y. C. Pati, R. Rezaiifar, P. S. Krishnaprasad, doi:10.1109/ACSSC.1993.342465.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.adapters.sklearn import OrthogonalMatchingPursuit
    >>> X = np.random.default_rng(0).standard_normal((30, 20))
    >>> model = OrthogonalMatchingPursuit(n_nonzero_coefs=2).fit(X, 3 * X[:, 4] - X[:, 7] + 5)
    >>> np.flatnonzero(model.coef_), round(float(model.intercept_), 12)
    (array([4, 7]), 5.0)
    """

    def __init__(
        self,
        *,
        n_nonzero_coefs: int | None = None,
        tol: float | None = None,
        fit_intercept: bool = True,
        precompute: bool | str = "auto",
    ) -> None:
        self.n_nonzero_coefs = n_nonzero_coefs
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.precompute = precompute

    def fit(self, X: Any, y: Any) -> OrthogonalMatchingPursuit:
        """Find the coefficients.

        Parameters
        ----------
        X : array (n_samples, n_features)
            Data; float32 is kept, anything else becomes float64.
        y : array (n_samples,) or (n_samples, n_targets)
            Targets, taken in the dtype of `X`.

        Returns
        -------
        OrthogonalMatchingPursuit
            This estimator.

        Raises
        ------
        TypeError, ValueError
            On what scikit-learn refuses as data, and on limits out of range.
        """
        function = type(self).__name__
        if self.precompute not in (True, False, "auto"):
            raise ValueError(
                f"{function}: expected precompute to be True, False or 'auto', got "
                f"{self.precompute!r}"
            )
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=FLOATS)
        y = y.astype(X.dtype, copy=False)
        single = y.ndim == 1
        atoms, signals = X.T, y[None] if single else y.T
        if self.fit_intercept:
            (atoms, offset), (signals, level) = _centred(atoms), _centred(signals)
        most = most_atoms(
            function, "n_nonzero_coefs", self.n_nonzero_coefs, self.tol,
            default=max(len(atoms) // 10, 1), largest=min(X.shape),
        )  # fmt: skip
        found = omp(
            signals,
            atoms,
            n_nonzero=most,
            tol=relative_tolerance(function, "tol", self.tol, row_norms(signals)),
            gram=atoms @ atoms.T if self.precompute is True else None,
        )
        coef = found.to_csr(len(atoms)).toarray()
        self.coef_ = coef[0] if single else coef
        self.intercept_: Any = 0.0
        if self.fit_intercept:
            constant = level - coef @ offset
            self.intercept_ = constant[0] if single else constant
        self.n_iter_ = int(found.n_active[0]) if single else found.n_active
        self.status_ = int(found.status[0]) if single else found.status
        alone = self.n_nonzero_coefs is None and self.tol is not None
        self.n_nonzero_coefs_ = None if alone else most
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """What the model says.

        Parameters
        ----------
        X : array or sparse matrix (n_samples, n_features)
            Data.

        Returns
        -------
        array (n_samples,) or (n_samples, n_targets)
            ``X @ coef_.T + intercept_``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=True, reset=False, dtype=FLOATS)
        found: NDArray[Any] = X @ self.coef_.T + self.intercept_
        return found


def _centred(rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows without their means, and the means; the second pass is for the rounding of the first."""
    first = np.mean(rows, axis=1)
    rows = rows - first[:, None]
    second = np.mean(rows, axis=1)
    rows -= second[:, None]
    return rows, first + second
