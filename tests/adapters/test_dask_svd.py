"""Singular value decompositions of Dask arrays: certified, and the same for every scheduler."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola.testing import gaussian, machine_epsilon

dask = pytest.importorskip("dask", reason="Dask is not installed")

import dask.array as da  # noqa: E402

from orthola.adapters import _dask_svd, _dask_tree  # noqa: E402
from orthola.adapters.dask import svd, svd_factors, svd_state  # noqa: E402

C = 50.0  # of n eps


def data(m=230, d=20, dtype="float64", rng=0):
    return gaussian(m, d, dtype=dtype, rng=rng) * np.geomspace(3.0, 0.1, d).astype(dtype)


def truth(x):
    return np.linalg.svd(np.asarray(x).astype(np.result_type(x, np.float64)), compute_uv=False)


def assert_certified(result, x, k):
    """The bounds hold, and the basis is orthonormal and does what they say."""
    s = truth(x)
    low, high = result.certificate.sigma_interval.T
    n = min(len(low), len(s))
    assert (low[:n] <= s[:n]).all()
    assert (s[:n] <= high[:n]).all()
    best = np.linalg.norm(s[k:])
    assert result.certificate.optimum_interval[0] <= best <= result.certificate.optimum_interval[1]
    assert best <= result.certificate.error[1]
    v = result.components
    eps = machine_epsilon(str(v.dtype))
    np.testing.assert_allclose(
        v @ v.conj().T, np.eye(k), rtol=0, atol=C * np.sqrt(x.shape[0]) * eps
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("engine", ["auto", "brand"])
def test_values_and_bounds_are_right(dtype, engine):
    x = data(dtype=dtype)
    result = svd(da.from_array(x, chunks=(37, 7)), rank=4, engine=engine)
    assert result.basis.dtype == x.dtype
    assert_certified(result, x, 4)
    if engine == "auto":
        eps = machine_epsilon(dtype)
        np.testing.assert_allclose(
            result.singular_values, truth(x)[:4], rtol=0, atol=C * 20 * eps * truth(x)[0]
        )
    rest = x - x @ result.basis @ result.components
    slack = 1.0 + C * 230 * machine_epsilon(dtype)
    assert np.linalg.norm(rest) <= result.certificate.error[1] * slack


@pytest.mark.parametrize("chunks", [(1, 20), (230, 3), ((5, 0, 200, 25), 20)])
@pytest.mark.parametrize("arity", [2, 4, 7])
def test_any_chunks_and_trees_will_do(chunks, arity):
    x = data()
    for engine in ("auto", "stack"):
        result = svd(da.from_array(x, chunks=chunks), rank=3, engine=engine, arity=arity)
        assert_certified(result, x, 3)


def test_the_shorter_dimension_is_the_fixed_one():
    x = data()
    tall, wide = (
        svd(da.from_array(x, chunks=50), rank=3),
        svd(da.from_array(x.T, chunks=50), rank=3),
    )
    assert tall.components.shape == (3, 20)
    np.testing.assert_allclose(wide.basis, tall.basis, rtol=0, atol=1e-12)
    asked = svd(da.from_array(x, chunks=50), rank=3, axis=1)
    assert asked.basis.shape == (230, 3)
    assert_certified(asked, x.T, 3)


def test_complex_arrays_of_low_rank_are_found_exactly():
    """Dask's own compressed decomposition forgets a conjugate there."""
    x = gaussian(200, 6, dtype="complex128", rng=0) @ gaussian(6, 90, dtype="complex128", rng=1)
    s = truth(x)
    result = svd(da.from_array(x, chunks=(30, 40)), rank=6, axis=0, oversample=4, engine="brand")
    np.testing.assert_allclose(result.singular_values, s[:6], rtol=1e-12)
    rest = x - x @ result.basis @ result.components
    assert np.linalg.norm(rest) <= 1e-12 * s[0]
    conjugate = svd(da.from_array(x.conj(), chunks=(30, 40)), rank=6, axis=0, engine="brand")
    np.testing.assert_allclose(conjugate.basis, result.basis.conj(), rtol=0, atol=1e-10)


