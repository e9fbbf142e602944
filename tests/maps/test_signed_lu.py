"""The elimination behind the inverse maps: W - [diag(s); 0] = L U, with the signs s it chooses."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import haar, householder_product, householder_vectors, options
from orthola._core.space import resolve
from orthola._maps.signed_lu import signed_lu
from orthola.testing import machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_LU = 10.0  # residual in units of m eps
C_ROUND_TRIP = 25.0  # in units of m eps, that is 50 m u

SHAPES = [(1, 1), (6, 6), (9, 4), (70, 40)]


def eliminated(w):
    return signed_lu(resolve("test", w)[0], w)


def judged(w, lu, signs, excess, dtype):
    """Residual, moduli of the signs, growth and excess of one item."""
    m, k = w.shape
    lower = np.tril(lu, -1) + np.eye(m, k)
    rest = w - lower @ np.triu(lu[:k])
    rest[np.arange(k), np.arange(k)] -= signs
    limit = C_LU * m * machine_epsilon(dtype)
    assert np.abs(rest).max() <= limit
    assert np.abs(np.abs(signs) - 1).max() <= limit
    assert np.abs(lower).max() <= 1 + limit
    assert excess <= limit


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_factors_on_every_library(backend, dtype, shape):
    w = haar(*shape, shape=(2,), dtype=dtype, rng=sum(shape))
    x = backend.asarray(w, dtype)
    outputs = backend.call(eliminated, x)
    assert_same_kind(outputs[0], x, shape=w.shape)
    for one, *parts in zip(w, *map(to_numpy, outputs), strict=True):
        judged(one, *parts, dtype)


def special(dtype):
    eye, phases = np.eye(5), np.exp(1j * np.arange(5))
    cases = {
        "identity": eye,
        "minus identity": -eye,
        "reflection": np.diag([1.0, -1.0, 1.0, 1.0, -1.0]),
        "reversal": eye[::-1],
        "cycle": np.roll(eye, 1, axis=0),
        "swap": eye[[1, 0, 2, 4, 3]],
        "one column": eye[:, 2:3],
        "first column": eye[:, :1],
        "tall part of a cycle": np.roll(eye, 2, axis=0)[:, :3],
        "turn by two right angles": np.kron(np.eye(2), [[0.0, -1.0], [1.0, 0.0]]),
    }
    if dtype.startswith("complex"):
        cases["phases"] = np.diag(phases)
        cases["reversed phases"] = np.diag(phases)[::-1]
        cases["imaginary"] = 1j * eye
    return {name: np.array(q, dtype) for name, q in cases.items()}


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_signed_lu_special(dtype, kernels):
    """Zero pivots, pivots of modulus one, k = 1 and k = n: the round trip is exact or nearly."""
    for name, q in special(dtype).items():
        with options(kernels=kernels):
            judged(q, *eliminated(q), dtype)
            v, tau, signs, status = householder_vectors(q)
        assert status == 0, name
        assert ((tau >= 1 - 1e-6) & (tau <= 2 + 1e-6)).all(), name
        back = householder_product(v, tau) * signs
        exact = "phases" not in name
        limit = 0.0 if exact else C_ROUND_TRIP * len(q) * machine_epsilon(dtype)
        assert np.abs(back - q).max() <= limit, name


@pytest.mark.parametrize("kernels", [True, False])
def test_a_zero_pivot_has_sign_minus_one(kernels):
    for dtype in ("float64", "complex128"):
        with options(kernels=kernels):
            _, signs, excess = eliminated(np.eye(4, dtype=dtype)[::-1].copy())
        assert signs[0] == -1
        assert excess <= 0


@pytest.mark.parametrize("kernels", [True, False])
def test_subnormal_pivots_have_signs_of_modulus_one(kernels):
    w = np.array([[3e-323 + 4e-323j], [1.0]])
    with options(kernels=kernels):
        _, signs, _ = eliminated(w)
    assert abs(abs(signs[0]) - 1) <= 4 * machine_epsilon("float64")


@pytest.mark.parametrize("kernels", [True, False])
def test_excess_tells_columns_longer_than_one(kernels):
    q = haar(8, 3, shape=(2,), rng=1)
    q[1, :, 0] = 3.0 * np.eye(8)[0]
    with options(kernels=kernels):
        _, _, excess = eliminated(q)
    assert excess[0] <= C_LU * 8 * machine_epsilon("float64")
    assert excess[1] == 2.0


@on_dtypes("float64")
def test_batched_equals_loop(backend, dtype):
    for shape in ((6, 4), (40, 36)):
        w = haar(*shape, shape=(2, 3), dtype=dtype, rng=2)
        together = [to_numpy(x) for x in backend.call(eliminated, backend.asarray(w, dtype))]
        for index in np.ndindex(2, 3):
            for one, stack in zip(eliminated(w[index]), together, strict=True):
                difference = np.abs(one - stack[index]).max()
                assert difference <= C_LU * shape[0] * machine_epsilon(dtype)


@pytest.mark.parametrize("shape", [(0, 4, 2), (2, 3, 0), (0, 0)], ids=str)
@on_dtypes("float64")
def test_empty_matrices(backend, dtype, shape):
    lu, signs, excess = backend.call(eliminated, backend.asarray(np.zeros(shape), dtype))
    assert tuple(lu.shape) == shape
    assert tuple(signs.shape) == (*shape[:-2], shape[-1])
    assert tuple(excess.shape) == shape[:-2]


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("layout", ["F", "strided", "reversed", "read-only"])
def test_memory_order_changes_nothing_and_nothing_is_written(layout, kernels):
    w = haar(40, 36, rng=3)
    laid = {
        "F": np.asfortranarray(w),
        "strided": np.repeat(w, 2, axis=1)[:, ::2],
        "reversed": w[::-1].copy()[::-1],
        "read-only": w.copy(),
    }[layout]
    laid.flags.writeable = False
    with options(kernels=kernels):
        for one, other in zip(eliminated(laid), eliminated(w), strict=True):
            assert np.abs(one - other).max() <= C_LU * 40 * machine_epsilon("float64")
    assert np.array_equal(laid, w)
