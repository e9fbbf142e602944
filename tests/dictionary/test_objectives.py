"""Objective, gradient, Frank-Wolfe gap, and what is said about a learned dictionary."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola._core.space import resolve
from orthola._dictionary.gradient import gradient
from orthola._dictionary.objectives import err4, frank_wolfe_gap, nuclear_norm_bound
from tests.dictionary.sampling import samples
from tests.isolation import to_numpy

GAMMA = {3: 2.0 * np.sqrt(2.0 / np.pi), 4: 3.0}


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("p", [2.5, 3.0, 4.0])
def test_gradient_formula(p, complex_):
    rng = np.random.default_rng(0)
    y, _ = samples(30, 5, complex_=complex_)
    a = rng.standard_normal((5, 5)) + (1j * rng.standard_normal((5, 5)) if complex_ else 0.0)
    space, _ = resolve("test", a)
    value, g = gradient(space, p, a, y)
    assert np.isclose(value, np.mean(np.sum(np.abs(y @ a.conj().T) ** p, axis=1)), rtol=1e-13)
    for direction in np.eye(25).reshape(25, 5, 5):
        for step in (1e-6, 1e-6j) if complex_ else (1e-6,):
            ahead, back = (gradient(space, p, a + s * step * direction, y)[0] for s in (1, -1))
            slope = np.sum((g.conj() * step / abs(step) * direction).real)
            assert abs((ahead - back) / 2e-6 - slope) <= 1e-6 * np.linalg.norm(g)


@pytest.mark.parametrize("p", [3, 4])
def test_one_hot_rows_are_the_maximum(p):
    y, d = samples(200000, 3, 0.3)
    space, _ = resolve("test", d)
    best = float(gradient(space, float(p), d, y)[0])
    assert abs(best / (3 * 0.3 * GAMMA[p]) - 1.0) <= 0.02
    for k in range(5):
        assert float(gradient(space, float(p), orthola.haar(3, rng=k), y)[0]) < best


@pytest.mark.parametrize("complex_", [False, True])
def test_gap_nonnegative(complex_):
    y, d = samples(500, 6, complex_=complex_)
    kind = "complex128" if complex_ else "float64"
    for k, radius in enumerate((1.0, 1.0, 0.5, 0.01)):
        assert frank_wolfe_gap(radius * orthola.haar(6, rng=k, dtype=kind), y) > 0
    found = orthola.orthogonal_dictionary(y, rng=0, refine=False, tol=1e-14, max_steps=500)
    value, _ = gradient(resolve("test", d)[0], 3.0, found.dictionary, y)
    gap = frank_wolfe_gap(found.dictionary, y)
    assert -1e-13 * value <= gap <= 1e-6 * value
    # Convexity: the step to the solution of the linear problem gains the gap at least.
    a = 0.8 * orthola.haar(6, rng=9, dtype=kind)
    space, _ = resolve("test", a)
    before, g = gradient(space, 3.0, a, y)
    after, _ = gradient(space, 3.0, orthola.polar(g).unitary, y)
    assert after >= before + frank_wolfe_gap(a, y)


@pytest.mark.parametrize("backend", ["numpy", "torch", "strict-restricted"], indirect=True)
def test_gap_bound_true(backend):
    rng = np.random.default_rng(3)
    g = rng.standard_normal((6, 7, 7)) + 1j * rng.standard_normal((6, 7, 7))
    exact = np.linalg.svd(g, compute_uv=False).sum(axis=-1)
    u = orthola.polar(g).unitary
    away = 1e-2 * rng.standard_normal((7, 7))
    near = orthola.polar(u + away).unitary
    for s, tight in ((u, 1e-11), (near, 0.2)):
        bound = to_numpy(nuclear_norm_bound(backend.asarray(g), backend.asarray(s)))
        finite = np.isfinite(bound)
        assert np.all(bound >= exact)
        assert np.all(bound[finite] <= exact[finite] * (1 + tight))
        assert finite.any()
    far = to_numpy(nuclear_norm_bound(backend.asarray(g), backend.asarray(-u)))
    assert np.all(np.isinf(far))


def test_signed_permutations_are_recovered():
    d = orthola.haar(6, rng=0)
    order, signs = np.array([3, 1, 5, 0, 2, 4]), np.array([1, -1, -1, 1, 1, -1.0])
    found = orthola.dictionary_recovery(signs[:, None] * d[order], d)
    assert np.allclose((signs[:, None] * d[order])[found.permutation] * found.phases[:, None], d)
    assert abs(found.err4) <= 1e-14
    assert found.share == 1.0
    assert np.all(found.cosines >= 1 - 1e-14)
    u = orthola.haar(4, rng=1, dtype="complex128", shape=2)
    turned = np.exp(1j * np.arange(4.0))[:, None] * u[:, ::-1]
    found = orthola.dictionary_recovery(turned, u)
    picked = np.take_along_axis(turned, found.permutation[..., None], axis=-2)
    # The phase is what takes the match to the true atom.
    assert np.allclose(found.phases[..., None] * picked, u)
    assert found.err4.shape == (2,)


def test_metric_lost_pair():
    n = 100
    d = np.eye(n)
    mixed = np.eye(n)
    mixed[:2, :2] = np.sqrt(0.5) * np.array([[1.0, 1.0], [1.0, -1.0]])
    found = orthola.dictionary_recovery(mixed, d)
    assert abs(found.err4 - 0.010) <= 1e-12
    assert abs(found.smallest - np.sqrt(0.5)) <= 1e-12
    assert abs(found.share - 0.98) <= 1e-12


def test_err4_is_twice_the_squared_angle():
    d = orthola.haar(8, rng=0)
    k = np.random.default_rng(1).standard_normal((8, 8))
    turned = orthola.skew_exp(1e-4 * (k - k.T)) @ d
    angles = np.arccos(np.sum(turned * d, axis=1).clip(-1, 1))
    assert abs(err4(turned, d) / (2.0 * np.mean(angles**2)) - 1.0) <= 1e-3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("backend", ["torch", "jax"], indirect=True)
def test_recovery_of_half_precision(backend, dtype):
    d = orthola.haar(4, rng=0)
    order = [2, 0, 3, 1]
    found = orthola.dictionary_recovery(backend.asarray(d[order], dtype), backend.asarray(d, dtype))
    assert found.permutation.tolist() == [1, 3, 0, 2]
    assert abs(found.err4) <= 1e-2  # rounded to half precision


def test_recovery_is_not_for_traced_arrays():
    import jax

    with pytest.raises(TypeError, match="outside of jit"):
        jax.jit(orthola.dictionary_recovery)(np.eye(3), np.eye(3))


def test_recovery_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="dictionary_recovery"):
        orthola.dictionary_recovery(np.eye(3), np.eye(4))
    with pytest.raises(ValueError, match="dictionary_recovery"):
        orthola.dictionary_recovery(np.ones((3, 4)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="threshold"):
        orthola.dictionary_recovery(np.eye(3), np.eye(3), threshold=0.0)
    with pytest.raises(ValueError, match="finite dictionaries"):
        orthola.dictionary_recovery(np.full((3, 3), np.nan), np.eye(3))
    with pytest.raises(ValueError, match="n >= 1"):
        orthola.dictionary_recovery(np.eye(0), np.eye(0))