def test_other_options_reach_the_decomposition():
    x = data() + 5.0
    centred = svd(da.from_array(x, chunks=(37, 7)), rank=3, center=True)
    np.testing.assert_allclose(centred.mean, x.mean(axis=0), rtol=1e-13)
    assert_certified(centred, x - x.mean(axis=0), 3)
    found = svd(da.from_array(data(), chunks=(37, 7)), tol=0.2)
    s = truth(data())
    assert np.linalg.norm(s[int(found.rank) :]) <= 0.2 * np.linalg.norm(s)
    assert found.certificate.error[1] <= 0.2 * np.linalg.norm(s) * (1 + 1e-12)
    # Both states of a merge have spent some of the tolerance.
    merged = svd(da.from_array(data(), chunks=(37, 7)), tol=0.3, engine="brand", arity=2)
    assert int(merged.status) == orthola.Status.OK
    assert merged.certificate.error[1] <= 0.3 * np.linalg.norm(s) * (1 + 1e-9)


def test_states_go_on():
    x = data()
    config = orthola.SVDConfig(features=20, rank=3)
    lazy = svd_state(da.from_array(x[:100], chunks=(30, 20)), config)
    one, two = dask.compute(lazy, svd_state(da.from_array(x[100:], chunks=(30, 20)), config))
    both = orthola.svd_result(orthola.svd_merge(one, two, config), config)
    assert_certified(both, x, 3)
    some = da.from_array(x, chunks=(30, 20))
    some = some[some[:, 0] > 0]  # of an unknown number of rows
    result = orthola.svd_result(svd_state(some, config).compute(), config)
    assert_certified(result, x[x[:, 0] > 0], 3)
    assert_certified(svd(some, rank=3), x[x[:, 0] > 0], 3)


def test_progress_is_told_and_can_end_the_run():
    x = data()
    lazy = da.from_array(x, chunks=(10, 20))
    told = []
    result = svd(lazy, rank=3, arity=2, progress=lambda *news: told.append(news))
    assert [done for done, _, _ in told] == [4, 8, 12, 16, 20, 23]
    assert {total for _, total, _ in told} == {23}
    for done, _, certificate in told:
        low, high = certificate.sigma_interval[:3].T
        s = truth(x[: 10 * done])[:3]
        assert (low <= s).all()
        assert (s <= high).all()
    silent = svd(lazy, rank=3, arity=2)
    np.testing.assert_array_equal(result.basis, silent.basis)  # the same tree

    def stop(done, total, certificate):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        svd(lazy, rank=3, progress=stop)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("arity", [2, 3])
