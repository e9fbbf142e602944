"""Derivatives of frames, their inverse, and reflectors of frames in JAX: both modes, Hessians."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import cayley_frame, cayley_frame_inverse, haar, householder_vectors
from orthola.testing import gaussian

jax = pytest.importorskip("jax", reason="JAX is not installed")
from jax.test_util import check_grads  # noqa: E402

dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])
BOTH = {"modes": ("fwd", "rev"), "rtol": 1e-4, "atol": 1e-4}


def drawn(n, k, dtype="float64", seed=0):
    return jax.numpy.asarray(gaussian(n, k, dtype=dtype, rng=seed) / 2)


def frame(n, k, dtype="float64", seed=0):
    return jax.numpy.asarray(haar(n, k, dtype=dtype, rng=seed))


def drawn_signs(k, dtype):
    return [1.0, -1.0, 1.0][:k] if dtype == "float64" else [1j, -1.0, (3 + 4j) / 5][:k]


@dtypes
def test_frames_in_both_modes_and_second_order(dtype):
    signs = drawn_signs(3, dtype)
    for n in (5, 3):
        x = drawn(n, 3, dtype)
        check_grads(lambda x: cayley_frame(x, scale=0.8, signs=signs), (x,), 2, **BOTH)


@dtypes
def test_the_inverse_in_both_modes_and_along_frames_to_second_order(dtype):
    signs = drawn_signs(3, dtype)
    q, y = cayley_frame(drawn(5, 3, dtype, 1), signs=signs), drawn(5, 3, dtype, 2)

    def coordinates(q):
        return cayley_frame_inverse(q, scale=0.8, signs=signs).skew

    check_grads(coordinates, (q,), 1, **BOTH)
    check_grads(lambda y: coordinates(cayley_frame(y, signs=signs)) ** 2, (y,), 2, **BOTH)


@dtypes
def test_vectors_in_both_modes_and_second_order(dtype):
    q = frame(5, 3, dtype, 3)
    check_grads(lambda q: tuple(householder_vectors(q)[:3]), (q,), 2, **BOTH)


def test_gradients_equal_differences():
    x, w, q = drawn(5, 2, seed=4), drawn(5, 2, seed=5), frame(5, 2, seed=6)
    functions = [
        (lambda x: (w * cayley_frame(x)).sum(), x),
        (lambda q: (w * cayley_frame_inverse(q).skew).sum(), q),
        (lambda q: (w * householder_vectors(q).vectors).sum(), q),
    ]
    for loss, at in functions:
        gradient, step = np.asarray(jax.jit(jax.grad(loss))(at)), 1e-6
        for index in np.ndindex(5, 2):
            t = np.zeros((5, 2))
            t[index] = step
            difference = (loss(at + t) - loss(at - t)) / (2 * step)
            assert abs(gradient[index] - difference) <= 1e-8 * (1 + abs(difference))


def test_vmap_and_hessian():
    x = jax.numpy.asarray(gaussian(4, 2, shape=(3,), rng=7) / 2)
    q = jax.numpy.asarray(haar(4, 2, shape=(3,), rng=8))
    functions = [
        (cayley_frame, x),
        (lambda q: cayley_frame_inverse(q).skew, q),
        (lambda q: householder_vectors(q).vectors, q),
    ]
    for function, stack in functions:
        assert np.abs(jax.vmap(function)(stack) - function(stack)).max() <= 1e-12
    hessian = jax.hessian(lambda x: (cayley_frame(x) ** 3).sum())
    mapped = np.asarray(jax.jit(jax.vmap(hessian))(x))
    each = np.stack([hessian(one) for one in x])
    assert np.abs(mapped - each).max() <= 1e-12
    assert np.abs(each - np.transpose(each, (0, 3, 4, 1, 2))).max() <= 1e-12
    assert np.abs(each[:, 2:, :, 2:]).max() > 1e-3


@dtypes
def test_forward_and_reverse_mode_are_adjoint(dtype):
    x, dx, bar = drawn(6, 4, dtype, 9), drawn(6, 4, dtype, 10), drawn(6, 4, dtype, 11)
    _, tangent = jax.jvp(cayley_frame, (x,), (dx,))
    _, back = jax.vjp(cayley_frame, x)
    # JAX pairs cotangents without conjugation.
    left, right = (bar * tangent).sum(), (back(bar)[0] * dx).sum()
    assert abs(left.real - right.real) <= 1e-13 * (1 + abs(left))


def test_large_parameters_in_a_compiled_stack():
    x = np.stack([np.asarray(drawn(6, 3, seed=12)) * size for size in (1e-3, 1.0, 1e4, 1e8)])
    x[3] = np.outer(x[3, :, 0], x[0, 0])
    q, back = jax.jit(lambda x: jax.vjp(cayley_frame, x))(jax.numpy.asarray(x))
    gram = np.swapaxes(q, -1, -2) @ q
    assert np.abs(gram - np.eye(3)).max() <= 1e-14
    assert np.isfinite(np.asarray(back(q**2)[0])).all()
