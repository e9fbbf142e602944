"""The same numbers from every library; fixed shapes under JAX's jit."""

import numpy as np
import pytest

import orthola
from orthola._lowrank.state import SVDConfig
from tests.isolation import to_numpy

EAGER_JAX = (("exact-r", "complex64"), ("exact-gram", "float64"))
ENGINES = ("brand", "exact-r", "exact-gram")


def data(dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((48, 5)) @ rng.standard_normal((5, 30))
    x = x + 1e-2 * rng.standard_normal(x.shape)
    if dtype.startswith("complex"):
        x = x + 1j * rng.standard_normal((48, 3)) @ rng.standard_normal((3, 30))
    return x.astype(dtype)


def update(state, block, config):
    return orthola.svd_update(state, block, config)


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_library(backend, dtype, engine):
    if dtype not in backend.dtypes:
        pytest.skip(f"{backend.name} holds no {dtype}")
    if backend.jitted and (engine, dtype) != ("brand", "float64"):
        pytest.skip("compiled once; the other engines have an eager run")
    if backend.name == "jax" and (engine, dtype) not in EAGER_JAX:
        pytest.skip("JAX compiles each operation of it; the others are compiled as a whole")
    x = data(dtype)
    config = SVDConfig(features=30, rank=4, engine=engine, center=True, oversample=3)
    expected = orthola.svd_init(config, dtype=dtype)
    state = orthola.svd_init(
        config, xp=backend.xp, dtype=getattr(backend.xp, dtype), device=backend.device
    )
    for block in np.split(x, 3):
        expected = orthola.svd_update(expected, block, config)
        state = backend.call(update, state, backend.asarray(block), config=config)
    one = orthola.svd_result(expected, config)
    two = orthola.svd_result(orthola.svd_merge(state, state, config), config)
    both = orthola.svd_result(orthola.svd_merge(expected, expected, config), config)
    result = orthola.svd_result(state, config)
    eps = np.finfo(dtype).eps
    for mine, other in ((result, one), (two, both)):
        gap = np.abs(to_numpy(mine.singular_values) - other.singular_values).max()
        assert gap <= 100 * eps * other.singular_values[0]
        assert np.allclose(to_numpy(mine.basis), other.basis, atol=1e4 * eps)
        assert mine.basis.dtype == state.sketch.dtype
        assert int(mine.status) == int(other.status)
    exact = x.astype("complex128")
    truth = np.linalg.svd(exact - exact.mean(0), compute_uv=False)
    low, high = to_numpy(result.certificate.sigma_interval).T
    assert np.all(low <= truth[: len(low)])
    assert np.all(truth[: len(low)] <= high)


def test_compiled_updates_keep_their_shapes():
    import jax

    config = SVDConfig(features=30, rank=3, engine="stack", tol=None, forget=0.9)
    compiled = jax.jit(orthola.svd_update, static_argnums=2)
    state = orthola.svd_init(config, xp="jax", dtype="float64")
    shapes = [x.shape for x in state]
    expected = orthola.svd_init(config)
    for block in np.split(data("float64"), 6):
        state = compiled(state, jax.numpy.asarray(block), config)
        expected = orthola.svd_update(expected, block, config)
    assert [x.shape for x in state] == shapes
    finish = jax.jit(orthola.svd_result, static_argnums=1)
    one, two = finish(state, config), orthola.svd_result(expected, config)
    assert np.allclose(one.singular_values, two.singular_values, rtol=1e-12)
    assert np.allclose(one.certificate.error, two.certificate.error, rtol=1e-9)
    assert compiled._cache_size() == 1


def test_compiled_tolerance_is_capped():
    import jax

    config = SVDConfig(features=30, tol=1e-3, max_rank=4, engine="brand")
    state = orthola.svd_init(config, xp="jax", dtype="float64")
    state = jax.jit(orthola.svd_update, static_argnums=2)(
        state, jax.numpy.asarray(data("float64")), config
    )
    result = orthola.svd_result(state, config)
    assert int(result.status) == orthola.Status.RANK_CAPPED


def test_torch_stream_through_files(tmp_path):
    import torch

    x = torch.from_numpy(data("float32"))
    svd = orthola.IncrementalSVD(4, engine="brand", center=True)
    for block in torch.split(x, 7):
        svd.partial_fit(block)
    svd.save(tmp_path / "svd.npz")
    again = orthola.IncrementalSVD.load(tmp_path / "svd.npz")
    assert all(bool(torch.equal(a, b)) for a, b in zip(svd.state, again.state, strict=True))
    assert isinstance(again.result().basis, torch.Tensor)
    there = orthola.IncrementalSVD.load(tmp_path / "svd.npz", xp="numpy")
    assert np.allclose(there.result().basis, svd.result().basis.numpy())
    with pytest.raises(ValueError, match="expected arrays of torch"):
        again.partial_fit(data("float32"))


def test_tensors_that_are_tracked():
    import torch

    x = torch.from_numpy(data("float64")).requires_grad_()
    config = SVDConfig(features=30, rank=4, engine="brand")
    state = orthola.svd_init(config, xp="torch", dtype=torch.float64)
    assert not orthola.svd_update(state, x, config).factor.requires_grad
