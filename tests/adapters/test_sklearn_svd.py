"""Principal components and truncated SVD for scikit-learn, in batches of any size."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import orthola
from orthola.testing import gaussian

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import scipy.sparse
import sklearn
from sklearn import decomposition
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from orthola.adapters.sklearn import IncrementalPCA, IncrementalSVD, TruncatedSVD

C = 200.0  # of n eps


@parametrize_with_checks(
    [
        IncrementalSVD(),
        IncrementalSVD(n_components=1, center=True, whiten=True, batch_size=4),
        IncrementalSVD(n_components=2, tol=0.1, center=True),
        IncrementalPCA(),
        TruncatedSVD(),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def rows(n=300, d=12, rng=0, dtype="float64"):
    """Separated variances about a mean that is not zero."""
    x = gaussian(n, d, rng=rng) * np.geomspace(5.0, 0.2, d) + np.arange(d)
    return x.astype(dtype)


def assert_near(found, expected, c=C):
    expected = np.asarray(expected)
    scale = max(float(np.max(np.abs(expected), initial=0.0)), 1e-300)
    eps = np.finfo(np.asarray(found).dtype).eps
    np.testing.assert_allclose(found, expected, rtol=0, atol=c * 300 * eps * scale)


def assert_same(found, expected, *more):
    names = ("components_", "singular_values_", "explained_variance_", "mean_", "var_")
    for name in (*names, "explained_variance_ratio_", *more):
        if hasattr(expected, name):
            assert_near(getattr(found, name), getattr(expected, name))


# The same as what scikit-learn does with all rows at once


@pytest.mark.parametrize("batch", [None, 1, 7, 300])
def test_principal_components_equal_those_of_all_rows(batch):
    x = rows()
    whole = decomposition.PCA(4, svd_solver="full").fit(x)
    pca = IncrementalPCA(4, batch_size=batch).fit(x)
    assert_same(pca, whole)
    assert pca.noise_variance_ == pytest.approx(whole.noise_variance_)
    assert pca.n_components_ == 4
    assert pca.n_samples_seen_ == 300
    assert pca.batch_size_ == (batch or 60)
    assert_near(pca.var_, x.var(axis=0))
    assert_near(pca.transform(x), whole.transform(x))
    assert_near(
        pca.inverse_transform(pca.transform(x)), whole.inverse_transform(whole.transform(x))
    )
    assert_near(pca.get_covariance(), whole.get_covariance())
    assert_near(pca.get_precision(), whole.get_precision())
    assert_near(pca.score_samples(x), whole.score_samples(x))
    assert pca.score(x) == pytest.approx(whole.score(x))


def test_scikit_learns_incremental_components_are_replaced_by_better_ones():
    x = rows(d=40)
    theirs = decomposition.IncrementalPCA(5, batch_size=50).fit(x)
    ours = IncrementalPCA(5, batch_size=50).fit(x)
    for name in ("mean_", "var_"):
        assert_near(getattr(ours, name), getattr(theirs, name))
    truth = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)[:5]
    assert_near(ours.singular_values_, truth)
    assert np.max(np.abs(theirs.singular_values_ - truth)) > 1e-6


def test_noise_counts_everything_that_was_discarded():
    x = gaussian(2000, 50, rng=0)
    pca = IncrementalSVD(5, center=True, batch_size=100, engine="brand", oversample=2).fit(x)
    whole = decomposition.PCA(5, svd_solver="full").fit(x)
    assert pca.noise_variance_ == pytest.approx(whole.noise_variance_, rel=0.02)
    assert decomposition.IncrementalPCA(5, batch_size=100).fit(x).noise_variance_ < 0.5


def test_whitened_columns_have_variance_one():
    x = rows()
    pca = IncrementalPCA(4, whiten=True).fit(x)
    whole = decomposition.PCA(4, whiten=True, svd_solver="full").fit(x)
    assert_near(pca.transform(x), whole.transform(x))
    assert_near(np.var(pca.transform(x), axis=0, ddof=1), np.ones(4))
    assert_near(
        pca.inverse_transform(pca.transform(x)), whole.inverse_transform(whole.transform(x))
    )
    assert_near(
        pca.get_covariance(), decomposition.PCA(4, svd_solver="full").fit(x).get_covariance()
    )


@pytest.mark.parametrize("sparse", [False, True])
def test_truncated_svd_equals_scikit_learns(sparse):
    x = rows(d=60) * (gaussian(300, 60, rng=1) > 1.0)
    given = scipy.sparse.csr_array(x) if sparse else x
    theirs = decomposition.TruncatedSVD(3, algorithm="arpack").fit(given)
    ours = TruncatedSVD(3).fit(given)
    assert_same(ours, theirs)
    assert_near(ours.transform(given), theirs.transform(given))
    assert_near(TruncatedSVD(3).fit_transform(given), theirs.transform(given))
    assert_near(np.var(ours.transform(given), axis=0), ours.explained_variance_)
    hints = {"algorithm": "randomized", "n_iter": 2, "n_oversamples": 20, "tol": 0.1}
    assert_near(TruncatedSVD(3, random_state=1, **hints).fit(given).components_, theirs.components_)
    for name in ("get_covariance", "get_precision", "score_samples", "score"):
        assert not hasattr(ours, name)  # without a mean there is no model


# Batches


@pytest.mark.parametrize("center", [False, True])
def test_batches_of_any_size_will_do(center):
    x = rows(100)
    whole = IncrementalSVD(4, center=center).fit(x)
    parts = IncrementalSVD(4, center=center)
    for start, stop in ((0, 1), (1, 3), (3, 37), (37, 100)):
        parts.partial_fit(x[start:stop])
        assert len(parts.components_) == min(stop, 4)
        assert parts.transform(x).shape == (100, min(stop, 4))
    assert_same(parts, whole)
    assert_same(parts.fit(x[:50]), IncrementalSVD(4, center=center).fit(x[:50]))  # starts afresh


def test_sparse_rows_equal_dense_ones():
    x = rows(d=20) * (gaussian(300, 20, rng=1) > 0.5)
    weights = np.arange(300) % 4 * 1.0
    for center in (False, True):
        dense = IncrementalSVD(4, center=center).fit(x, sample_weight=weights)
        for form in (scipy.sparse.csr_matrix, scipy.sparse.csc_array):
            sparse = IncrementalSVD(4, center=center).fit(form(x), sample_weight=weights)
            assert_same(sparse, dense)
            assert_near(sparse.transform(form(x)), dense.transform(x))
            assert sparse.noise_variance_ == pytest.approx(dense.noise_variance_)


def test_merged_estimators_have_seen_all_rows():
    x = rows()
    whole = IncrementalPCA(4).fit(x)
    one, two = IncrementalPCA(4).fit(x[:100]), IncrementalPCA(4).fit(x[100:])
    before = two.transform(x)
    assert_same(one.merge(two), whole, "noise_variance_")
    np.testing.assert_array_equal(two.transform(x), before)
    assert one.n_samples_seen_ == 300
    with pytest.raises(ValueError, match="different samples"):
        one.merge(two)
    with pytest.raises(ValueError, match="expected a stream with"):
        one.merge(IncrementalPCA(3).fit(x))
    with pytest.raises(NotFittedError):
        one.merge(IncrementalPCA(4))


def test_rows_can_be_taken_out_again():
    x = rows()
    svd = IncrementalSVD(12, center=True).fit(x).downdate(x[:100])
    assert_same(svd, IncrementalSVD(12, center=True).fit(x[100:]))


def test_weights_are_repetitions():
    x = rows(60)
    weights = np.arange(60) % 3
    repeated = np.repeat(x, weights, axis=0)
    for center in (False, True):
        svd = IncrementalSVD(4, center=center, batch_size=25).fit(x, sample_weight=weights)
        assert_same(svd, IncrementalSVD(4, center=center).fit(repeated))
    for bad in (-weights, weights[:-1], 0 * weights):
        with pytest.raises(ValueError, match="sample_weight"):
            IncrementalSVD(4).fit(x, sample_weight=bad)


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_forgotten_rows_weigh_less(form):
    x = rows(90)
    svd = IncrementalSVD(12, center=True, forget=0.5)
    for batch in (x[:40], x[40:50], x[50:]):
        svd.partial_fit(form(batch))
    weights = np.repeat([0.25, 0.5, 1.0], [40, 10, 40])
    assert_same(svd, IncrementalSVD(12, center=True).fit(x, sample_weight=weights))


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_a_window_has_the_last_batches_alone(form):
    x = rows(90)
    svd = IncrementalSVD(12, center=True, window=2)
    for batch in np.split(x, 9):
        svd.partial_fit(form(batch))
    assert_same(svd, IncrementalSVD(12, center=True).fit(x[70:]))
    assert svd.n_samples_seen_ == 90


def test_missing_entries_are_put_in_and_told():
    x = rows(200)
    x[50:, :3][gaussian(150, 3, rng=2) > 1.0] = np.nan
    svd = IncrementalSVD(3, center=True, missing="mean", batch_size=50).fit(x)
    assert svd.status_ == orthola.Status.UNCERTIFIED
    assert_near(svd.var_, np.nanvar(x, axis=0))
    filled = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    overlap = svd.components_ @ IncrementalPCA(3).fit(filled).components_.T
    assert np.min(np.linalg.svd(overlap, compute_uv=False)) > 0.99
    with pytest.raises(ValueError, match="NaN"):
        IncrementalSVD(3).fit(x)


def test_a_tolerance_finds_the_number_of_components():
    x = gaussian(200, 6, rng=0) @ gaussian(6, 80, rng=1) + 1e-3 * gaussian(200, 80, rng=2)
    svd = IncrementalSVD(tol=0.01).fit(x)
    assert svd.n_components_ == len(svd.components_) == 6
    rest = x - svd.inverse_transform(svd.transform(x))
    assert np.linalg.norm(rest) <= 0.01 * np.linalg.norm(x)
    assert IncrementalSVD(4, tol=0.01).fit(x).status_ == orthola.Status.RANK_CAPPED


# Accuracy


def test_certificates_hold_for_a_discarding_engine():
    x = gaussian(400, 300, rng=0) * np.geomspace(1.0, 1e-2, 300)
    svd = IncrementalSVD(5, center=True, batch_size=40).fit(x)
    truth = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    low, high = svd.certificate_.sigma_interval.T
    assert (low <= truth[: len(low)]).all()
    assert (truth[: len(high)] <= high).all()
    assert svd.certificate_.optimum_interval[0] <= np.linalg.norm(truth[5:])
    assert np.linalg.norm(truth[5:]) <= svd.certificate_.error[1]
    assert svd.state_.factor.shape == (300, svd.config_.capacity)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_large_mean_does_no_harm(dtype):
    x = rows(d=5).astype(dtype) + np.asarray(1e4, dtype)
    whole = decomposition.PCA(2, svd_solver="full").fit(x.astype(np.float64))
    pca = IncrementalPCA(2, batch_size=20).fit(x)
    assert pca.components_.dtype == pca.var_.dtype == pca.explained_variance_.dtype == dtype
    # The mean itself is rounded where rows are.
    c = C * (1e4 if dtype == "float64" else 1.0)
    for name in ("singular_values_", "explained_variance_", "components_", "mean_"):
        assert_near(getattr(pca, name), getattr(whole, name), c)
    assert_near(pca.var_, x.astype(np.float64).var(axis=0), c)


def test_dtype_kept():
    x = rows(dtype="float32")
    pca = IncrementalPCA(3).fit(x)
    assert pca.transform(x).dtype == pca.inverse_transform(pca.transform(x)).dtype == np.float32
    assert pca.partial_fit(x.astype(np.float64)).components_.dtype == np.float32
    truth = np.linalg.svd(np.tile(x - x.mean(axis=0), (2, 1)).astype(np.float64), compute_uv=False)
    assert_near(pca.singular_values_, truth[:3], 10)


def test_data_without_any_variance():
    x = np.full((10, 4), 3.0)
    pca = IncrementalPCA(2, whiten=True).fit(x)
    assert pca.components_.shape == (2, 4)
    assert not pca.transform(x).any()
    assert not pca.explained_variance_ratio_.any()
    assert pca.noise_variance_ == 0.0
    with pytest.raises(ValueError, match="there is no precision"):
        pca.get_precision()


# Life in scikit-learn


def test_estimators_are_pickled_cloned_and_chained():
    x = rows()
    svd = IncrementalSVD(3, center=True, whiten=True).fit(x[:100])
    again = pickle.loads(pickle.dumps(svd))
    np.testing.assert_array_equal(again.transform(x), svd.transform(x))
    np.testing.assert_array_equal(
        again.partial_fit(x[100:]).components_, svd.partial_fit(x[100:]).components_
    )
    fresh = sklearn.clone(svd)
    assert fresh.get_params() == svd.get_params()
    assert not hasattr(fresh, "components_")
    with pytest.raises(NotFittedError):
        fresh.transform(x)
    with sklearn.config_context(enable_metadata_routing=True):
        chain = make_pipeline(
            StandardScaler(), IncrementalPCA(3).set_fit_request(sample_weight=True)
        )
        assert chain.fit(x).transform(x).shape == (300, 3)
    assert list(svd.set_output(transform="default").get_feature_names_out()) == [
        "incrementalsvd0", "incrementalsvd1", "incrementalsvd2",
    ]  # fmt: skip


def test_inputs_are_left_as_they_are():
    x = rows()
    kept = x.copy()
    x.flags.writeable = False
    IncrementalPCA(3, copy=False).fit(x).transform(x)
    IncrementalSVD(3).fit(np.asfortranarray(x)[::-1]).partial_fit(x[::2])
    np.testing.assert_array_equal(x, kept)


def test_wrong_options_are_refused():
    x = rows()
    with pytest.raises(ValueError, match="n_components <= n_features = 12, got 13"):
        IncrementalPCA(13).fit(x)
    with pytest.raises(ValueError, match="batch_size"):
        IncrementalPCA(batch_size=0).fit(x)
    with pytest.raises(ValueError, match="engine"):
        IncrementalSVD(engine="fast").fit(x)
    with pytest.raises(ValueError, match=r"Complex data not supported.*orthola.svd_update"):
        IncrementalSVD().fit(x * 1j)
