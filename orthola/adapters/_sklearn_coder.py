"""Sparse coding against a fixed dictionary, as in ``sklearn.decomposition``: rows are signals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from .. import omp
from .._core import checks
from ._sklearn_limits import most_atoms, numbers, relative_tolerance, row_norms

__all__ = ["PursuitCoder", "sparse_encode"]

FLOATS = (np.float64, np.float32)


def sparse_encode(
    X: Any,
    dictionary: Any,
    *,
    gram: Any = None,
    algorithm: str = "omp",
    n_nonzero_coefs: int | None = None,
    alpha: float | None = None,
    positive: bool = False,
    normalize: bool = False,
    sparse_output: bool = False,
) -> Any:
    """Sparse codes of rows; for `sklearn.decomposition.sparse_encode` with ``algorithm="omp"``.

    Parameters
    ----------
    X : array (n_samples, n_features)
        Signals; real or complex.
    dictionary : array (n_components, n_features)
        Atoms, of any length.
    gram : array (n_components, n_components), optional
        ``dictionary @ dictionary.T`` (the first one conjugated), if it is known.
    algorithm : {"omp", "ols"}, optional
        Next comes the atom most correlated with the residual, or the one that makes the next
        residual smallest.
    n_nonzero_coefs : int, optional
        Atoms at most, for each signal. Above min(n_features, n_components) it is clipped, with a
        warning. Default: with `alpha`, as many as that; else a tenth of ``n_features``, one at
        least.
    alpha : float, optional
        Stop where the squared norm of the residual is not above this. If both limits are given,
        both hold.
    positive : bool, optional
        Only coefficients >= 0. Real data only.
    normalize : bool, optional
        Choose atoms as if they had unit norm; the codes always refer to those given.
    sparse_output : bool, optional
        Return a SciPy CSR array.

    Returns
    -------
    array or scipy.sparse.csr_array (n_samples, n_components)
        Codes, in the dtype of the data.

    Raises
    ------
    TypeError, ValueError
        On shapes that do not match, values that are not finite, and limits out of range.

    Notes
    -----
    scikit-learn says that `alpha` is the tolerance of ``"omp"`` and does not use it; here it is
    used. Threads inside take the place of ``n_jobs``. See `orthola.omp` for cost and accuracy.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.adapters.sklearn import sparse_encode
    >>> dictionary = np.array([[0.6, 0.8, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> sparse_encode(np.array([[3.0, 4.0, 1.0]]), dictionary, n_nonzero_coefs=2)
    array([[5., 0., 1.]])
    """
    function = "sparse_encode"
    checks.one_of(function, "algorithm", algorithm, ("omp", "ols"))
    X, dictionary = numbers(function, "X", X), numbers(function, "dictionary", dictionary)
    if X.ndim != 2 or dictionary.ndim != 2 or X.shape[1] != dictionary.shape[1]:
        raise ValueError(
            f"{function}: expected X of shape (n_samples, n_features) and dictionary of shape "
            f"(n_components, n_features), got {checks.describe(X)} and "
            f"{checks.describe(dictionary)}"
        )
    most = most_atoms(
        function, "n_nonzero_coefs", n_nonzero_coefs, alpha,
        default=max(X.shape[1] // 10, 1), largest=min(dictionary.shape),
    )  # fmt: skip
    found = omp(
        X,
        dictionary,
        n_nonzero=most,
        tol=relative_tolerance(function, "alpha", alpha, row_norms(X)),
        gram=gram,
        normalize=normalize,
        selection=algorithm,
        nonnegative=positive,
    )
    codes = found.to_csr(len(dictionary))
    return codes if sparse_output else codes.toarray()


class PursuitCoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Sparse codes of rows; for `sklearn.decomposition.SparseCoder` by orthogonal matching pursuit.

    Parameters
    ----------
    dictionary : array (n_components, n_features), optional
        Atoms, of any length. Default: the rows given to `fit`, as where classes are told by the
        training samples that represent a new one.
    transform_algorithm : {"omp", "ols"}, optional
        Next comes the atom most correlated with the residual, or the one that makes the next
        residual smallest.
    transform_n_nonzero_coefs : int, optional
        Atoms at most, for each signal. Above min(n_features, n_components) it is clipped, with a
        warning. Default: with `transform_alpha`, as many as that; else a tenth of ``n_features``,
        one at least.
    transform_alpha : float, optional
        Stop where the squared norm of the residual is not above this. If both limits are given,
        both hold.
    split_sign : bool, optional
        Return positive and negative parts side by side.
    positive_code : bool, optional
        Only coefficients >= 0.
    normalize : bool, optional
        Choose atoms as if they had unit norm; the codes always refer to those given.
    sparse_output : bool, optional
        Return SciPy CSR arrays.

    Attributes
    ----------
    components_ : array (n_components, n_features)
        The atoms.
    n_components_ : int
        Their number.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : array (n_features,) of str
        Their names, where the data had any.

    Notes
    -----
    With a `dictionary`, `transform` works before `fit`. Complex data are refused, as everywhere
    in scikit-learn; see `sparse_encode`. Threads inside take the place of ``n_jobs``.

    References
    ----------
    J. Wright et al., doi:10.1109/TPAMI.2008.79 (training samples as atoms).

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.adapters.sklearn import PursuitCoder
    >>> coder = PursuitCoder(np.eye(3), transform_n_nonzero_coefs=1)
    >>> coder.transform([[1.0, -2.0, 0.5]])
    array([[ 0., -2.,  0.]])
    """

    def __init__(
        self,
        dictionary: Any = None,
        *,
        transform_algorithm: str = "omp",
        transform_n_nonzero_coefs: int | None = None,
        transform_alpha: float | None = None,
        split_sign: bool = False,
        positive_code: bool = False,
        normalize: bool = False,
        sparse_output: bool = False,
    ) -> None:
        self.dictionary = dictionary
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.split_sign = split_sign
        self.positive_code = positive_code
        self.normalize = normalize
        self.sparse_output = sparse_output

    def fit(self, X: Any, y: Any = None) -> PursuitCoder:
        """Take the atoms.

        Parameters
        ----------
        X : array (n_samples, n_features)
            The atoms where there is no `dictionary`; else only its features count.
        y : None
            Not used.

        Returns
        -------
        PursuitCoder
            This estimator.
        """
        X = validate_data(self, X, dtype=FLOATS)
        atoms = X if self.dictionary is None else check_array(self.dictionary, dtype=FLOATS)
        if X.shape[1] != atoms.shape[1]:
            raise ValueError(
                f"PursuitCoder: expected data with the {atoms.shape[1]} features of the "
                f"dictionary, got {checks.describe(X)}"
            )
        self.components_ = atoms
        self.n_components_ = len(atoms)
        return self

    def transform(self, X: Any) -> Any:
        """Code signals.

        Parameters
        ----------
        X : array (n_samples, n_features)
            Signals.

        Returns
        -------
        array or scipy.sparse.csr_array (n_samples, n_components)
            Codes, in the dtype of `X`; twice as wide with `split_sign`.
        """
        atoms = self._atoms()
        X = validate_data(self, X, reset=False, dtype=FLOATS)
        code = sparse_encode(
            X,
            atoms.astype(X.dtype, copy=False),
            algorithm=self.transform_algorithm,
            n_nonzero_coefs=self.transform_n_nonzero_coefs,
            alpha=self.transform_alpha,
            positive=self.positive_code,
            normalize=self.normalize,
            sparse_output=self.sparse_output,
        )
        if not self.split_sign:
            return code
        if self.sparse_output:
            from scipy.sparse import hstack

            return hstack([_positive_part(code), _positive_part(-code)], format="csr")
        return np.hstack([np.maximum(code, 0), np.maximum(-code, 0)])

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Signals from codes.

        Parameters
        ----------
        X : array or sparse matrix (n_samples, n_components)
            Codes as from `transform`.

        Returns
        -------
        array (n_samples, n_features)
            ``X @ components_``.
        """
        atoms = self._atoms()
        code = check_array(X, accept_sparse="csr", dtype=FLOATS)
        n = len(atoms)
        if code.shape[1] != (2 * n if self.split_sign else n):
            raise ValueError(
                f"PursuitCoder: expected codes for {n} atoms"
                f"{', positive and negative parts' if self.split_sign else ''}, got "
                f"{checks.describe(code)}"
            )
        if self.split_sign:
            code = code[:, :n] - code[:, n:]
        signals: NDArray[Any] = code @ atoms.astype(code.dtype, copy=False)
        return signals

    def _atoms(self) -> NDArray[Any]:
        if hasattr(self, "components_") or self.dictionary is None:
            check_is_fitted(self)
            fitted: NDArray[Any] = self.components_
            return fitted
        given: NDArray[Any] = check_array(self.dictionary, dtype=FLOATS)
        return given

    @property
    def _n_features_out(self) -> int:
        return (2 if self.split_sign else 1) * self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self.dictionary is None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _positive_part(code: Any) -> Any:
    """Entries above 0 of a CSR array, in its dtype: SciPy's own `maximum` may give another one."""
    part = code.copy()
    part.data = np.maximum(part.data, 0)
    part.eliminate_zeros()
    return part
