"""`OrthogonalDictionary`: online orthogonal dictionary learning as a scikit-learn transformer."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import OnlineOrthogonalDictionary

__all__ = ["OrthogonalDictionary"]

Array = np.ndarray[Any, Any]

_DTYPES = ["float64", "float32"]


class OrthogonalDictionary(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Orthogonal dictionary in which samples have sparse codes, learned in one pass.

    ``X ~ codes @ components_`` with orthonormal rows ``components_`` and codes with few entries.
    No sample is kept: memory is a few ``n_features x n_features`` matrices however long the
    stream. Features are not centred.

    Parameters
    ----------
    n_nonzero_coefs : int, optional
        Number of entries of each code: the largest ones, the best possible choice for orthonormal
        atoms. By default codes are cut at `threshold`.
    threshold : float, optional
        Entries of smaller magnitude become 0; default: 2.5 times the scale of the noise found in
        the samples, `noise_`. Of no effect with `n_nonzero_coefs`.
    kind : {"hard", "soft"}, default="hard"
        What the threshold does with larger entries: keep them, or shrink them by the threshold.
    p : float, default=3
        Power, 2 < p <= 4, of the objective ``sum |codes|^p`` that the atoms maximise.
    schedule : {"default", "theory", "published", "sfw"}, default="default"
        Step sizes of the Frank-Wolfe method.
    window : float, optional
        Number of mini-batches after which the past is forgotten, for atoms that drift.
    batch_size : int, optional
        Rows of a mini-batch. Default: in `fit` half the number of features, 10 at least and 256 at
        most; in `partial_fit` each call is one mini-batch. Otherwise rows wait for a full one.
    max_iter : int, default=1
        Passes over the data in `fit`.
    shuffle : bool, default=True
        Whether `fit` takes the rows in random order; recommended, because later mini-batches
        weigh less.
    init : array-like of shape (n_features, n_features), optional
        First dictionary; default: a random orthogonal matrix.
    precondition : "estimate" or array-like of shape (n_features, n_features), optional
        For atoms that are complete but not orthogonal, see `orthola.OnlineOrthogonalDictionary`.
    refine : bool, default=True
        Whether the atoms are those of the thresholded average, which has less sampling error.
    random_state : int, RandomState instance or None, default=None
        Of the first dictionary and the order of the rows.

    Attributes
    ----------
    components_ : ndarray of shape (n_features, n_features)
        Atoms, orthonormal rows, in the dtype of the samples.
    atoms_ : ndarray of shape (n_features, n_features)
        The same, or with `precondition` the atoms of the samples themselves.
    noise_ : float
        Scale of the noise in the codes.
    gap_ : float
        Frank-Wolfe gap, 0 at a stationary point.
    n_iter_ : int
        Passes of `fit`, or calls of `partial_fit` since.
    n_steps_ : int
        Mini-batches seen.
    n_samples_seen_ : int
        Rows seen.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the samples had any.

    See Also
    --------
    orthola.OnlineOrthogonalDictionary : The same for every array library, with save and merge.
    orthola.orthogonal_dictionary : From samples that are all at hand, more accurate.

    Notes
    -----
    Fewer than ``n_features`` rows teach nothing yet: the atoms are those of the start until so
    many came.

    **Cost** of a mini-batch of b rows: about 4 b n^2 multiply-adds and one polar factor of order n.

    References
    ----------
    Y. Xue, V. K. N. Lau, arXiv:2103.01484.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> from orthola.adapters.sklearn import OrthogonalDictionary
    >>> rng = np.random.default_rng(0)
    >>> codes = rng.standard_normal((5000, 8)) * (rng.random((5000, 8)) < 0.2)
    >>> atoms = orthola.haar(8, rng=1)
    >>> model = OrthogonalDictionary(n_nonzero_coefs=3, batch_size=50, random_state=0)
    >>> learned = model.fit(codes @ atoms).components_
    >>> bool(np.all(np.max(np.abs(learned @ atoms.T), axis=1) > 0.99))
    True
    """

    _parameter_constraints = {  # noqa: RUF012 (scikit-learn reads it from the class)
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
        "threshold": [Interval(Real, 0, None, closed="left"), None],
        "kind": [StrOptions({"hard", "soft"})],
        "p": [Interval(Real, 2, 4, closed="right")],
        "schedule": [StrOptions({"default", "theory", "published", "sfw"})],
        "window": [Interval(Real, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "init": ["array-like", None],
        "precondition": [StrOptions({"estimate"}), "array-like", None],
        "refine": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_nonzero_coefs: int | None = None,
        threshold: float | None = None,
        kind: str = "hard",
        p: float = 3,
        schedule: str = "default",
        window: float | None = None,
        batch_size: int | None = None,
        max_iter: int = 1,
        shuffle: bool = True,
        init: Any = None,
        precondition: Any = None,
        refine: bool = True,
        random_state: Any = None,
    ) -> None:
        self.n_nonzero_coefs = n_nonzero_coefs
        self.threshold = threshold
        self.kind = kind
        self.p = p
        self.schedule = schedule
        self.window = window
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.init = init
        self.precondition = precondition
        self.refine = refine
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> OrthogonalDictionary:
        """Learn from all rows, starting anew.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, float32 or float64; other numbers become float64.
        y : ignored

        Returns
        -------
        OrthogonalDictionary
        """
        self._validate_params()
        samples = validate_data(self, X, dtype=_DTYPES)
        random = check_random_state(self.random_state)
        self._model = self._made(samples, random)
        self._model.fit(
            samples[random.permutation(len(samples))] if self.shuffle else samples
            for _ in range(self.max_iter)
        )
        self.n_iter_ = int(self.max_iter)
        return self._finish()

    def partial_fit(self, X: Any, y: Any = None) -> OrthogonalDictionary:
        """Learn from more rows, in their order.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, in the dtype of the first ones.
        y : ignored

        Returns
        -------
        OrthogonalDictionary
        """
        self._validate_params()
        first = not hasattr(self, "components_")
        dtype = _DTYPES if first else self.components_.dtype
        samples = validate_data(self, X, dtype=dtype, reset=first)
        if first:
            self._model = self._made(samples, check_random_state(self.random_state))
            self.n_iter_ = 0
        self._model.partial_fit(samples)
        if self._model.state is None:
            self._model.flush()
        self.n_iter_ += 1
        return self._finish()

    def transform(self, X: Any) -> Array:
        """Sparse codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Codes, zero but for `n_nonzero_coefs` entries a row, or for those above the threshold.
        """
        check_is_fitted(self)
        samples = validate_data(self, X, dtype=self.components_.dtype, reset=False)
        keep = self.n_nonzero_coefs
        cut = {"threshold": self.threshold, "kind": self.kind} if keep is None else {"keep": keep}
        codes: Array = self._model.transform(samples, **cut)
        return codes

    def inverse_transform(self, X: Any) -> Array:
        """Samples of given codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Codes.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            ``X @ atoms_``.
        """
        check_is_fitted(self)
        restored: Array = self._model.inverse_transform(np.asarray(X, dtype=self.components_.dtype))
        return restored

    def score(self, X: Any, y: Any = None) -> float:
        """Share of the squared norm of samples that their codes keep.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : ignored

        Returns
        -------
        float
            ``1 - ||X - inverse_transform(transform(X))||^2 / ||X||^2``; 1 where X is zero.
        """
        check_is_fitted(self)
        samples = validate_data(self, X, dtype=self.components_.dtype, reset=False)
        lost = float(np.linalg.norm(samples - self.inverse_transform(self.transform(X))))
        size = float(np.linalg.norm(samples))
        return 1.0 - (lost / size) ** 2 if size else 1.0

    def _made(self, samples: Array, random: Any) -> OnlineOrthogonalDictionary:
        """The learner before the first sample."""

        def matrix(given: Any) -> Any:
            plain = given is None or isinstance(given, str)
            return given if plain else np.asarray(given, dtype=samples.dtype)

        return OnlineOrthogonalDictionary(
            p=self.p, schedule=self.schedule, window=self.window, batch_size=self.batch_size,
            init=matrix(self.init), precondition=matrix(self.precondition), refine=self.refine,
            # One draw, so that the order of the rows comes from the same stream of numbers.
            rng=int(random.randint(2**31 - 1)),
        )  # fmt: skip

    def _finish(self) -> OrthogonalDictionary:
        found = self._model.result()
        self.components_, self.atoms_ = found.dictionary, found.atoms
        self.noise_, self.gap_ = float(found.noise), float(found.gap)
        self.n_steps_, self.n_samples_seen_ = self._model.n_steps_, self._model.n_samples_
        return self

    @property
    def _n_features_out(self) -> int:
        """Read by scikit-learn to name the features that come out."""
        n: int = self.components_.shape[0]
        return n

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = list(_DTYPES)
        return tags