def test_graphs_stay_small_and_the_tree_is_the_same(monkeypatch, axis, arity):
    x = data(101)
    lazy = da.from_array(x if axis == 0 else x.T, chunks=(1, 20) if axis == 0 else (20, 1))
    config = orthola.SVDConfig(features=20, rank=3, axis=axis, engine="brand")
    expected = orthola.svd_result(svd_state(lazy, config, arity=arity).compute(), config)
    monkeypatch.setattr(_dask_svd, "_AT_ONCE", 8)
    sizes = []
    with dask.callbacks.Callback(start=lambda graph: sizes.append(len(graph))):
        result = svd(lazy, rank=3, axis=axis, engine="brand", arity=arity)
    portion = 8 if arity == 2 else 9
    assert len(sizes) == -(-101 // portion)
    assert max(sizes) <= 6 * portion
    for one, two in zip(result.certificate, expected.certificate, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(result.basis, expected.basis)


def test_strips_that_come_twice_or_not_at_all_are_refused():
    config = orthola.SVDConfig(features=20, rank=3)
    parts = [_dask_tree.leaf(config, i, data(10)) for i in range(4)]
    whole = _dask_tree._merged(config, *parts).state
    assert (int(whole.begin), int(whole.position)) == (1, 4)
    for wrong, words in (([0, 0], "block 0 to 0 twice"), ([0, 2], "nothing of block 1 to 1")):
        with pytest.raises(ValueError, match=words):
            _dask_tree._merged(config, *(parts[i] for i in wrong))


def test_parts_of_one_data_set_are_merged_once_each(tmp_path):
    """Killed, resumed, computed twice: what is saved in between is never counted twice."""
    x, config = data(), orthola.SVDConfig(features=20, rank=3, engine="brand")
    for start, stop in ((0, 90), (90, 150), (150, 230)):
        part = da.from_array(x[start:stop], chunks=(30, 20))
        state = svd_state(part, config, start=start // 30).compute()
        np.savez(tmp_path / f"{start}.npz", **state._asdict())
    saved = []
    for start in (0, 90, 150):
        with np.load(tmp_path / f"{start}.npz") as file:
            saved.append(orthola.SVDState(**file))
    whole = saved[0]
    for state in saved[1:]:
        whole = orthola.svd_merge(whole, state, config)
    assert_certified(orthola.svd_result(whole, config), x, 3)
    with pytest.raises(ValueError, match="twice"):
        orthola.svd_merge(whole, saved[1], config)
    with pytest.raises(ValueError, match="nothing of block 3 to 4"):
        orthola.svd_merge(saved[0], saved[2], config)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("center", [False, True])
def test_both_factors(dtype, axis, center):
    x = data(dtype=dtype) + 2
    x = x if axis == 0 else x.T
    lazy = da.from_array(x, chunks=(37, 7))
    result = svd(lazy, rank=4, center=center, axis=axis)
    u, s, vt = svd_factors(lazy, result, center=center)
    assert isinstance(u if axis == 0 else vt, da.Array)
    assert u.dtype == vt.dtype == x.dtype
    assert (u.shape, s.shape, vt.shape) == ((x.shape[0], 4), (4,), (4, x.shape[1]))
    whole = x - x.mean(axis=axis, keepdims=True) if center else x
    eps = machine_epsilon(dtype)
    rest = np.linalg.norm(whole - np.asarray(u) * s @ np.asarray(vt))
    assert rest <= result.certificate.error[1] * (1 + C * 230 * eps)
    for q in (np.asarray(u), np.asarray(vt).conj().T):
        atol = C * 230 * eps * s[0] / s[-1]
        np.testing.assert_allclose(q.conj().T @ q, np.eye(4), rtol=0, atol=atol)
    with pytest.raises(TypeError, match="an SVDResult, as svd returns it, got dask"):
        svd_factors(lazy, lazy)
    again = svd_factors(lazy[:, :] * 0, result)
    assert again.s is result.singular_values
    with pytest.raises(ValueError, match="20 features"):
        svd_factors(lazy[:5, :5], result)
    with pytest.raises(TypeError, match="dask array"):
        svd_factors(x, result)


def test_factors_of_values_that_are_rounding_are_zero():
    x = gaussian(50, 2, rng=0) @ gaussian(2, 10, rng=1)
    lazy = da.from_array(x, chunks=(20, 10))
    u, s, vt = svd_factors(lazy, svd(lazy, rank=4))
    u = np.asarray(u)
    assert not u[:, 2:].any()
    assert not vt[2:].any()
    np.testing.assert_allclose(u * s @ vt, x, rtol=0, atol=1e-12)


def test_mistakes_are_told():
    x = da.from_array(data(), chunks=(37, 20))
    config = orthola.SVDConfig(features=20, rank=3)
    with pytest.raises(TypeError, match="expected a dask array"):
        svd(data(), rank=3)
    with pytest.raises(ValueError, match="two axes"):
        svd(x[None], rank=3)
    with pytest.raises(ValueError, match="axis"):
        svd(x, rank=3, axis=2)
    with pytest.raises(ValueError, match="arity"):
        svd(x, rank=3, arity=1)
    with pytest.raises(ValueError, match="no order to forget by"):
        svd_state(x, orthola.SVDConfig(features=20, forget=0.5))
    with pytest.raises(ValueError, match="expected 20 features"):
        svd_state(x[:, :5], config)
    with pytest.raises(ValueError, match="known number of features"):
        svd_state(x[:, x[0] > 0], config)
    with pytest.raises(ValueError, match="finite"):
        svd(da.from_array(np.where(data() > 5.0, np.nan, data()), chunks=(37, 20)), rank=3)


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.long)])
def test_every_scheduler_gives_the_same_bits(processes):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    x = lazy_x = da.from_array(data(dtype="complex64"), chunks=(20, 9))
    config = orthola.SVDConfig(features=20, rank=3, engine="brand")
    lazy, again = svd_state(x, config), svd_state(x, config)
    assert lazy.key == again.key
    expected = lazy.compute(scheduler="sync")
    found = [again.compute(scheduler="threads", num_workers=4)]
    # Strips and states are pickled on their way from one process to the other.
    with (
        distributed.LocalCluster(
            n_workers=1 + processes,
            threads_per_worker=2 - processes,
            processes=processes,
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster),
    ):
        found.append(lazy.compute())
        panels = svd(x, rank=3, max_memory=20 * 9 * 8 * 4)
    for state in found:
        for name, x, y in zip(state._fields, state, expected, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=name)
    same = svd(lazy_x, rank=3, max_memory=20 * 9 * 8 * 4)
    np.testing.assert_array_equal(panels.basis, same.basis)
