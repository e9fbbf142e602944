"""Derivatives of products of reflectors in JAX: both modes, jit, vmap, Hessian."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import householder_apply, householder_product
from orthola.testing import gaussian

jax = pytest.importorskip("jax", reason="JAX is not installed")
from jax.test_util import check_grads  # noqa: E402

dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])
packings = pytest.mark.parametrize("packed", [False, True])


def drawn(m, n, dtype="float64", seed=0):
    return jax.numpy.asarray(gaussian(m, n, dtype=dtype, rng=seed))


@packings
@dtypes
def test_products_in_both_modes(dtype, packed):
    v, tau = drawn(4, 3, dtype), drawn(1, 3, dtype, 1)[0]
    given = jax.jit(lambda v, t: householder_product(v, t, packed=packed))
    tied = jax.jit(lambda v: householder_product(v, packed=packed, columns=4))
    check_grads(given, (v, tau), 1, modes=("fwd", "rev"), rtol=1e-6, atol=1e-6)
    check_grads(tied, (v,), 1, modes=("fwd", "rev"), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
@dtypes
def test_multiplication_in_both_modes(dtype, side, adjoint):
    v, tau = drawn(4, 3, dtype), drawn(1, 3, dtype, 1)[0]
    x = drawn(*((4, 2) if side == "left" else (2, 4)), dtype, 2)

    @jax.jit
    def function(v, tau, x):
        return householder_apply(v, tau, x, side=side, adjoint=adjoint)

    check_grads(function, (v, tau, x), 1, modes=("fwd", "rev"), rtol=1e-6, atol=1e-6)


@dtypes
def test_nested_derivative_householder(dtype):
    v, t, w = drawn(4, 3, dtype), drawn(4, 3, dtype, 5), drawn(4, 3, dtype, 6)

    def loss(v):
        return (w.conj() * householder_product(v) ** 2).real.sum()

    def along(f):  # derivative in direction t, forward
        return lambda v: jax.jvp(f, (v,), (t,))[1]

    def across(f):  # the same by reverse mode; JAX returns the conjugate of the cotangent
        return lambda v: (jax.grad(f)(v) * t).real.sum()

    found = [float(jax.jit(f)(v)) for f in (along(along(loss)), across(across(loss)))]
    slope, step = jax.jit(along(loss)), 1e-5
    difference = float((slope(v + step * t) - slope(v - step * t)) / (2 * step))
    assert max(abs(one - difference) for one in found) <= 1e-6 * max(1.0, abs(difference))


def test_jax_householder_has_gradient():
    v, w = drawn(5, 3), drawn(5, 3, seed=3)

    def loss(v):
        return (w * householder_product(v)).sum()

    gradient, step = np.asarray(jax.jit(jax.grad(loss))(v)), 1e-6
    for index in np.ndindex(5, 3):
        t = np.zeros((5, 3))
        t[index] = step
        difference = (loss(v + t) - loss(v - t)) / (2 * step)
        assert abs(gradient[index] - difference) <= 1e-8


def test_vmap_and_hessian():
    v = jax.numpy.asarray(gaussian(3, 2, shape=(4,), dtype="float64", rng=4))

    def loss(v):
        return (householder_product(v) ** 3).sum()

    mapped = jax.vmap(householder_product)(v)
    assert np.abs(mapped - householder_product(v)).max() <= 1e-14
    hessian = jax.jit(jax.hessian(loss))
    mapped = jax.vmap(hessian)(v)
    each = np.stack([hessian(one) for one in v])
    assert np.abs(mapped - each).max() <= 1e-12
    assert np.abs(each - np.transpose(each, (0, 3, 4, 1, 2))).max() <= 1e-12
