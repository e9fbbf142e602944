"""The power method over samples that are all at hand, and its refinement."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import Status, orthogonal_dictionary
from orthola._core.space import resolve
from orthola._dictionary import offline
from orthola._dictionary.gradient import gradient
from orthola._dictionary.objectives import err4, frank_wolfe_gap
from tests.dictionary.sampling import samples
from tests.isolation import assert_same_kind, to_numpy


@pytest.mark.parametrize("p", [2.5, 3.0, 4.0])
def test_monotone_power_method(p):
    y, _ = samples(2000, 10)
    a = orthola.haar(10, rng=0)
    space, _ = resolve("test", a)
    value, g = gradient(space, p, a, y)
    for _ in range(30):
        gap = frank_wolfe_gap(a, y, p=p)
        a = orthola.polar(g).unitary
        ahead, g = gradient(space, p, a, y)
        assert ahead >= value + gap - 1e-12 * value
        value = ahead


def test_power_method_and_refinement():
    y, d = samples(20000, 50)
    plain = orthogonal_dictionary(y, rng=0, refine=False)
    found = orthogonal_dictionary(y, rng=0)
    assert int(plain.status) == int(found.status) == Status.OK
    assert err4(plain.dictionary, d) <= 2e-3
    assert err4(found.dictionary, d) <= 1e-12
    assert np.max(np.abs(found.dictionary @ found.dictionary.T - np.eye(50))) <= 1e-13
    few = orthogonal_dictionary(y[:2000], rng=0, max_steps=5)
    assert int(few.status) == Status.NOT_CONVERGED


@pytest.mark.parametrize(("sigma", "bound"), [(0.0, 1e-12), (0.1, 3e-4)])
def test_rows_of_zeros_do_not_hide_the_noise(sigma, bound):
    y, d = samples(6000, 20, sigma=sigma)
    mostly_zero = np.zeros((46000, 20))
    mostly_zero[np.random.default_rng(1).permutation(46000)[:6000]] = y
    found = orthogonal_dictionary(mostly_zero, rng=0)
    assert err4(found.dictionary, d) <= bound
    assert sigma <= found.noise <= 2.0 * sigma + 1e-6


def test_steps_on_a_part_of_the_rows_change_nothing_in_the_end(monkeypatch):
    y, _ = samples(8000, 10)
    parts = orthogonal_dictionary(y, rng=0, refine=False, tol=1e-12, max_steps=200)
    monkeypatch.setattr(offline, "_PART", 10**9)
    whole = orthogonal_dictionary(y, rng=0, refine=False, tol=1e-12, max_steps=200)
    assert orthola.dictionary_recovery(parts.dictionary, whole.dictionary).err4 <= 1e-9


def test_noisy_and_complex_samples():
    y, d = samples(8000, 10, sigma=0.1)
    plain, found = (orthogonal_dictionary(y, rng=0, refine=r) for r in (False, True))
    assert err4(found.dictionary, d) <= err4(plain.dictionary, d) <= 3e-3
    assert 0.08 <= found.noise <= 0.2
    y, d = samples(8000, 10, complex_=True)
    assert err4(orthogonal_dictionary(y, rng=0).dictionary, d) <= 2e-5


@pytest.mark.parametrize("backend", ["torch", "jax", "strict-restricted"], indirect=True)
def test_every_library(backend):
    y, _ = samples(300, 5, 0.4)
    found = orthogonal_dictionary(backend.asarray(y), rng=0)
    expected = orthogonal_dictionary(y, rng=0)
    assert_same_kind(found.dictionary, backend.asarray(y), shape=(5, 5))
    for x, z in zip(found, expected, strict=True):
        assert np.max(np.abs(to_numpy(x) - z)) <= 1e-8


def test_stack_equals_loop():
    y = np.stack([samples(400, 5, 0.4, seed=k)[0] for k in range(3)])
    y[1, 7] = np.nan
    found = orthogonal_dictionary(y, rng=0, check_finite=False)
    start = orthola.haar(5, rng=0, shape=3)
    for k in range(3):
        one = orthogonal_dictionary(y[k], init=start[k], check_finite=False)
        assert np.max(np.abs(found.dictionary[k] - one.dictionary)) <= 1e-8
        assert int(found.status[k]) == int(one.status)
    assert int(found.status[1]) == Status.NONFINITE
    with pytest.raises(ValueError, match="1 rows"):
        orthogonal_dictionary(y)


def test_precondition_makes_complete_dictionaries_orthogonal():
    rng = np.random.default_rng(0)
    n = 20
    y, d = samples(20000, n)
    u, v = orthola.haar(n, shape=2, rng=rng)
    atoms = (u * np.geomspace(1.0, 1.0 / 77.0, n)) @ v
    y = y @ d.T @ atoms
    values, vectors = np.linalg.eigh(y.T @ y / len(y))
    root = (vectors / np.sqrt(values)) @ vectors.T
    found = orthogonal_dictionary(y, rng=0, precondition=root)
    assert orthola.dictionary_recovery(found.atoms, atoms).smallest >= 0.995
    without = orthogonal_dictionary(y, rng=0)
    assert orthola.dictionary_recovery(without.atoms, atoms).smallest < 0.9


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"p": 2}, ValueError), ({"max_steps": 0}, ValueError), ({"tol": 0}, ValueError),
        ({"init": np.eye(3)}, ValueError), ({"init": np.zeros((4, 4))}, ValueError),
        ({"rng": "x"}, TypeError),
    ],
)  # fmt: skip
def test_wrong_options(options, kind):
    with pytest.raises(kind, match="orthogonal_dictionary"):
        orthogonal_dictionary(np.ones((5, 4)), **options)
    with pytest.raises(ValueError, match="number of samples"):
        orthogonal_dictionary(np.ones((0, 4)))
