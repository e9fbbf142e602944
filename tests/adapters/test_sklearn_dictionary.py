"""`OrthogonalDictionary`: scikit-learn's own checks, recovery, and what its methods promise."""

from __future__ import annotations

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import orthola
from orthola.adapters.sklearn import OrthogonalDictionary
from orthola.testing import orthogonality

C_ROUNDING = 50.0  # in n eps

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def atoms() -> Array:
    return orthola.haar(10, rng=5)


@pytest.fixture(scope="module")
def samples(atoms: Array) -> Array:
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((8000, 10)) * (rng.random((8000, 10)) < 0.25)
    return codes @ atoms


@pytest.fixture(scope="module")
def model(samples: Array) -> OrthogonalDictionary:
    return OrthogonalDictionary(batch_size=20, random_state=0).fit(samples)


@parametrize_with_checks([OrthogonalDictionary(random_state=0, batch_size=10)])
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def test_atoms_are_found_and_orthonormal(model: OrthogonalDictionary, atoms: Array) -> None:
    n = len(atoms)
    assert orthogonality(model.components_) <= C_ROUNDING * n * np.finfo(float).eps
    cosines = np.abs(model.components_ @ atoms.T)
    assert np.min(np.max(cosines, axis=1)) > 0.999
    assert len(set(np.argmax(cosines, axis=1))) == n
    # One warm-up batch may not be a step.
    assert model.n_iter_ == 1
    assert 399 <= model.n_steps_ <= 400
    assert model.n_samples_seen_ == 8000
    assert model.gap_ >= 0.0


def test_codes_of_k_terms_keep_the_largest(model: OrthogonalDictionary, samples: Array) -> None:
    few = clone(model).set_params(n_nonzero_coefs=3, max_iter=1).fit(samples)
    codes, dense = few.transform(samples), samples @ few.components_.T
    assert np.all(np.count_nonzero(codes, axis=1) <= 3)
    kept = codes != 0
    np.testing.assert_allclose(codes[kept], dense[kept])
    limit = np.sort(np.abs(dense), axis=1)[:, -3]
    assert np.all(np.abs(dense)[~kept] <= np.broadcast_to(limit[:, None], dense.shape)[~kept])


def test_codes_of_k_terms_are_those_of_omp(model: OrthogonalDictionary, samples: Array) -> None:
    few = OrthogonalDictionary(n_nonzero_coefs=4, init=model.components_, batch_size=8000)
    few.fit(samples)
    pursued = orthola.omp(samples[:50], few.components_, n_nonzero=4).dense(10)
    np.testing.assert_allclose(few.transform(samples[:50]), pursued, atol=1e-12)


@pytest.mark.parametrize("k", [10, 99])
def test_as_many_terms_as_atoms_lose_nothing(samples: Array, k: int) -> None:
    model = OrthogonalDictionary(n_nonzero_coefs=k, random_state=0).fit(samples)
    again = model.inverse_transform(model.transform(samples))
    np.testing.assert_allclose(again, samples, atol=1e-12)
    assert model.score(samples) == pytest.approx(1.0, abs=1e-12)


def test_thresholds(model: OrthogonalDictionary, samples: Array) -> None:
    dense = samples @ model.components_.T
    hard = model.transform(samples)
    np.testing.assert_array_equal(hard != 0, np.abs(dense) > 2.5 * model.noise_)
    np.testing.assert_allclose(hard[hard != 0], dense[hard != 0])
    shrinking = pickle.loads(pickle.dumps(model)).set_params(kind="soft", threshold=0.5)
    soft = shrinking.transform(samples)
    np.testing.assert_allclose(soft, np.sign(dense) * np.maximum(np.abs(dense) - 0.5, 0.0))


def test_the_threshold_found_keeps_nearly_everything(
    model: OrthogonalDictionary, samples: Array
) -> None:
    codes = model.transform(samples)
    # A quarter of the true codes is not zero.
    assert 0.2 < np.count_nonzero(codes) / codes.size < 0.3
    assert model.score(samples) > 0.999
    assert OrthogonalDictionary(random_state=0).fit(samples).score(np.zeros((2, 10))) == 1.0


def test_parts_are_the_whole(samples: Array) -> None:
    whole = OrthogonalDictionary(batch_size=100, shuffle=False, random_state=3).fit(samples)
    parts = OrthogonalDictionary(batch_size=100, random_state=3)
    for start in range(0, 8000, 500):
        parts.partial_fit(samples[start : start + 500])
    np.testing.assert_array_equal(parts.components_, whole.components_)
    # Calls may be cut anywhere: rows wait for a full mini-batch.
    ragged = OrthogonalDictionary(batch_size=100, random_state=3)
    for part in np.split(samples, [777, 1000, 5003]):
        ragged.partial_fit(part)
    np.testing.assert_array_equal(ragged.components_, whole.components_)
    assert (parts.n_iter_, parts.n_samples_seen_) == (16, 8000)


