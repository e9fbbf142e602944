"""The class: cuts that do not matter, codes, sources, files, preconditioning, merging."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import orthola
from orthola import OnlineOrthogonalDictionary, Status, dictionary_merge
from orthola._core import storage
from orthola._dictionary.objectives import err4
from tests.dictionary.sampling import samples, streamed
from tests.isolation import to_numpy

FIELDS = orthola.DictionaryState._fields[:-1]


def same_bits(one, two):
    return one.options == two.options and all(
        np.array_equal(to_numpy(getattr(one, x)), to_numpy(getattr(two, x))) for x in FIELDS
    )


def test_cuts_into_calls_do_not_matter():
    y, _ = samples(1003, 8)
    whole = OnlineOrthogonalDictionary(batch_size=20, rng=0).partial_fit(y)
    parts = OnlineOrthogonalDictionary(batch_size=20, rng=0)
    for part in np.split(y, [1, 2, 19, 20, 21, 300, 301, 999]):
        parts.partial_fit(part.copy())
    assert same_bits(whole.state, parts.state)
    assert whole.n_samples_ == 1000
    assert whole.n_steps_ == 50
    assert same_bits(whole.flush().state, parts.flush().state)
    assert whole.n_samples_ == 1003
    pure = streamed(y[:1000], 20, seed=0)
    again = OnlineOrthogonalDictionary(rng=0)
    for part in np.split(y[:1000], 50):
        again.partial_fit(part)
    assert same_bits(again.state, pure)


@pytest.mark.parametrize("k", [1, 3, 8, 9])
@pytest.mark.parametrize("complex_", [False, True])
def test_topk_equals_omp(k, complex_):
    y, _ = samples(600, 8, sigma=0.1, complex_=complex_)
    model = OnlineOrthogonalDictionary(batch_size=20, rng=0).partial_fit(y)
    codes = model.transform(y[:40], keep=k)
    assert np.all(np.count_nonzero(codes, axis=1) == min(k, 8))
    best = orthola.omp(y[:40], model.components_, n_nonzero=min(k, 8))
    assert np.max(np.abs(codes - best.dense(8))) <= 1e-13
    assert np.allclose(model.inverse_transform(model.transform(y, threshold=0.0)), y)


def test_equal_codes_keep_the_first():
    model = OnlineOrthogonalDictionary(init=np.eye(4)).partial_fit(np.ones((2, 4)))
    rows = np.array([[1.0, -1.0, 1.0, 0.5], [0.0, 2.0, 2.0, 2.0]])
    d = model.components_
    codes = model.transform(rows @ d, keep=2)
    assert np.all(np.count_nonzero(np.abs(codes) > 1e-12, axis=1) == 2)
    model._found = model.result()._replace(dictionary=np.eye(4))
    assert model.transform(rows, keep=2).tolist() == [[1, -1, 0, 0], [0, 2, 2, 0]]


def test_thresholds():
    y, d = samples(9000, 6, sigma=0.05)
    model = OnlineOrthogonalDictionary(batch_size=20, rng=0).partial_fit(y)
    full = model.transform(y, threshold=0.0)
    assert np.allclose(full, y @ model.components_.T)
    hard = model.transform(y)
    limit = 2.5 * model.noise_
    assert np.array_equal(hard, np.where(np.abs(full) > limit, full, 0.0))
    assert 0.1 < np.mean(hard != 0) < 0.4  # theta and some of the noise
    soft = model.transform(y, threshold=0.2, kind="soft")
    assert np.allclose(soft, np.sign(full) * np.maximum(np.abs(full) - 0.2, 0.0))
    assert model.score(y) == pytest.approx(np.mean(np.sum(np.abs(full) ** 3, axis=1)))
    assert 0.0 <= model.gap(y) <= 0.5
    for wrong in ({"keep": 2, "threshold": 1.0}, {"keep": 2, "kind": "soft"}, {"kind": "x"}):
        with pytest.raises(ValueError, match="transform"):
            model.transform(y, **wrong)
    gap = np.where(np.arange(3)[:, None] == 1, np.nan, y[:3])
    for how in ({}, {"kind": "soft"}, {"keep": 2}):  # NaN is no code of zero
        assert np.isnan(model.transform(gap, **how)).all(axis=1).tolist() == [False, True, False]
    assert err4(model.components_, d) < 1e-2


def sources(folder, y):
    import h5py
    import zarr

    np.save(folder / "y.npy", y)
    yield np.load(folder / "y.npy", mmap_mode="r")
    yield zarr.create_array(str(folder / "y.zarr"), data=y, chunks=(100, 8))
    with h5py.File(folder / "y.h5", "w") as file:
        yield file.create_dataset("y", data=y)
    yield np.array_split(y, 7)
    yield (part for part in np.split(y, [5, 300]))
    yield y.tolist()


def test_fit_from_many_sources(tmp_path, monkeypatch):
    from orthola._dictionary import online_input

    monkeypatch.setattr(online_input, "_BYTES", 8 * 8 * 130)  # so that arrays are sliced
    y, _ = samples(1003, 8)
    expected = OnlineOrthogonalDictionary(batch_size=20, rng=0).partial_fit(y).flush()
    for source in sources(tmp_path, y):
        model = OnlineOrthogonalDictionary(batch_size=20, rng=0).fit(source)
        assert same_bits(model.state, expected.state), type(source)
    twice = OnlineOrthogonalDictionary(rng=0).fit(y, passes=2)
    assert twice.n_samples_ == 2006
    assert twice.n_steps_ == 201  # of ten rows, and the last
    with pytest.raises(ValueError, match="iterator"):
        OnlineOrthogonalDictionary().fit(iter([y]), passes=2)
    with pytest.raises(TypeError, match="expected an array"):
        OnlineOrthogonalDictionary().fit(3)


@pytest.mark.parametrize("backend", ["numpy", "torch"], indirect=True)
def test_resume_bits(backend, tmp_path):
    y, _ = samples(500, 6)
    options = {"batch_size": 30, "p": 4, "window": 50, "mean": backend.asarray(y.mean(axis=0))}
    one = OnlineOrthogonalDictionary(rng=np.random.Generator(np.random.MT19937(3)), **options)
    path = tmp_path / "stream"
    one.save(path)
    other = OnlineOrthogonalDictionary.load(path)
    for part in np.split(y, [17, 200, 377]):
        other = OnlineOrthogonalDictionary.load(path)
        other.partial_fit(backend.asarray(part))
        one.partial_fit(backend.asarray(part))
        other.save(path)
    assert same_bits(one.state, other.state)
    last = OnlineOrthogonalDictionary.load(path)
    assert type(last.state.iterate) is type(one.state.iterate)
    assert same_bits(one.flush().state, last.flush().state)
    for x, z in zip(one.result(), last.result(), strict=True):
        assert np.array_equal(to_numpy(x), to_numpy(z))
    moved = OnlineOrthogonalDictionary.load(path, xp="numpy")
    assert isinstance(moved.state.iterate, np.ndarray)
    one.save(path)
    first = path.read_bytes()
    OnlineOrthogonalDictionary.load(path).save(path)
    assert path.read_bytes() == first


def test_file_from_before_refined_atoms_were_kept(tmp_path):
    y, d = samples(8000, 6)
    path = tmp_path / "stream"
    model = OnlineOrthogonalDictionary(batch_size=10, rng=0).partial_fit(y[:2000])
    model.save(path)
    stored = storage.load(path, "online orthogonal dictionary", version=2)
    arrays = {k: x for k, x in stored.arrays.items() if k not in ("state.refined", "state.record")}
    storage.save(path, "online orthogonal dictionary", 1, arrays, stored.header)
    older = OnlineOrthogonalDictionary.load(path)
    assert np.array_equal(older.components_, model.components_)
    assert err4(older.partial_fit(y[2000:]).components_, d) <= 1e-6


KILLED = """
import os, signal, sys
import numpy as np
from orthola import OnlineOrthogonalDictionary
from tests.dictionary.sampling import samples
y, _ = samples(1000, 8)
path, model = sys.argv[1], OnlineOrthogonalDictionary(batch_size=32, rng=5)
for k, part in enumerate(np.array_split(y, 25)):
    model.partial_fit(part)
    model.save(path)
    if k == 11:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_process_goes_on_from_its_file(tmp_path):
    path = tmp_path / "stream"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], cwd=os.getcwd(), check=False, timeout=100
    )
    assert done.returncode == -signal.SIGKILL
    y, _ = samples(1000, 8)
    model = OnlineOrthogonalDictionary.load(path)
    for part in np.array_split(y, 25)[12:]:
        model.partial_fit(part)
    assert same_bits(
        model.state, OnlineOrthogonalDictionary(batch_size=32, rng=5).partial_fit(y).state
    )


