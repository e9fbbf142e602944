"""Derivatives of the retractions in JAX: both modes, jit, vmap, Hessian."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from orthola import haar, project_tangent, retract
from orthola.testing import gaussian

jax = pytest.importorskip("jax", reason="JAX is not installed")
from jax.test_util import check_grads  # noqa: E402

METHODS = ("cayley", "polar", "qr")
methods = pytest.mark.parametrize("method", METHODS)
dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])


def drawn(n, k, dtype="float64", *, shape=(), scale=1.0, seed=0):
    x = haar(n, k, shape=shape, dtype=dtype, rng=seed)
    z = scale * gaussian(n, k, shape=shape, dtype=dtype, rng=seed + 1)
    return jax.numpy.asarray(x), jax.numpy.asarray(z)


@functools.cache
def compiled(method):
    return jax.jit(functools.partial(retract, method=method))


@methods
@dtypes
def test_in_the_step(dtype, method):
    x, z = drawn(4, 2, dtype)
    check_grads(
        lambda z: compiled(method)(x, z), (z,), 2, modes=("fwd", "rev"), rtol=1e-4, atol=1e-4
    )


def test_at_zero_and_in_the_base():
    x, z = drawn(4, 2, scale=0.0)
    w = jax.numpy.asarray(gaussian(4, 2, dtype="float64", rng=5))
    for method in METHODS:
        gradient = jax.grad(lambda z, m=method: (w * compiled(m)(x, z)).sum())(z)
        assert np.abs(gradient - project_tangent(x, w)).max() <= 1e-14
    x, z = drawn(4, 2)

    def along_frames(w, z):
        return compiled("cayley")(compiled("cayley")(x, w), z)

    check_grads(along_frames, (w, z), 2, modes=("fwd", "rev"), rtol=1e-4, atol=1e-4)
    check_grads(project_tangent, (x, z), 1, modes=("fwd", "rev"), rtol=1e-4, atol=1e-4)


def test_long_steps_have_the_derivative_of_the_dense_form():
    x, z = drawn(5, 2, scale=20.0)
    _, t = drawn(5, 2, seed=3)

    def dense(z):
        p = project_tangent(x, z)
        b = p - x @ (x.T @ p) / 2
        a = b @ x.T - x @ b.T
        return jax.numpy.linalg.solve(jax.numpy.eye(5) - a / 2, x + a @ x / 2)

    found, along = jax.jvp(lambda z: compiled("cayley")(x, z), (z,), (t,))
    expected, same = jax.jvp(dense, (z,), (t,))
    assert np.abs(found - expected).max() <= 1e-12
    assert np.abs(along - same).max() <= 1e-12


def test_vmap_and_hessian():
    x, z = drawn(4, 2, shape=(3,), scale=3.0)

    def loss(z, x):
        return (compiled("cayley")(x, z) ** 3).sum()

    mapped = jax.vmap(compiled("cayley"))(x, z)
    assert np.abs(mapped - compiled("cayley")(x, z)).max() <= 1e-14
    mapped = jax.vmap(jax.hessian(loss))(z, x)
    each = np.stack([jax.hessian(loss)(*pair) for pair in zip(z, x, strict=True)])
    assert np.abs(mapped - each).max() <= 1e-12
    assert np.abs(each - np.transpose(each, (0, 3, 4, 1, 2))).max() <= 1e-12
