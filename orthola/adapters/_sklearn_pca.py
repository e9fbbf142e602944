"""`IncrementalPCA` and `TruncatedSVD`, which take the place of those of scikit-learn."""

from __future__ import annotations

from typing import Any

from ._sklearn_batches import Settings
from ._sklearn_svd import IncrementalSVD

__all__ = ["IncrementalPCA", "TruncatedSVD"]


class IncrementalPCA(IncrementalSVD):
    r"""Principal components of rows that come in batches; for scikit-learn's of that name.

    Parameters
    ----------
    n_components : int, optional
        Components. Default: as many as features.
    whiten : bool, optional
        Let transformed columns have variance one.
    copy : bool, optional
        Accepted and without effect: inputs are never written to.
    batch_size : int, optional
        Rows that `fit` takes in at a time. Default: 5 n_features.

    Attributes
    ----------
    components_, singular_values_, explained_variance_, explained_variance_ratio_, mean_, var_
        As in `IncrementalSVD`, and everything else there.

    Notes
    -----
    What differs from scikit-learn: nothing is lost for a small number of features, and what was
    discarded in earlier batches counts in `noise_variance_`. A first batch may be smaller than
    `n_components`, `partial_fit` takes sparse data and weights, and there is a certificate.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.adapters.sklearn import IncrementalPCA
    >>> X = np.random.default_rng(0).standard_normal((100, 6)) * np.arange(1, 7)
    >>> pca = IncrementalPCA(n_components=2, batch_size=10).fit(X)
    >>> centred = X - X.mean(axis=0)
    >>> np.allclose(pca.singular_values_, np.linalg.svd(centred, compute_uv=False)[:2])
    True
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        whiten: bool = False,
        copy: bool = True,
        batch_size: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.copy = copy
        self.batch_size = batch_size

    def _settings(self) -> Settings:
        options = {"rank": self.n_components}
        return Settings(True, bool(self.whiten), None, "raise", self.batch_size, None, options)


class TruncatedSVD(IncrementalSVD):
    r"""Leading singular vectors of a matrix, sparse or not; for scikit-learn's of that name.

    Parameters
    ----------
    n_components : int, optional
        Components.
    algorithm : {"randomized", "arpack"}, optional
        Accepted and without effect: both are answered by an algorithm with a certificate.
    n_iter, n_oversamples : int, optional
        Power steps and further directions where rows are compressed at random first.
    power_iteration_normalizer : str, optional
        Accepted and without effect.
    random_state : int, RandomState or None, optional
        Seed of random draws, where there are any. None is 0.
    tol : float, optional
        Accepted and without effect.

    Attributes
    ----------
    components_, singular_values_, explained_variance_, explained_variance_ratio_
        As in `IncrementalSVD`, and everything else there.

    Examples
    --------
    >>> from scipy.sparse import random_array
    >>> import numpy as np
    >>> from orthola.adapters.sklearn import TruncatedSVD
    >>> X = random_array((200, 50), density=0.05, rng=np.random.default_rng(0), format="csr")
    >>> svd = TruncatedSVD(n_components=5).fit(X)
    >>> np.allclose(svd.singular_values_, np.linalg.svd(X.toarray(), compute_uv=False)[:5])
    True
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        algorithm: str = "randomized",
        n_iter: int = 5,
        n_oversamples: int = 10,
        power_iteration_normalizer: str = "auto",
        random_state: Any = None,
        tol: float = 0.0,
    ) -> None:
        self.n_components = n_components
        self.algorithm = algorithm
        self.n_iter = n_iter
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state
        self.tol = tol

    def _settings(self) -> Settings:
        options = {
            "rank": self.n_components,
            "oversample": self.n_oversamples,
            "power": self.n_iter,
        }
        return Settings(False, False, None, "raise", None, self.random_state, options)
