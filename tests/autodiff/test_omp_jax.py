"""Derivatives of `omp` in JAX: both modes, second order, vmap; real and complex."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from orthola import omp
from orthola.testing import gaussian

jax = pytest.importorskip("jax", reason="JAX is not installed")
jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")

K = 2
WEIGHTS = {dtype: gaussian(3, K, dtype=dtype, rng=3) for dtype in ("float64", "complex128")}


def problem(dtype):
    y, a = gaussian(3, 5, dtype=dtype, rng=1), gaussian(7, 5, dtype=dtype, rng=2)
    return jnp.asarray(y), jnp.asarray(a)


def loss(y, a):
    """A real number that depends on coefficients and residuals."""
    codes = omp(y, a, n_nonzero=K)
    weights = WEIGHTS[str(y.dtype)]
    return (weights * codes.coefficients).real.sum() + (codes.residual_norm**3).sum()


@functools.cache
def compiled():
    def curvature(arrays, tangents):
        return jax.jvp(lambda *x: jax.grad(loss, (0, 1))(*x), arrays, tangents)

    return jax.jit(loss), jax.jit(curvature)


def test_first_and_second_derivatives_agree_with_differences():
    dtype = "complex128"  # real ones: the test of both modes below
    value, curvature = compiled()
    arrays = problem(dtype)
    tangents = tuple(
        jnp.asarray(0.1 * gaussian(*x.shape, dtype=dtype, rng=7 + i)) for i, x in enumerate(arrays)
    )
    gradient, change = curvature(arrays, tangents)
    # JAX gives the conjugate of the direction of steepest ascent.
    slope = sum(float((g * t).real.sum()) for g, t in zip(gradient, tangents, strict=True))
    second = sum(float((g * t).real.sum()) for g, t in zip(change, tangents, strict=True))
    steps = 2.0 ** -np.arange(7.0, 11.0)
    at = [value(*(x + h * t for x, t in zip(arrays, tangents, strict=True))) for h in steps]
    plain = np.array([float(x) for x in at]) - float(value(*arrays))
    errors = np.abs(plain - steps * slope - steps**2 / 2 * second)
    orders = np.diff(np.log2(errors)) / np.diff(np.log2(steps))
    assert orders[-1] > 2.7


def test_forward_and_reverse_mode_agree():
    y, a = problem("float64")

    def outputs(y, a):
        codes = omp(y, a, n_nonzero=K, tol=0.01)
        return codes.coefficients, codes.residual_norm

    forward = jax.jit(jax.jacfwd(outputs, (0, 1)))(y, a)
    reverse = jax.jit(jax.jacrev(outputs, (0, 1)))(y, a)
    for x, z in zip(jax.tree.leaves(forward), jax.tree.leaves(reverse), strict=True):
        np.testing.assert_allclose(x, z, atol=1e-12)
        assert np.abs(x).max() > 0


def test_vmap_of_grad_and_exact_fits():
    y, a = problem("float64")
    y = y.at[0].set(3.0 * a[2]).at[1].set(0.0)

    def one(y, a):
        codes = omp(y[None, :], a, n_nonzero=K, normalize=True)
        return codes.coefficients.sum() + codes.residual_norm.sum()

    gradients = jax.jit(jax.vmap(jax.grad(one), (0, None)))(y, a)
    assert np.isfinite(gradients).all()
    np.testing.assert_allclose(gradients[0], a[2] / (a[2] @ a[2]), atol=1e-13)
    assert not gradients[1].any()
    assert np.abs(gradients[2]).max() > 0