def test_broken_and_foreign_files(tmp_path):
    path = tmp_path / "stream"
    y, _ = samples(200, 6)
    OnlineOrthogonalDictionary(batch_size=30, rng=0).partial_fit(y).save(path)
    whole = path.read_bytes()
    broken = [whole[:-30], b"", b"not a file of ours"]
    place = whole.index(b"NUMPY") + 200
    broken.append(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for content in broken:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="truncated, damaged or of another origin"):
            OnlineOrthogonalDictionary.load(path)
    orthola.ProcrustesStream().update(y, y).save(path)
    with pytest.raises(ValueError, match="online orthogonal dictionary"):
        OnlineOrthogonalDictionary.load(path)
    with pytest.raises(FileNotFoundError):
        OnlineOrthogonalDictionary.load(tmp_path / "none")


def test_nan_batch_is_rejected_whole():
    y, _ = samples(300, 6)
    model = OnlineOrthogonalDictionary(batch_size=20, rng=0)
    bad = y.copy()
    bad[250, 3] = np.nan
    with pytest.raises(ValueError, match="1 rows"):
        model.partial_fit(bad)
    assert model.state is None
    model.partial_fit(y[:110])
    before = model._stream
    for wrong in (bad[110:], y[:, :5], y[0], 1e80 * y, y + 0j):
        with pytest.raises(ValueError, match=r"partial_fit|dictionary_update"):
            model.partial_fit(wrong)
        assert model._stream is before
    skipping = OnlineOrthogonalDictionary(batch_size=20, rng=0, check_finite=False)
    assert int(skipping.partial_fit(bad).state.n_skipped) == 1
    assert int(skipping.result().status) == Status.NONFINITE


