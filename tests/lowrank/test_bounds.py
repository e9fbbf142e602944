"""`concat_svd_bounds`: never below the truth, in their proven order, tight where they should be."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import concat_svd_bounds
from orthola.testing import gaussian
from tests.isolation import to_numpy

UPPER = ("weyl", "residual", "incremental", "best", "union")
SLACK = 1e-13  # relative to the norm, for rounding of the reference and of the order


def wide_of(dtype):
    return np.complex128 if "complex" in dtype else np.float64


def truth(blocks, rank, axis=1):
    s = np.linalg.svd(np.concatenate(blocks, axis=axis), compute_uv=False)
    total = np.sum(s**2)
    return np.sqrt(np.sum(s[rank:] ** 2) / total) if total else 0.0


def random_group(seed, dtype="float64"):
    """Blocks of any widths and strengths that share decaying directions."""
    rng = np.random.default_rng(seed)
    d, count, rank = rng.integers(2, 20), rng.integers(1, 7), int(rng.integers(1, 8))
    shared = rng.standard_normal((d, d)) * 10.0 ** -np.linspace(0, rng.choice([0, 3, 12]), d)
    blocks = []
    for _ in range(count):
        width = int(rng.integers(1, 25))
        block = shared @ gaussian(d, width, dtype=wide_of(dtype).__name__, rng=rng)
        blocks.append((block * 10.0 ** rng.integers(-3, 4)).astype(dtype))
    return blocks, rank


def assert_valid(found, blocks, rank, axis=1):
    error = truth([to_numpy(x).astype(wide_of(x.dtype.name)) for x in blocks], rank, axis)
    for name in UPPER:
        assert float(getattr(found, name)) >= error, name
    assert float(found.lower) <= error + SLACK


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex64", "complex128"])
def test_random_groups_are_never_below_the_truth(dtype):
    for seed in range(60):
        blocks, rank = random_group(seed, dtype)
        assert_valid(concat_svd_bounds(blocks, rank, axis=1), blocks, rank)


def test_bound_order():
    for seed in range(100, 200):
        blocks, rank = random_group(seed, "complex128" if seed % 2 else "float64")
        found = concat_svd_bounds(blocks, rank, axis=1)
        assert found.incremental <= found.union + SLACK
        assert found.union <= min(found.weyl, found.residual) + SLACK
        assert found.best <= found.incremental


def test_weyl_wide_block():
    wide = 10 * gaussian(100, 50, dtype="float64", rng=0)
    blocks = [wide, gaussian(100, 30, dtype="float64", rng=1)]
    assert_valid(concat_svd_bounds(blocks, 10, axis=1), blocks, 10)
    assert_valid(concat_svd_bounds(blocks[:1], 10, axis=1), blocks[:1], 10)


def test_residual_pointwise():
    a, b = np.array([[1.0], [0.0]]), np.array([[10.0], [1.0]])
    found = concat_svd_bounds([a, b], 1, axis=1)
    # {1, 1} are the values of the construction, (10.10, 0.099) those of the matrix.
    assert np.linalg.svd(np.hstack([a, b]), compute_uv=False)[1] < 0.1
    assert found.residual == pytest.approx(np.sqrt(101 / 102), abs=1e-12)
    assert_valid(found, [a, b], 1)


def test_shared_energy_is_seen_by_the_incremental_bound_alone():
    u = np.linalg.qr(gaussian(40, 4, dtype="float64", rng=2))[0]
    blocks = [u @ gaussian(4, 4, dtype="float64", rng=j) for j in range(3, 9)]
    found = concat_svd_bounds(blocks, 4, axis=1)
    assert found.incremental < 1e-13
    assert found.best == found.incremental
    assert found.union > 0.5


def test_tiny_error():
    rng = np.random.default_rng(0)
    u = np.linalg.qr(rng.standard_normal((60, 12)))[0]
    sigma = np.array([1.0] * 5 + [1e-11] * 7)
    blocks = [u * sigma @ rng.standard_normal((12, 20)) for _ in range(5)]
    error = truth(blocks, 5)
    found = concat_svd_bounds(blocks, 5, axis=1)
    assert error < 4e-11
    assert found.lower == pytest.approx(error, rel=1e-3)
    assert found.incremental == pytest.approx(error, rel=1e-3)
    assert_valid(found, blocks, 5)


@pytest.mark.parametrize("exponent", [-900, 900])
def test_huge_scale(exponent):
    blocks, rank = random_group(3)
    plain = concat_svd_bounds(blocks, rank, axis=1)
    scaled = concat_svd_bounds([np.ldexp(x, exponent) for x in blocks], rank, axis=1)
    assert np.allclose(plain, scaled, rtol=1e-12, atol=1e-16)


def test_complex_conjugate():
    blocks, rank = random_group(5, "complex128")
    found = concat_svd_bounds(blocks, rank, axis=1)
    assert np.allclose(found, concat_svd_bounds([x.conj() for x in blocks], rank, axis=1))
    rows = concat_svd_bounds([x.conj().T for x in blocks], rank)
    assert np.allclose(found, rows, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("backend", ["numpy-readonly", "strict", "torch", "jax"], indirect=True)
def test_other_libraries(backend, dtype):
    blocks = [gaussian(6, b, dtype=dtype, rng=b) for b in (1, 9, 4)]
    arrays = [backend.asarray(x, dtype) for x in blocks]
    found = concat_svd_bounds(arrays, 3, axis=1)
    wide = backend.xp.float64 if "float64" in backend.dtypes else backend.xp.float32
    assert all(x.dtype == wide and x.shape == () for x in found)
    host = [float(to_numpy(x)) for x in found]
    assert np.allclose(host, concat_svd_bounds(blocks, 3, axis=1), rtol=1e-12)
    assert_valid(type(found)(*host), blocks, 3)


def test_special_blocks():
    zero, some = np.zeros((4, 3)), gaussian(4, 2, dtype="float64", rng=1)
    assert concat_svd_bounds([zero, zero], 1, axis=1) == (0.0,) * 6
    assert concat_svd_bounds([some, np.zeros((4, 0))], 2, axis=1).best < 1e-14
    assert_valid(concat_svd_bounds([zero, some], 1, axis=1), [zero, some], 1)
    assert np.isnan(concat_svd_bounds([some, np.full((4, 1), np.nan)], 1, axis=1)).all()
    assert concat_svd_bounds(np.ones((3, 2, 4)), 1).best < 1e-14


def test_static_mistakes():
    with pytest.raises(ValueError, match="number 1"):
        concat_svd_bounds([np.ones((3, 2)), np.ones((2, 2))], 1, axis=1)
    with pytest.raises(ValueError, match="at least one block"):
        concat_svd_bounds([], 1)
    with pytest.raises(ValueError, match="put it into a list"):
        concat_svd_bounds(np.ones((3, 2)), 1)
    with pytest.raises(ValueError, match="rank"):
        concat_svd_bounds([np.ones((3, 2))], 0)
    with pytest.raises(ValueError, match="axis"):
        concat_svd_bounds([np.ones((3, 2))], 1, axis=2)


def test_traced_arrays_are_refused():
    jax = pytest.importorskip("jax")
    with pytest.raises(TypeError, match="traced"):
        jax.jit(lambda x: concat_svd_bounds([x], 1).best)(jax.numpy.ones((3, 2)))
