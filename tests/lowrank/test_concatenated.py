"""`concat_svd`: one pass over blocks of any width, both factors, certificates against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import Status, concat_svd
from orthola.testing import from_spectrum, gaussian, machine_epsilon
from tests.isolation import assert_same_kind, to_numpy

WIDTHS = (0, 1, 7, 3, 40, 1, 1, 12)
C_SIGMA = 100.0  # in units of eps sigma_1


def cut(matrix, axis, widths=WIDTHS):
    edges = np.cumsum(widths)[:-1]
    return np.split(matrix, edges, axis=axis)


def decaying(n, d, dtype, rng=0):
    wide = "complex128" if "complex" in dtype else "float64"
    sigma = 2.0 ** -np.arange(min(n, d))
    return from_spectrum(n, d, sigma, dtype=wide, rng=rng).astype(dtype)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("backend", ["numpy-readonly", "strict", "torch", "jax"], indirect=True)
def test_leading_triplets_on_every_library(backend, dtype, axis):
    x = decaying(65, 90, dtype)
    x = x if axis == 0 else x.T
    blocks = [backend.asarray(b, dtype) for b in cut(x, axis)]
    found = concat_svd(blocks, rank=4, axis=axis)
    other = [to_numpy(f) for f in found.factors(blocks)]
    assert_same_kind(found.basis, blocks[0], shape=(90, 4))
    wide = x.astype(np.result_type(dtype, np.float64))
    s = np.linalg.svd(wide, compute_uv=False)
    bound = C_SIGMA * machine_epsilon(dtype) * s[0]
    interval = to_numpy(found.certificate.sigma_interval)
    assert np.all(interval[:4, 0] <= s[:4])
    assert np.all(s[:4] <= interval[:4, 1])
    assert np.abs(to_numpy(found.singular_values) - s[:4]).max() <= bound + interval[0, 1] - s[0]
    assert float(found.norm) == pytest.approx(np.linalg.norm(wide), rel=C_SIGMA * bound)
    low, high = to_numpy(found.certificate.error)
    values = to_numpy(found.singular_values)
    joined = np.concatenate(other, axis=axis)
    if axis == 0:
        error = np.linalg.norm(joined * values @ to_numpy(found.components) - wide)
    else:
        error = np.linalg.norm(to_numpy(found.basis) * values @ joined - wide)
    assert error <= high * (1 + 1e-6) + bound  # what a second pass gives is never larger
    assert np.linalg.norm(s[4:]) <= error + bound
    assert low <= high


def test_tolerance_is_met_with_few_directions():
    x = decaying(65, 90, "float64", rng=1)
    s = np.linalg.svd(x, compute_uv=False)
    for tol in (0.3, 1e-2, 1e-5):
        found = concat_svd(cut(x, 0), tol=tol)
        projected = x - x @ found.basis @ found.components
        assert np.linalg.norm(projected) <= tol * np.linalg.norm(x)
        tails = np.sqrt(np.cumsum(s[::-1] ** 2))[::-1]
        least = int(np.sum(tails > tol * np.linalg.norm(x)))
        assert int(found.rank) <= least + 3


def test_generators_stacks_and_everything():
    x = gaussian(30, 6, dtype="float64", rng=2)
    s = np.linalg.svd(x, compute_uv=False)
    by_generator = concat_svd(b for b in cut(x, 0, (10, 5, 15)))
    by_stack = concat_svd(x.reshape(3, 10, 6))
    for found in (by_generator, by_stack):
        assert int(found.rank) == 6
        assert (
            np.abs(found.singular_values - s).max() <= C_SIGMA * machine_epsilon("float64") * s[0]
        )
        assert found.status == Status.OK
    orthonormal = np.concatenate(list(by_generator.factors(cut(x, 0, (10, 5, 15)))))
    assert np.abs(orthonormal.T @ orthonormal - np.eye(6)).max() < 1e-12


def test_first_batch_small_and_first_chunk_layout():
    x = decaying(65, 90, "float64", rng=3)
    plain = concat_svd([x], rank=5)
    kept = x.copy()
    flipped = np.asfortranarray(x[::-1])
    locked = x.view()
    locked.flags.writeable = False
    chunks = {
        "rows": [locked[i : i + 1] for i in range(65)],
        "empty first": [x[:0], *cut(locked, 0)],
        "fortran, negative stride": [flipped[::-1][:20], flipped[::-1][20:]],
    }
    for blocks in chunks.values():
        found = concat_svd(blocks, rank=5)
        assert np.allclose(found.singular_values, plain.singular_values, rtol=1e-3)
        a, b = found.certificate.sigma_interval[:5], plain.certificate.sigma_interval[:5]
        assert np.all(np.maximum(a[:, 0], b[:, 0]) <= np.minimum(a[:, 1], b[:, 1]))
    assert np.array_equal(x, kept)


def test_complex_conjugate():
    x = decaying(65, 90, "complex128", rng=4)
    found, other = concat_svd(cut(x, 0), rank=3), concat_svd(cut(x.conj(), 0), rank=3)
    assert np.allclose(found.singular_values, other.singular_values, rtol=1e-12)
    assert np.allclose(found.basis.conj(), other.basis, atol=1e-10)


def test_factors_of_values_below_rounding_are_zero():
    x = np.outer(np.ones(5), np.arange(4.0))
    found = concat_svd([x], rank=3)
    factor = found.factor(x)
    assert int(found.rank) == 1
    assert not np.any(factor[:, 1:])
    assert np.allclose(factor * found.singular_values @ found.components, x, atol=1e-13)


def test_static_mistakes_and_bad_values():
    with pytest.raises(ValueError, match="at least one block"):
        concat_svd([])
    with pytest.raises(ValueError, match="put it into a list"):
        concat_svd(np.ones((3, 2)))
    with pytest.raises(ValueError, match="put a single array"):
        concat_svd([np.ones(3)])
    with pytest.raises(ValueError, match="one number of features"):
        concat_svd([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(ValueError, match="one of rank, tol"):
        concat_svd([np.ones((2, 3))], rank=1, tol=0.1)
    bad = [np.ones((2, 3)), np.full((1, 3), np.nan)]
    with pytest.raises(ValueError, match="finite"):
        concat_svd(bad, rank=1)
    assert concat_svd(bad, rank=1, check_finite=False).status == Status.NONFINITE
