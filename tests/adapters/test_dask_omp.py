"""Sparse codes of Dask arrays: those of the whole array, whatever the chunks and the scheduler."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import orthola
from orthola.testing import gaussian, machine_epsilon

dask = pytest.importorskip("dask", reason="Dask is not installed")

import dask.array as da  # noqa: E402

from orthola.adapters import _dask_omp  # noqa: E402
from orthola.adapters.dask import omp  # noqa: E402

C = 100.0  # of n eps, times the condition of the few chosen atoms


def problem(dtype="float64", signals=47, atoms=30, features=12):
    return (
        gaussian(signals, features, dtype=dtype, rng=0),
        gaussian(atoms, features, dtype=dtype, rng=1),
    )


def assert_equal(found, expected):
    """Same choices, and numbers that are the same to rounding."""
    assert isinstance(found, orthola.OMPResult)
    computed = dask.compute(*found, scheduler="sync")
    for name, lazy, x, y in zip(found._fields, found, computed, expected, strict=True):
        assert lazy.dtype == x.dtype == y.dtype, name
        assert lazy.shape == x.shape == y.shape, name
        if y.dtype.kind in "iu":
            np.testing.assert_array_equal(x, y, err_msg=name)
        else:
            atol = C * 30 * machine_epsilon(str(y.dtype))
            np.testing.assert_allclose(x, y, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("chunks", [(13, 5), (47, 12), ((1, 40, 6), 12)])
def test_codes_are_those_of_the_whole_array(dtype, chunks):
    y, a = problem(dtype)
    expected = orthola.omp(y, a, n_nonzero=4)
    found = omp(da.from_array(y, chunks=chunks), a, n_nonzero=4)
    assert found.indices.chunks[0] == da.from_array(y, chunks=chunks).chunks[0]
    assert_equal(found, expected)


def test_every_option_reaches_the_pursuit():
    y, a = problem()
    lazy = da.from_array(y, chunks=(20, 12))
    tol = np.linspace(0.05, 0.9, 47)
    for options in (
        {"tol": 0.3},
        {"tol": 0.3, "n_nonzero": 2},
        {"n_nonzero": 3, "normalize": True},
        {"n_nonzero": 3, "selection": "ols"},
        {"n_nonzero": 3, "nonnegative": True},
        {"n_nonzero": 0},
        {"n_nonzero": 3, "exclude": np.arange(30) % 2 == 0},
        {"n_nonzero": 3, "gram": a @ a.T},
    ):
        assert_equal(omp(lazy, a, **options), orthola.omp(y, a, **options))
    expected = orthola.omp(y, a, tol=tol)
    for form in (tol, da.from_array(tol, chunks=9)):
        assert_equal(omp(lazy, a, tol=form), expected)
    own = np.arange(94).reshape(47, 2) % 30
    expected = orthola.omp(y, a, n_nonzero=3, exclude=own)
    for form in (own, da.from_array(own, chunks=(9, 1))):
        assert_equal(omp(lazy, a, n_nonzero=3, exclude=form), expected)


def test_dictionaries_in_one_chunk_may_be_lazy():
    y, a = problem()
    whole = da.from_array(a, chunks=-1)
    expected = orthola.omp(y, a, n_nonzero=3)
    assert_equal(omp(da.from_array(y, chunks=(20, 12)), whole, n_nonzero=3), expected)
    gram = whole @ whole.T
    assert_equal(omp(da.from_array(y, chunks=(20, 12)), whole, n_nonzero=3, gram=gram), expected)


@pytest.mark.parametrize("chunks", [(10, 12), (30, 6)])
def test_dictionaries_in_several_chunks_are_refused_with_advice(chunks):
    y, a = problem()
    with pytest.raises(ValueError, match=r"dictionary in a single chunk.*dictionary.rechunk\(-1\)"):
        omp(da.from_array(y, chunks=(20, 12)), da.from_array(a, chunks=chunks), n_nonzero=3)


def test_numbers_of_rows_may_be_unknown():
    y, a = problem()
    lazy = da.from_array(y, chunks=(20, 12))
    some = lazy[lazy[:, 0] > 0]
    assert np.isnan(some.shape[0])
    expected = orthola.omp(y[y[:, 0] > 0], a, n_nonzero=3)
    for x, wanted in zip(dask.compute(*omp(some, a, n_nonzero=3)), expected, strict=True):
        np.testing.assert_allclose(x, wanted, rtol=0, atol=1e-12)


def test_the_gram_matrix_and_every_block_are_computed_once(monkeypatch):
    calls = []
    for name in ("_gram", "_coded"):
        original = getattr(_dask_omp, name)

        def counted(*args, _name=name, _original=original, **options):
            calls.append(_name)
            return _original(*args, **options)

        monkeypatch.setattr(_dask_omp, name, counted)
    y, a = problem(signals=400)
    found = omp(da.from_array(y, chunks=(100, 12)), a, n_nonzero=4)
    assert not calls  # lazy
    dask.compute(*found, scheduler="threads", num_workers=2)
    assert calls.count("_coded") == 4
    plan = orthola.explain(orthola.omp, y, a, n_nonzero=4)
    assert calls.count("_gram") == (plan["form"] == "stored-rows") == 1


def test_mistakes_are_told_before_anything_is_computed():
    y, a = problem()
    lazy = da.from_array(y, chunks=(20, 12))
    with pytest.raises(TypeError, match=r"orthola.omp is for arrays in memory"):
        omp(y, a, n_nonzero=3)
    with pytest.raises(ValueError, match="reshape a stack of signals"):
        omp(lazy[None], a, n_nonzero=3)
    with pytest.raises(ValueError, match="shape"):
        omp(lazy[:, :5], a, n_nonzero=3)
    with pytest.raises(ValueError, match="n_nonzero"):
        omp(lazy, a, n_nonzero=13)
    with pytest.raises(TypeError, match="n_nonzero"):
        omp(lazy, a, n_nonzero=np.full(47, 3))
    with pytest.raises(ValueError, match="tol with one row for each of the 47 signals"):
        omp(lazy, a, tol=[0.1, 0.2])
    with pytest.raises(ValueError, match="selection"):
        omp(lazy, a, n_nonzero=3, selection="best")
    with pytest.raises((TypeError, ValueError), match="n_nonzero"):
        omp(lazy, a)


def test_values_that_are_not_finite_are_told_when_computed():
    y, a = problem()
    y[30, 2] = np.nan
    lazy = da.from_array(y, chunks=(20, 12))
    with pytest.raises(ValueError, match="finite"):
        omp(lazy, a, n_nonzero=3).status.compute()
    status = omp(lazy, a, n_nonzero=3, check_finite=False).status.compute()
    assert np.flatnonzero(status == orthola.Status.NONFINITE) == [30]


def test_same_graph_and_same_bits_every_time():
    y, a = problem("complex64")
    one, two = (omp(da.from_array(y, chunks=(7, 12)), a, tol=0.2) for _ in range(2))
    assert [x.name for x in one] == [x.name for x in two]
    again = pickle.loads(pickle.dumps(one))
    for first, second in zip(
        dask.compute(*one, scheduler="threads", num_workers=4),
        dask.compute(*again, scheduler="sync"),
        strict=True,
    ):
        np.testing.assert_array_equal(first, second)


def test_a_distributed_cluster_gives_the_same():
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    y, a = problem()
    found = omp(da.from_array(y, chunks=(10, 12)), a, n_nonzero=4)
    expected = dask.compute(*found, scheduler="sync")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        for x, wanted in zip(dask.compute(*found), expected, strict=True):
            np.testing.assert_array_equal(x, wanted)