def test_before_the_first_batch():
    model = OnlineOrthogonalDictionary(batch_size=100, rng=0)
    model.partial_fit(np.ones((3, 4)))
    assert (model.n_samples_, model.n_steps_) == (0, 0)
    for method in (model.transform, model.score, model.gap, model.inverse_transform):
        with pytest.raises(ValueError, match="partial_fit or fit"):
            method(np.ones((3, 4)))


def ill_conditioned(n=20, m=40000):
    rng = np.random.default_rng(0)
    y, d = samples(m, n)
    u, v = orthola.haar(n, shape=2, rng=rng)
    atoms = (u * np.geomspace(1.0, 1.0 / 77.0, n)) @ v
    return y @ d.T @ atoms, atoms


def test_precondition_recovers(tmp_path):
    y, atoms = ill_conditioned()
    model = OnlineOrthogonalDictionary(
        batch_size=20, precondition="estimate", warmup=8000, rng=0, mean=np.full(20, 0.5)
    )
    model.partial_fit(0.5 + y[:5000])
    model.save(tmp_path / "stream")  # in the middle of the estimate
    model = OnlineOrthogonalDictionary.load(tmp_path / "stream").partial_fit(0.5 + y[5000:])
    assert model.n_samples_ == 40000
    found = orthola.dictionary_recovery(model.atoms_, atoms)
    assert found.smallest >= 0.995
    codes = model.transform(0.5 + y[:100], threshold=0.0)
    assert np.allclose(model.inverse_transform(codes), 0.5 + y[:100])
    without = OnlineOrthogonalDictionary(batch_size=20, rng=0).partial_fit(y)
    assert orthola.dictionary_recovery(without.atoms_, atoms).smallest < 0.9
    given = OnlineOrthogonalDictionary(
        batch_size=20, precondition=model.state.precondition, rng=0
    ).partial_fit(y)
    assert orthola.dictionary_recovery(given.atoms_, atoms).smallest >= 0.995


def test_precondition_of_data_in_a_subspace():
    y, _ = samples(6000, 5)
    y = y @ orthola.haar(8, 5, rng=0).T
    model = OnlineOrthogonalDictionary(batch_size=10, precondition="estimate", rng=0)
    model.partial_fit(y)
    assert int(model.result().status) == Status.RANK_DEFICIENT
    assert np.allclose(model.inverse_transform(model.transform(y, threshold=0.0)), y)