def test_a_pickle_goes_on_where_it_was(samples: Array) -> None:
    model = OrthogonalDictionary(batch_size=100, random_state=3).partial_fit(samples[:4000])
    again = pickle.loads(pickle.dumps(model)).partial_fit(samples[4000:])
    np.testing.assert_array_equal(
        again.components_, model.partial_fit(samples[4000:]).components_
    )  # fmt: skip


def test_single_precision_stays(samples: Array, atoms: Array) -> None:
    single = samples.astype("float32")
    model = OrthogonalDictionary(batch_size=20, random_state=0).fit(single)
    codes = model.transform(single)
    again = model.inverse_transform(codes)
    assert model.components_.dtype == codes.dtype == again.dtype == np.float32
    assert np.min(np.max(np.abs(model.components_ @ atoms.T), axis=1)) > 0.999
    integers = OrthogonalDictionary(random_state=0).fit((100 * samples).astype("int32"))
    assert integers.components_.dtype == np.float64


def test_more_passes_are_as_good(samples: Array, atoms: Array) -> None:
    errors = []
    for passes in (1, 4):
        model = OrthogonalDictionary(batch_size=20, max_iter=passes, random_state=0).fit(samples)
        errors.append(1.0 - np.min(np.max(np.abs(model.components_ @ atoms.T), axis=1)))
        assert model.n_iter_ == passes
    assert errors[1] <= max(2.0 * errors[0], 1e-6)


def test_a_start_is_taken(samples: Array, atoms: Array) -> None:
    fewer = OrthogonalDictionary(init=atoms, random_state=0).fit(samples[:5])
    # Fewer rows than features teach nothing yet.
    np.testing.assert_allclose(fewer.components_, atoms, atol=1e-12)
    assert fewer.n_steps_ == 0


def test_a_few_rows_do_not_have_to_wait(samples: Array) -> None:
    model = OrthogonalDictionary(batch_size=100, random_state=0).partial_fit(samples[:5])
    assert model.components_.shape == (10, 10)
    assert model.transform(samples[:2]).shape == (2, 10)


def test_atoms_that_are_not_orthogonal(samples: Array, atoms: Array) -> None:
    mixing = np.diag(np.geomspace(1.0, 10.0, 10)) @ orthola.haar(10, rng=9)
    mixing[0] += mixing[1]
    skewed = samples @ atoms.T @ mixing

    def least_cosine(model: OrthogonalDictionary) -> float:
        lengths = np.linalg.norm(model.atoms_, axis=1) * np.linalg.norm(mixing, axis=1)[:, None]
        return float(np.min(np.max(np.abs(mixing @ model.atoms_.T) / lengths, axis=1)))

    plain = OrthogonalDictionary(n_nonzero_coefs=10, random_state=0).fit(skewed)
    model = clone(plain).set_params(precondition="estimate").fit(skewed)
    assert least_cosine(plain) < 0.9
    assert least_cosine(model) > 0.95
    assert orthogonality(model.components_) <= C_ROUNDING * 10 * np.finfo(float).eps
    again = model.inverse_transform(model.transform(skewed))
    np.testing.assert_allclose(again, skewed, atol=1e-9)


def test_names_and_pipelines(samples: Array) -> None:
    line = make_pipeline(
        StandardScaler(with_mean=False), OrthogonalDictionary(n_nonzero_coefs=2, random_state=0)
    )
    codes = line.fit_transform(samples)
    assert codes.shape == samples.shape
    names = line.get_feature_names_out()
    assert list(names) == [f"orthogonaldictionary{i}" for i in range(10)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"p": 2},
        {"kind": "firm"},
        {"batch_size": 0},
        {"precondition": "guess"},
        {"schedule": "adam"},
    ],
    ids=str,
)
def test_wrong_parameters_are_told(samples: Array, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OrthogonalDictionary(**wrong).fit(samples)


@pytest.mark.long
def test_memory_does_not_grow_over_a_million_rows(atoms: Array) -> None:
    rng = np.random.default_rng(1)
    model = OrthogonalDictionary(random_state=0)

    def learn(calls: int) -> None:
        for _ in range(calls):
            rows = rng.standard_normal((200, 10)) * (rng.random((200, 10)) < 0.25)
            model.partial_fit(rows @ atoms)

    learn(500)  # imports and caches
    tracemalloc.start()
    try:
        learn(10)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        learn(4990)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert model.n_samples_seen_ == 1_100_000
    # Rows of 80 bytes went by; less than half a byte of each is left, in caches of scikit-learn.
    assert after - before < 500_000
    assert peak - before < 1_000_000
    assert orthola.dictionary_recovery(model.components_, atoms).smallest > 0.999
