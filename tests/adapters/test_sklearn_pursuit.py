"""Orthogonal matching pursuit for scikit-learn: where it is right the same, and where it is not."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

from orthola.testing import gaussian

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import sklearn
from scipy.sparse import csr_array
from sklearn import decomposition, linear_model
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from orthola import Status
from orthola.adapters.sklearn import (
    OrthogonalMatchingPursuit,
    PursuitCoder,
    orthogonal_mp,
    orthogonal_mp_gram,
    sparse_encode,
)

C = 100.0  # of n eps, times the condition of the few chosen atoms


@parametrize_with_checks(
    [
        OrthogonalMatchingPursuit(),
        OrthogonalMatchingPursuit(tol=0.1, precompute=True),
        PursuitCoder(),
        PursuitCoder(split_sign=True, transform_alpha=0.1, sparse_output=True),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def unit_atoms(samples, features, rng=0, dtype="float64"):
    x = gaussian(samples, features, dtype=dtype, rng=rng)
    return x / np.linalg.norm(x, axis=0)


def planted(samples=40, features=60, targets=7, terms=4, noise=0.01, rng=0):
    """Atoms in columns, and combinations of a few of them with some noise."""
    x = unit_atoms(samples, features, rng)
    draw = np.random.default_rng(rng + 1)
    w = np.zeros((features, targets))
    for t in range(targets):
        w[draw.choice(features, terms, replace=False), t] = draw.choice([-1, 1], terms) * (
            1 + np.arange(terms)
        )
    return x, x @ w + noise * draw.standard_normal((samples, targets))


def assert_near(found, expected, size=None):
    n = max(expected.shape) if size is None else size
    scale = max(float(np.max(np.abs(expected), initial=0.0)), 1e-300)
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=C * n * np.finfo(found.dtype).eps * scale
    )


# Where scikit-learn is right


@pytest.mark.parametrize("precompute", [True, False, "auto"])
@pytest.mark.parametrize("options", [{"n_nonzero_coefs": 4}, {"tol": 0.05}, {}])
@pytest.mark.parametrize("intercept", [True, False])
def test_regression_equals_scikit_learns(options, precompute, intercept):
    x, y = planted()
    options = {**options, "fit_intercept": intercept}
    ours = OrthogonalMatchingPursuit(precompute=precompute, **options).fit(x, y + 2.0)
    theirs = linear_model.OrthogonalMatchingPursuit(**options).fit(x, y + 2.0)
    assert_near(ours.coef_, theirs.coef_)
    assert_near(np.asarray(ours.intercept_), np.asarray(theirs.intercept_), 100)
    assert_near(ours.predict(x), theirs.predict(x))
    assert list(ours.n_iter_) == list(theirs.n_iter_)
    assert ours.n_nonzero_coefs_ == theirs.n_nonzero_coefs_
    assert ours.score(x, y + 2.0) == pytest.approx(theirs.score(x, y + 2.0))


def test_a_single_target_has_numbers_for_attributes():
    x, y = planted()
    ours = OrthogonalMatchingPursuit(n_nonzero_coefs=4).fit(x, y[:, 0])
    theirs = linear_model.OrthogonalMatchingPursuit(n_nonzero_coefs=4).fit(x, y[:, 0])
    assert_near(ours.coef_, theirs.coef_)
    assert ours.coef_.shape == (60,)
    assert type(ours.n_iter_) is int
    assert ours.n_iter_ == theirs.n_iter_ == 4
    assert ours.status_ == Status.OK
    assert np.ndim(ours.intercept_) == 0
    column = OrthogonalMatchingPursuit(n_nonzero_coefs=4).fit(x, y[:, :1])
    assert column.coef_.shape == (1, 60)
    assert column.predict(x).shape == (40, 1)
    assert_near(column.coef_[0], ours.coef_)


@pytest.mark.parametrize("limit", [{"n_nonzero_coefs": 4}, {"tol": 0.05}, {}])
def test_functions_equal_scikit_learns(limit):
    x, y = planted()
    norms = {"norms_squared": np.sum(y**2, axis=0)} if "tol" in limit else {}
    expected, counts = linear_model.orthogonal_mp(x, y, return_n_iter=True, **limit)
    for precompute in (True, False):
        found, n = orthogonal_mp(x, y, precompute=precompute, return_n_iter=True, **limit)
        assert_near(found, expected)
        assert list(n) == list(counts)
    found, n = orthogonal_mp_gram(x.T @ x, x.T @ y, return_n_iter=True, **limit, **norms)
    assert_near(found, expected)
    assert list(n) == list(counts)
    one = orthogonal_mp(x, y[:, 0], **limit)
    assert_near(one, linear_model.orthogonal_mp(x, y[:, 0], **limit))
    assert one.shape == (60,)
    assert isinstance(orthogonal_mp(x, y[:, 0], return_n_iter=True, **limit)[1], int)


def test_paths_equal_scikit_learns():
    x, y = planted()
    expected = linear_model.orthogonal_mp(x, y, n_nonzero_coefs=5, return_path=True)
    assert expected.shape == (60, 7, 5)
    assert_near(orthogonal_mp(x, y, n_nonzero_coefs=5, return_path=True), expected)
    products = x.T @ x, x.T @ y
    assert_near(orthogonal_mp_gram(*products, n_nonzero_coefs=5, return_path=True), expected)
    single = orthogonal_mp(x, y[:, 0], n_nonzero_coefs=5, return_path=True)
    assert_near(single, expected[:, 0])


def test_codes_equal_scikit_learns():
    x, y = planted()
    dictionary, signals = x.T, y.T
    expected = decomposition.sparse_encode(signals, dictionary, algorithm="omp", n_nonzero_coefs=4)
    gram = dictionary @ dictionary.T
    for options in ({}, {"gram": gram}, {"algorithm": "omp"}):
        assert_near(sparse_encode(signals, dictionary, n_nonzero_coefs=4, **options), expected)
    default = decomposition.sparse_encode(signals, dictionary, algorithm="omp")
    assert_near(sparse_encode(signals, dictionary), default)
    for split in (False, True):
        options = {"transform_n_nonzero_coefs": 4, "split_sign": split}
        theirs = decomposition.SparseCoder(dictionary, **options).fit(signals)
        ours = PursuitCoder(dictionary, **options)
        assert_near(ours.transform(signals), theirs.transform(signals))  # before fit
        code = ours.fit(signals).transform(signals)
        assert_near(code, theirs.transform(signals))
        joined = code[:, : len(dictionary)] - code[:, len(dictionary) :] if split else code
        assert_near(ours.inverse_transform(code), joined @ dictionary)


# Where it is not


def test_correlated_with_residual():
    x, y = np.array([[0.8, 0.0], [0.6, 1.0]]), np.array([1.0, 0.0])
    expected = np.array([1.25, -0.75])
    for precompute in (True, False, "auto"):
        assert_near(orthogonal_mp(x, y, n_nonzero_coefs=2, precompute=precompute), expected)
    assert_near(orthogonal_mp_gram(x.T @ x, x.T @ y, n_nonzero_coefs=2), expected)
    model = OrthogonalMatchingPursuit(n_nonzero_coefs=2, fit_intercept=False).fit(x, y)
    assert_near(model.coef_, expected)


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40, 1e-150, 1e150])
def test_tiny_scales(scale):
    x, y = planted(targets=3)
    expected = orthogonal_mp(x, y, n_nonzero_coefs=4)
    assert_near(orthogonal_mp(x, y * scale, n_nonzero_coefs=4) / scale, expected)
    assert_near(orthogonal_mp(x * scale, y, n_nonzero_coefs=4) * scale, expected)
    assert_near(orthogonal_mp(x * scale, y * scale, n_nonzero_coefs=4), expected)
    model = OrthogonalMatchingPursuit(n_nonzero_coefs=4).fit(x * scale, y * scale)
    assert_near(model.coef_, OrthogonalMatchingPursuit(n_nonzero_coefs=4).fit(x, y).coef_)


def test_dtype_kept():
    x, y = (a.astype(np.float32) for a in planted())
    for options in ({}, {"precompute": True}, {"return_path": True}, {"tol": 0.05}):
        assert orthogonal_mp(x, y, **options).dtype == np.float32
    assert orthogonal_mp_gram(x.T @ x, x.T @ y).dtype == np.float32
    assert sparse_encode(y.T, x.T).dtype == np.float32
    assert sparse_encode(y.T, x.T, sparse_output=True).dtype == np.float32
    coder = PursuitCoder(x.T.astype(np.float64), split_sign=True)
    assert coder.transform(y.T).dtype == np.float32
    model = OrthogonalMatchingPursuit().fit(x, y)
    assert model.coef_.dtype == model.intercept_.dtype == model.predict(x).dtype == np.float32


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_ragged_path(order):
    x = unit_atoms(30, 12)
    y = np.stack([2 * x[:, 3], x[:, [1, 5, 8]] @ [3.0, 2.0, 1.0]], axis=1)[:, order]
    path = orthogonal_mp(x, y, tol=1e-20, return_path=True)
    assert path.shape == (12, 2, 3)
    assert np.isfinite(path).all()
    short, long = order.index(0), order.index(1)
    assert np.flatnonzero(path[:, short, 0]) == [3]
    assert not path[:, short, 1:].any()
    assert [np.count_nonzero(path[:, long, k]) for k in range(3)] == [1, 2, 3]
    assert_near(path[:, long, 2], np.bincount([1, 5, 8], [3.0, 2.0, 1.0], 12))
    model = OrthogonalMatchingPursuit(tol=1e-20, fit_intercept=False).fit(x, y)
    assert list(model.n_iter_) == [1 if k == 0 else 3 for k in order]
    assert model.n_nonzero_coefs_ is None


def test_tol_and_count():
    x, y = planted(noise=1.0)
    found, n = orthogonal_mp(x, y, n_nonzero_coefs=3, tol=1e-12, return_n_iter=True)
    assert (n == 3).all()
    assert_near(found, orthogonal_mp(x, y, n_nonzero_coefs=3))
    model = OrthogonalMatchingPursuit(n_nonzero_coefs=3, tol=1e-12).fit(x, y)
    assert model.n_nonzero_coefs_ == 3
    assert (model.status_ == Status.TOLERANCE_NOT_MET).all()
    assert (np.count_nonzero(sparse_encode(y.T, x.T, n_nonzero_coefs=3, alpha=1e-12), 1) == 3).all()


@pytest.mark.parametrize("tol", [1e-3, 0.5, 30.0])
def test_tol_is_the_squared_norm_of_the_residual(tol):
    x, y = planted(noise=0.05)
    y = y * np.array([1.0, 3.0, 0.1, 1.0, 0.0, 10.0, 1.0])
    path = orthogonal_mp(x, y, n_nonzero_coefs=40, return_path=True)
    squares = np.sum((y[:, :, None] - np.einsum("mn,ntk->mtk", x, path)) ** 2, axis=0)
    before = np.concatenate([np.sum(y**2, axis=0)[:, None], squares], axis=1)
    expected = np.argmax(before <= tol, axis=1)  # the first number of atoms that is enough
    assert (orthogonal_mp(x, y, tol=tol, return_n_iter=True)[1] == expected).all()
    codes = sparse_encode(y.T, x.T, alpha=tol)
    assert (np.count_nonzero(codes, axis=1) == expected).all()
    squared = np.sum(y**2, axis=0)
    products = x.T @ x, x.T @ y
    n = orthogonal_mp_gram(*products, tol=tol, norms_squared=squared, return_n_iter=True)[1]
    assert (n == expected).all()


def test_k_above_atoms():
    x, y = planted(samples=6, features=5, terms=2)
    with pytest.warns(UserWarning, match="n_nonzero_coefs=9 is more than the 5 atoms"):
        found = orthogonal_mp(x, y, n_nonzero_coefs=9)
    assert_near(found, np.linalg.lstsq(x, y, rcond=None)[0])
    with pytest.warns(UserWarning, match="going on with 5"):
        assert_near(orthogonal_mp_gram(x.T @ x, x.T @ y, n_nonzero_coefs=9), found)
    with pytest.warns(UserWarning, match="OrthogonalMatchingPursuit: n_nonzero_coefs=9"):
        model = OrthogonalMatchingPursuit(n_nonzero_coefs=9, fit_intercept=False).fit(x, y)
    assert model.n_nonzero_coefs_ == 5
    assert_near(model.coef_, found.T)
    with pytest.warns(UserWarning, match="going on with 5"):
        assert_near(sparse_encode(y.T, x.T, n_nonzero_coefs=9), found.T)
    wide = planted(samples=5, features=80, terms=2)  # a tenth is not asked for: no warning
    assert OrthogonalMatchingPursuit().fit(*wide).n_nonzero_coefs_ == 5


def test_complex_signals_in_the_functions():
    x = gaussian(20, 12, dtype="complex128", rng=0)
    y = gaussian(20, 2, dtype="complex128", rng=1)
    found = orthogonal_mp(x, y, n_nonzero_coefs=3, precompute=True)
    codes = sparse_encode(y.T, x.T, n_nonzero_coefs=3)
    for t in range(2):
        chosen = np.flatnonzero(found[:, t])
        expected = np.linalg.lstsq(x[:, chosen], y[:, t], rcond=None)[0]
        assert_near(found[chosen, t], expected, 20)
        assert_near(codes[t, chosen], expected, 20)
    with pytest.raises(ValueError, match="Complex data not supported"):
        PursuitCoder(x.T).transform(y.T)
    with pytest.raises(TypeError, match="expected real products"):
        orthogonal_mp_gram(x.conj().T @ x, x.conj().T @ y)


def test_dependent_atoms_in_a_gram_matrix():
    x, y = planted(samples=8, features=20, terms=2, noise=0.0)
    x[:, 4] = x[:, 3]
    x[:, 5] = 0.0
    y = x[:, [0, 3]] @ np.array([[1.0, 2.0], [2.0, 0.5]])
    found = orthogonal_mp_gram(x.T @ x, x.T @ y, n_nonzero_coefs=2)
    expected = np.zeros((20, 2))
    expected[[0, 3]] = [[1.0, 2.0], [2.0, 0.5]]
    assert_near(found, expected)
    assert not orthogonal_mp_gram(np.zeros((3, 3)), np.zeros(3), n_nonzero_coefs=2).any()


def test_inputs_are_left_as_they_are():
    x, y = planted()
    for a in (x, y):
        a.flags.writeable = False
    gram, xy = x.T @ x, x.T @ y
    for a in (gram, xy):
        a.flags.writeable = False
    orthogonal_mp(x, y, copy_X=False)
    orthogonal_mp_gram(gram, xy, copy_Gram=False, copy_Xy=False)
    OrthogonalMatchingPursuit().fit(x, y)
    PursuitCoder(x.T).fit(y.T).transform(y.T)
    backwards = orthogonal_mp(x[:, ::-1], np.asfortranarray(y[:, ::-1]), n_nonzero_coefs=4)
    assert_near(backwards[::-1, ::-1], orthogonal_mp(x, y, n_nonzero_coefs=4))


# The coder


def test_compressed_codes_equal_dense_ones():
    x, y = planted()
    for split in (False, True):
        dense = PursuitCoder(x.T, transform_n_nonzero_coefs=4, split_sign=split).fit(y.T)
        sparse = sklearn.clone(dense).set_params(sparse_output=True).fit(y.T)
        codes = sparse.transform(y.T)
        assert codes.format == "csr"
        assert codes.shape == (7, 120 if split else 60)
        assert codes.nnz == 28
        np.testing.assert_array_equal(codes.toarray(), dense.transform(y.T))
        assert_near(sparse.inverse_transform(codes), dense.inverse_transform(codes.toarray()))
        assert len(sparse.get_feature_names_out()) == codes.shape[1]
    assert sparse_encode(y.T, x.T, sparse_output=True).format == "csr"


def test_training_rows_are_the_atoms_by_default():
    rows = unit_atoms(8, 5).T
    coder = PursuitCoder(transform_n_nonzero_coefs=2).fit(rows)
    assert_near(coder.transform(rows), np.eye(5))
    with pytest.raises(sklearn.exceptions.NotFittedError):
        PursuitCoder().transform(rows)


def test_positive_codes_and_the_other_rules():
    x, y = planted(noise=0.1)
    codes = sparse_encode(y.T, x.T, n_nonzero_coefs=5, positive=True)
    assert (codes >= 0).all()
    assert (np.count_nonzero(codes, axis=1) > 0).all()
    long = x.T * np.where(np.arange(60) == 7, 100.0, 1.0)[:, None]
    usual = sparse_encode(y.T, x.T, n_nonzero_coefs=4)
    scaled = sparse_encode(y.T, long, n_nonzero_coefs=4, normalize=True)
    assert_near(scaled * np.where(np.arange(60) == 7, 100.0, 1.0), usual)
    residual = {
        rule: np.linalg.norm(y.T - sparse_encode(y.T, x.T, n_nonzero_coefs=1, algorithm=rule) @ x.T)
        for rule in ("omp", "ols")
    }
    assert residual["ols"] == pytest.approx(residual["omp"])  # one step of unit atoms


def test_features_of_data_and_dictionary_have_to_match():
    x, y = planted()
    with pytest.raises(ValueError, match="expected data with the 40 features"):
        PursuitCoder(x.T).fit(y.T[:, :5])
    with pytest.raises(ValueError, match="n_components, n_features"):
        sparse_encode(y.T[:, :5], x.T)
    with pytest.raises(ValueError, match="expected codes for 60 atoms"):
        PursuitCoder(x.T).inverse_transform(y.T)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_nonzero_coefs": 0}, ValueError),
        ({"n_nonzero_coefs": 2.5}, TypeError),
        ({"tol": -1.0}, ValueError),
        ({"tol": "small"}, TypeError),
        ({"precompute": "never"}, ValueError),
    ],
)
def test_limits_out_of_range_are_refused(options, error):
    x, y = planted()
    with pytest.raises(error, match="OrthogonalMatchingPursuit: expected"):
        OrthogonalMatchingPursuit(**options).fit(x, y)


def test_wrong_shapes_and_missing_norms_are_refused():
    x, y = planted()
    with pytest.raises(ValueError, match="n_samples, n_features"):
        orthogonal_mp(x, y[:-1])
    with pytest.raises(ValueError, match="n_features, n_features"):
        orthogonal_mp_gram(x, y)
    with pytest.raises(ValueError, match="norms_squared"):
        orthogonal_mp_gram(x.T @ x, x.T @ y, tol=0.1)
    with pytest.raises(ValueError, match="negative diagonal"):
        orthogonal_mp_gram(-np.eye(3), np.ones(3))
    with pytest.raises(ValueError, match="finite"):
        orthogonal_mp_gram(np.eye(3), np.full(3, np.nan))
    with pytest.raises(ValueError, match="orthogonal_mp: expected finite X"):
        orthogonal_mp(np.full_like(x, np.nan), y)
    with pytest.raises(TypeError, match="X as a dense array, got csr_array"):
        orthogonal_mp(csr_array(x), y)
    with pytest.raises(TypeError, match="numbers in X, got <U1"):
        sparse_encode("x", np.eye(3))


# Life in scikit-learn


def test_estimators_are_pickled_cloned_and_chained():
    x, y = planted()
    model = OrthogonalMatchingPursuit(n_nonzero_coefs=4).fit(x, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert sklearn.clone(model).get_params() == model.get_params()
    # One code per sample, and a regression on the codes.
    chain = make_pipeline(
        PursuitCoder(unit_atoms(12, 30).T, transform_n_nonzero_coefs=5),
        OrthogonalMatchingPursuit(),
    )
    signals = gaussian(50, 12, rng=3)
    with warnings.catch_warnings(), sklearn.config_context(enable_metadata_routing=True):
        chain.fit(signals, signals[:, 0])
        assert chain.get_metadata_routing() is not None
    assert chain.predict(signals).shape == (50,)
    assert pickle.loads(pickle.dumps(chain)).predict(signals).shape == (50,)
    coder = PursuitCoder(unit_atoms(12, 30).T).set_output(transform="default").fit(signals)
    assert coder.get_feature_names_out()[0] == "pursuitcoder0"
