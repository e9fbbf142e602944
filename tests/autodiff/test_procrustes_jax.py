"""Derivatives of `procrustes` in JAX: both modes, Hessians, jit, vmap."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import orthola
from orthola import Status, procrustes
from orthola.testing import gaussian

jax = pytest.importorskip("jax", reason="JAX is not installed")
jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")

ALL = {"rotation_only": True, "scaling": True, "translation": True}
WEIGHTS = gaussian(3, 3, rng=11)


def loss(a, b, w, **options):
    """A real number that depends on all outputs."""
    fit = procrustes(a, b, weights=w, **options)
    r, s, t = fit.transform
    return (WEIGHTS * r).sum() + (s**2).sum() + (t**3).sum() + (fit.residual**2).sum()


@functools.cache
def compiled(options):
    function = functools.partial(loss, **dict(options))
    everything = (0, 1, 2)

    def curvature(arrays, tangents):
        gradient = lambda *x: jax.grad(function, everything)(*x)  # noqa: E731
        return jax.jvp(gradient, arrays, tangents)

    return jax.jit(function), jax.jit(curvature)


def points(name):
    q = np.linalg.qr(gaussian(7, 6, rng=3))[0]
    a, e = q[:, :3], q[:, 3:]
    x = gaussian(7, 3, rng=0)
    a, b = {
        "M = I": (a, a + 0.3 * e),
        "M = c I": (2.0 * a, 1.5 * a + 0.3 * e),
        "negative determinant": (x, x @ np.diag([1.0, 1.0, -1.0]) + 0.1 * a),
        "rank two": (a * [2.0, 1.0, 0.0], a + 0.3 * e),
    }[name]
    return tuple(jnp.asarray(x) for x in (a, b, np.linspace(0.5, 2.0, 7)))


CASES = [
    ("M = I", {}),
    ("M = c I", {}),
    ("M = I", ALL),
    ("M = c I", ALL),
    ("negative determinant", ALL),
    ("rank two", ALL),
]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_first_and_second_derivatives_agree_with_differences(name, options):
    value, curvature = compiled(tuple(options.items()))
    arrays = points(name)
    if name in ("M = I", "M = c I"):  # weights would make another M of them
        arrays = (*arrays[:2], jnp.ones(7))
    rng = np.random.default_rng(1)
    tangents = tuple(jnp.asarray(0.1 * rng.standard_normal(x.shape)) for x in arrays)
    gradient, change = curvature(arrays, tangents)
    slope = sum(float((g * t).sum()) for g, t in zip(gradient, tangents, strict=True))
    second = sum(float((g * t).sum()) for g, t in zip(change, tangents, strict=True))
    assert np.isfinite([slope, second]).all()
    steps = 2.0 ** -np.arange(5.0, 9.0)
    at = [value(*(x + h * t for x, t in zip(arrays, tangents, strict=True))) for h in steps]
    plain = np.array([float(x) for x in at]) - float(value(*arrays))
    errors = np.abs(plain - steps * slope - steps**2 / 2 * second)
    orders = np.diff(np.log2(errors)) / np.diff(np.log2(steps))
    assert orders[-1] > 2.7


def test_forward_and_reverse_mode_agree():
    arrays = points("negative determinant")

    def rotation(a, b, w):
        return procrustes(a, b, weights=w, rotation_only=True).transform.rotation

    forward = jax.jit(jax.jacfwd(rotation, (0, 1, 2)))(*arrays)
    reverse = jax.jit(jax.jacrev(rotation, (0, 1, 2)))(*arrays)
    for x, y in zip(forward, reverse, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-13)


def test_vmap_of_grad_is_the_gradient_of_each():
    rng = np.random.default_rng(0)
    a, b = (jnp.asarray(rng.standard_normal((4, 7, 3))) for _ in range(2))
    w = jnp.asarray(rng.uniform(0.5, 2.0, (4, 7)))
    gradient = jax.grad(functools.partial(loss, **ALL), (0, 1, 2))
    every = jax.jit(jax.vmap(gradient))(a, b, w)
    for i in range(4):
        for x, y in zip(every, gradient_of_one(a[i], b[i], w[i]), strict=True):
            np.testing.assert_allclose(x[i], y, atol=1e-12)


def gradient_of_one(*arrays):
    """By the function that is compiled already."""
    _, curvature = compiled(tuple(ALL.items()))
    return curvature(arrays, tuple(jnp.zeros_like(x) for x in arrays))[0]


def test_exact_fits_and_undetermined_points_have_finite_gradients():
    a = jnp.asarray(gaussian(7, 3, rng=0))
    r = jnp.asarray(orthola.haar(3, rng=1))
    for x in (a, a.at[:, 1:].set(0.0), jnp.zeros_like(a)):
        assert all(np.isfinite(g).all() for g in gradient_of_one(x, x @ r, jnp.ones(7)))


def test_complex_gradients_are_those_of_real_parts():
    a, b = (gaussian(5, 2, dtype="complex128", rng=k) for k in (0, 1))
    weight = gaussian(2, 2, dtype="complex128", rng=2)

    def value(a, b):
        fit = procrustes(a, b, scaling=True, translation=True)
        return (weight * fit.transform.rotation).real.sum() + fit.residual

    gradient = jax.jit(jax.grad(value))(jnp.asarray(a), jnp.asarray(b))
    t = 1e-6 * gaussian(5, 2, dtype="complex128", rng=3)
    slope = float((gradient * t).real.sum())  # JAX: the conjugate of the other convention
    ahead, behind = (float(value(jnp.asarray(x), jnp.asarray(b))) for x in (a + t, a - t))
    change = (ahead - behind) / 2
    assert abs(change - slope) <= 1e-6 * abs(slope)


def test_jit_marks_bad_items_instead_of_raising():
    a = gaussian(6, 3, shape=(3,), rng=0)
    a[1, 0, 0] = np.nan
    a[2, 0, :] = 0.0
    w = np.ones((3, 6))
    w[2, 0] = -1.0
    fit = jax.jit(lambda a, b, w: procrustes(a, b, weights=w))(a, gaussian(6, 3, rng=1), w)
    assert fit.status.tolist() == [Status.OK, Status.NONFINITE, Status.BOUND_VIOLATED]
    assert np.isnan(fit.transform.rotation[1]).all()
    with pytest.raises(ValueError, match="finite"):
        procrustes(jnp.asarray(a), jnp.asarray(a))
