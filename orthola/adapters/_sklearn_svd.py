"""`IncrementalSVD` for scikit-learn: principal components and truncated SVD of batches."""

from __future__ import annotations

from typing import Any

from ._sklearn_batches import BatchedSVD, Settings

__all__ = ["IncrementalSVD"]


class IncrementalSVD(BatchedSVD):
    r"""Singular value decomposition of rows that come in batches, with certificates.

    Parameters
    ----------
    n_components : int, optional
        Components, at most n_features. Default: all of them. Together with `tol`, the most.
    tol : float, optional
        Largest error, relative to the norm of all (centred) data: the number of components is then
        found.
    oversample : int or "auto", optional
        Directions kept beyond the components. "auto": max(8, n_components/4), at most 64.
    center : bool, optional
        Take the mean of all rows off: principal components.
    whiten : bool, optional
        Let transformed columns have variance one.
    engine : {"auto", "exact-r", "exact-gram", "brand", "stack", "randomized"}, optional
        How batches are taken in; "auto" loses nothing for small n_features, and keeps
        n_components + oversample directions otherwise.
    batch_size : int, optional
        Rows that `fit` takes in at a time. Default: 5 n_features.
    forget : float, optional
        Weight in (0, 1] that all earlier rows are multiplied by at every batch.
    window : int, optional
        Only the last so many batches count.
    sketch : int or "auto", optional
        Directions of the side sketch of what was discarded, which narrows the certificate.
    missing : {"raise", "mean", "project"}, optional
        What to do with NaN: refuse, or put in the mean or what the components so far say. Numbers
        then describe the completed data.
    copy : bool, optional
        Accepted and without effect: inputs are never written to.
    random_state : int, RandomState or None, optional
        Seed of ``engine="randomized"``, the only one that draws numbers. None is 0.

    Attributes
    ----------
    components_ : array (n_components, n_features)
        Right singular vectors; the entry of largest modulus of each is positive. As long as fewer
        rows have come than components are wanted, there is one for each row. Directions without
        data are zero.
    singular_values_ : array (n_components,)
        Of all (centred) rows so far, descending.
    explained_variance_ : array (n_components,)
        Variance of the transformed columns of all rows so far: s^2/(n - 1) centred, of the
        sample, and ``s^2/n - |mean v|^2`` otherwise.
    explained_variance_ratio_ : array (n_components,)
        Their shares of the total.
    mean_, var_ : array (n_features,)
        Of all rows so far (`var_`: of what was observed); exact.
    noise_variance_ : float
        Mean variance of the other directions; everything that was ever discarded counts.
    n_components_, n_samples_seen_, batch_size_, n_features_in_ : int
        Sizes.
    feature_names_in_ : array (n_features,) of str
        Names, where the data had any.
    state_ : orthola.SVDState
        What is kept of the rows; an `orthola.svd_merge` away from others.
    config_ : orthola.SVDConfig
        Goes with the state.
    certificate_ : orthola.SVDCertificate
        Bounds that hold for every input: of the error, of each singular value, of the best error
        that is possible.
    status_ : int
        See `orthola.Status`.

    Notes
    -----
    Any batch sizes will do, one row as well. Numbers about components are worked out when they are
    asked for. `fit` starts afresh, `partial_fit` goes on. Sparse data are taken in slices of at
    most as many rows as directions are kept. Complex data are refused, as everywhere in
    scikit-learn: use `orthola.svd_update`.

    References
    ----------
    D. A. Ross, J. Lim, R.-S. Lin, M.-H. Yang, doi:10.1007/s11263-007-0075-7.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.adapters.sklearn import IncrementalSVD
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 3)) @ rng.standard_normal((3, 50)) + 7.0
    >>> svd = IncrementalSVD(n_components=3, center=True)
    >>> for batch in np.split(X, 20):
    ...     svd = svd.partial_fit(batch)
    >>> svd.transform(X).shape, round(float(svd.explained_variance_ratio_.sum()), 12)
    ((200, 3), 1.0)
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        tol: float | None = None,
        oversample: int | str = "auto",
        center: bool = False,
        whiten: bool = False,
        engine: str = "auto",
        batch_size: int | None = None,
        forget: float = 1.0,
        window: int | None = None,
        sketch: int | str = "auto",
        missing: str = "raise",
        copy: bool = True,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.oversample = oversample
        self.center = center
        self.whiten = whiten
        self.engine = engine
        self.batch_size = batch_size
        self.forget = forget
        self.window = window
        self.sketch = sketch
        self.missing = missing
        self.copy = copy
        self.random_state = random_state

    def _settings(self) -> Settings:
        options: dict[str, Any] = {
            "oversample": self.oversample,
            "engine": self.engine,
            "forget": self.forget,
            "sketch": self.sketch,
        }
        if self.tol is None:
            options["rank"] = self.n_components
        else:
            options |= {"tol": self.tol, "max_rank": self.n_components}
        return Settings(
            bool(self.center), bool(self.whiten), self.window, self.missing, self.batch_size,
            self.random_state, options,
        )  # fmt: skip
