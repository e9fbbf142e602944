"""Derivatives of `skew_exp` and `skew_exp_frame` in JAX: both modes, jit, vmap, Hessian."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from orthola import skew_exp
from orthola._maps.exponential_frame import skew_exp_frame
from orthola.testing import gaussian

jax = pytest.importorskip("jax", reason="JAX is not installed")
jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")

BOUND = 5.0  # no squarings, so that little is compiled
STEP = 1e-5
dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])


def drawn(m, n, dtype="float64", seed=0, shape=()):
    return jnp.asarray(gaussian(m, n, dtype=dtype, rng=seed, shape=shape))


def equal_angles(dtype):
    """Two equal blocks: every angle occurs twice."""
    block = gaussian(2, 2, dtype=dtype, rng=1)
    return jnp.asarray(np.kron(np.eye(2), (block - block.conj().T) / 2))


def dependent(dtype):
    """QR has no derivative here."""
    x = drawn(5, 2, dtype, seed=3)
    return 0.5 * x.at[2:, 1].set(x[2:, 0])


def bounded_exp(a):
    return skew_exp(a, norm_bound=BOUND)


def bounded_frame(x):
    return skew_exp_frame(x, norm_bound=BOUND)


@functools.cache
def compiled(function, shape, dtype):
    """A loss of the parts of a matrix, its gradient, and derivatives of that in both modes."""
    weights = drawn(*shape, "complex128", seed=7)
    weights = weights if dtype == "complex128" else weights.real

    def loss(parts):
        x = (parts[0] + 1j * parts[1]) if dtype == "complex128" else parts[0]
        q = function(x)
        return (weights.conj() * q + q * q * weights.sum()).real.sum()

    def all_of_it(parts, t):
        value, along = jax.jvp(loss, (parts,), (t,))
        gradient, second = jax.jvp(jax.grad(loss), (parts,), (t,))
        backward = jax.grad(lambda p: (jax.grad(loss)(p) * t).sum())(parts)
        return value, along, gradient, second, backward

    return jax.jit(all_of_it)


def assert_derivatives(function, x, dtype):
    parts = jnp.stack([x.real, x.imag]) if dtype == "complex128" else x[None]
    t = jnp.asarray(np.random.default_rng(5).standard_normal(parts.shape))
    at = compiled(function, x.shape, dtype)
    _, along, gradient, second, backward = at(parts, t)
    ahead, behind = at(parts + STEP * t, t), at(parts - STEP * t, t)
    assert abs(along - (ahead[0] - behind[0]) / (2 * STEP)) <= 1e-8 * (1 + abs(along))
    assert abs(along - (gradient * t).sum()) <= 1e-12 * (1 + abs(along))
    difference = (ahead[2] - behind[2]) / (2 * STEP)
    size = 1 + np.abs(second).max()
    assert np.abs(second - difference).max() <= 1e-7 * size
    assert np.abs(second - backward).max() <= 1e-12 * size


@pytest.mark.parametrize("case", ["general", "zero", "equal angles"])
@dtypes
def test_exp_repeated_angles_gradient(dtype, case):
    a = {"general": drawn(4, 4, dtype), "zero": 0 * drawn(4, 4, dtype)}.get(case)
    assert_derivatives(bounded_exp, equal_angles(dtype) if a is None else a, dtype)


@pytest.mark.parametrize("case", ["general", "zero", "dependent"])
@dtypes
def test_frames(dtype, case):
    x = {"general": drawn(5, 2, dtype), "zero": 0 * drawn(5, 2, dtype)}.get(case)
    assert_derivatives(bounded_frame, dependent(dtype) if x is None else x, dtype)


def test_without_a_bound():
    a, w = 5.0 * drawn(3, 3), drawn(3, 3, seed=2)

    def loss(a, **options):
        return (w * skew_exp(a, **options)).sum()

    value, gradient = jax.jit(jax.value_and_grad(loss))(a)
    other = jax.value_and_grad(functools.partial(loss, norm_bound=40.0))
    expected = jax.jit(other)(a)
    assert abs(value - expected[0]) <= 1e-13
    assert np.abs(gradient - expected[1]).max() <= 1e-13


def test_vmap_and_hessian():
    a = drawn(3, 3, shape=(4,))

    def loss(a):
        return (bounded_exp(a) ** 3).sum()

    assert np.abs(jax.jit(jax.vmap(bounded_exp))(a) - bounded_exp(a)).max() <= 1e-14
    hessian = jax.jit(jax.hessian(loss))
    mapped = jax.vmap(hessian)(a)
    each = np.stack([hessian(one) for one in a])
    assert np.abs(mapped - each).max() <= 1e-12
    assert np.abs(each - np.transpose(each, (0, 3, 4, 1, 2))).max() <= 1e-12