def test_merge_permuted():
    y, d = samples(12000, 8)
    one = streamed(y[:6000], 10)
    order, signs = np.array([3, 1, 5, 0, 2, 4, 7, 6]), np.array([1, -1, -1, 1, 1, -1, 1, -1.0])
    matrices = ("iterate", "gradient", "cross", "refined")
    turned = {x: signs[:, None] * getattr(one, x)[order] for x in matrices}
    both = dictionary_merge(one, one._replace(record=one.record[:, order], **turned))
    assert int(both.status) == Status.OK
    for name in (*matrices, "record", "noise", "objective", "energy"):
        size = np.max(np.abs(getattr(one, name)))
        assert np.max(np.abs(getattr(both.state, name) - getattr(one, name))) <= 1e-15 * size, name
    assert int(both.state.n_samples) == 2 * int(one.n_samples)
    assert int(both.state.step) == 2 * int(one.step)
    # Streams over other samples, from other starts; units of the sums do not matter.
    two = streamed(2.0**5 * y[6000:], 10, seed=2)
    three = streamed(y[::2], 10, seed=3)
    merged = dictionary_merge(one, two).state
    assert np.linalg.norm(merged.iterate, 2) <= 1 + 8 * 2.0**-52
    found = [err4(orthola.dictionary_result(x).dictionary, d) for x in (one, two, merged)]
    assert found[2] <= 1.2 * max(found[:2])
    left = dictionary_merge(merged, three).state
    right = dictionary_merge(one, dictionary_merge(two, three).state).state
    assert np.max(np.abs(left.iterate - right.iterate)) <= 1e-13
    swapped = dictionary_merge(two, one).state
    again = orthola.dictionary_recovery(swapped.iterate, merged.iterate)
    back = again.phases[:, None] * swapped.iterate[again.permutation]
    assert np.max(np.abs(back - merged.iterate)) <= 1e-13


def test_merge_unrelated():
    y, _ = samples(3000, 8)
    z, _ = samples(2000, 8, seed=9)
    one, two = streamed(y, 10), streamed(z, 10)
    for pair in ((one, two), (two, one)):
        both = dictionary_merge(*pair)
        assert int(both.status) == Status.AMBIGUOUS
        assert same_bits(both.state, one)
    empty = orthola.dictionary_init(8, rng=3)
    assert same_bits(dictionary_merge(empty, two).state, two)
    model, other = (OnlineOrthogonalDictionary(batch_size=10, rng=1).partial_fit(x) for x in (y, z))
    assert int(model.merge(other).result().status) == Status.AMBIGUOUS
    assert model.n_samples_ == 3000


@pytest.mark.parametrize("backend", ["torch"], indirect=True)
def test_merge_streams_of_another_library(backend):
    y, d = samples(6015, 6)
    parts = [
        OnlineOrthogonalDictionary(batch_size=20, rng=k).partial_fit(backend.asarray(part))
        for k, part in enumerate((y[:3015], y[3015:]))
    ]
    model = parts[0].merge(parts[1])
    assert model.n_samples_ == 6000
    assert err4(to_numpy(model.components_), d) <= 1e-3
    assert int(model.flush().n_samples_) == 6015


def test_merge_refuses_what_does_not_fit():
    one = orthola.dictionary_init(4, rng=0)
    for other in (
        orthola.dictionary_init(5, rng=0), orthola.dictionary_init(4, rng=0, p=4),
        orthola.dictionary_init(4, rng=0, dtype="float32"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="dictionary_merge"):
            dictionary_merge(one, other)
    a, b = (orthola.dictionary_init(4, rng=0, precondition=c * np.eye(4)) for c in (1.0, 2.0))
    with pytest.raises(ValueError, match="same preconditioner"):
        dictionary_merge(a, b)
    with pytest.raises(TypeError, match="another OnlineOrthogonalDictionary, got ndarray"):
        OnlineOrthogonalDictionary().merge(np.eye(4))


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"batch_size": 0}, ValueError), ({"precondition": "guess"}, ValueError),
        ({"lmo": "svd"}, ValueError), ({"p": 2}, ValueError), ({"rng": "x"}, TypeError),
        ({"mean": 0.0}, TypeError), ({"mean": np.eye(3)}, ValueError), ({"window": 0}, ValueError),
    ],
)  # fmt: skip
def test_wrong_options(options, kind):
    with pytest.raises(kind, match="OnlineOrthogonalDictionary"):
        OnlineOrthogonalDictionary(**options)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_zero_rows_before_all_others_are_learned_nothing_from(dtype):
    y = np.random.default_rng(3).standard_normal((64, 4)).astype(dtype)
    zeros = np.zeros((32, 4), dtype)
    late = OnlineOrthogonalDictionary(batch_size=8, rng=0).partial_fit(zeros)
    late.partial_fit(y).flush()
    assert np.all(np.isfinite(late.components_))
    gram = late.components_ @ late.components_.conj().T
    np.testing.assert_allclose(gram, np.eye(4), atol=1e-13)
