"""Accuracy of `procrustes`: refinement, single precision, scales, residuals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orthola import Status, procrustes
from orthola.testing import machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import to_numpy
from tests.procrustes.planted import (
    C_ORTHOGONAL,
    C_RECOVERY,
    U,
    distance,
    exact,
    objective,
    planted,
    rotation,
)


@pytest.mark.parametrize("rotation_only", [False, True])
def test_refine_beats_squared_condition(rotation_only):
    for kappa in (1e4, 1e6):
        a, b, r = planted(40, 8, kappa=kappa, seed=3, determinant=1)
        x = exact(a, b, rotation_only=rotation_only)
        plain, one, two = (
            distance(procrustes(a, b, refine=k, rotation_only=rotation_only).transform.rotation, x)
            for k in (0, 1, 2)
        )
        limit = C_RECOVERY * 8 * U * kappa
        assert one <= min(limit, 1e-2 * plain)
        assert two <= limit
        assert distance(r, x) <= limit  # the planted one is the exact one, as far as b tells


def test_float64_condition_1e6_within_1e_minus_11_of_the_planted_rotation():
    for seed in range(5):
        a, b, r = planted(40, 8, kappa=1e6, seed=seed)
        assert distance(procrustes(a, b).transform.rotation, r) <= 1e-11


@pytest.mark.parametrize(("kappa", "noise"), [(1e6, 1e-3), (1e6, 0.05), (1e4, 1e-6)])
def test_refine_converges_with_noise(kappa, noise):
    """Divisors from the squares of the singular values of A grow tenfold at every step here."""
    a, b, _ = planted(40, 8, kappa=kappa, noise=noise, seed=1)
    x = exact(a, b)
    errors = [distance(procrustes(a, b, refine=k).transform.rotation, x) for k in range(5)]
    gap = float(procrustes(a, b).uniqueness.gap)
    size = np.linalg.norm(a) * (noise + np.linalg.norm(b) / kappa)
    limit = C_RECOVERY * 8 * U * size / gap  # rounding of A^H E over the gap
    assert errors[1] <= max(limit, 1e-13)
    assert max(errors[1:]) <= 10 * max(errors[1], 1e-14)


def test_refine_at_condition_1e8():
    """Where nothing counts as zero (among rotations), two steps win five digits."""
    a, b, _ = planted(40, 8, kappa=1e8, seed=2, determinant=1)
    x = exact(a, b, rotation_only=True)
    plain, _, two = (
        procrustes(a, b, refine=k, rotation_only=True).transform.rotation for k in range(3)
    )
    assert distance(two, x) <= 1e-6
    assert distance(two, x) <= 1e-3 * distance(plain, x)
    # In O(n) the smallest singular value of M, 1e-16, is rounding: which sign is not known.
    assert int(procrustes(a, b).status) == Status.RANK_DEFICIENT


def test_refine_not_gated_by_objective():
    a, b, _ = planted(40, 8, kappa=1e4, noise=1e-3, seed=5)
    x, w = exact(a, b), np.ones(40)
    fits = [procrustes(a, b, refine=k) for k in (0, 1)]
    before, after = (objective(a, b, w, fit.transform) for fit in fits)
    assert abs(before - after) <= 1e-9 * before  # flat: the objective cannot tell
    assert distance(fits[1].transform.rotation, x) <= 1e-12
    assert distance(fits[0].transform.rotation, x) >= 1e-11


def test_refine_so_stays_in_so():
    for seed in range(4):
        a, b, _ = planted(40, 5, kappa=1e6, noise=1e-3, seed=seed, determinant=-1)
        for steps in (0, 1, 3):
            r = procrustes(a, b, refine=steps, rotation_only=True).transform.rotation
            assert abs(np.linalg.det(r) - 1) <= 1e-13
            assert distance(r.T @ r, np.eye(5)) <= C_ORTHOGONAL * 5 * U


def test_refinement_works_item_by_item_in_stacks():
    a, b, r = planted(40, 4, kappa=1e6)
    x, y, _ = planted(40, 4, noise=1.0)
    many = np.stack([x, a, x]), np.stack([y, b, y])
    fit = procrustes(*many).transform.rotation
    assert distance(fit[1], r) <= 1e-11
    np.testing.assert_allclose(fit[0], procrustes(x, y).transform.rotation, atol=1e-14)


def test_float32_kappa_1e4():
    for seed in range(3):
        a, _, r = planted(400, 8, kappa=1e4, seed=seed)
        a = a.astype(np.float32)
        b = (a.astype(np.float64) @ r).astype(np.float32)
        fit = procrustes(a, b)
        assert fit.transform.rotation.dtype == np.float32
        assert distance(fit.transform.rotation, r) <= 5e-6
        # Sums in single precision lose everything that kappa^2 u says.
        same = procrustes(a, b, accumulate="same", refine=0)
        assert distance(same.transform.rotation, r) >= 1e-4


@pytest.mark.parametrize("shape", [(), (2,)], ids=str)
def test_float32_offset_1e4(shape):
    m = 100_000
    rng = np.random.default_rng(0)
    a, r = rng.standard_normal((*shape, m, 3)), rotation(3)
    b = (a @ r + 1e4).astype(np.float32)
    fit = procrustes((a + 1e4).astype(np.float32), b, translation=True)
    assert np.abs(fit.transform.rotation - r).max() <= 1e-5


@pytest.mark.parametrize("power", [-1000, -500, -30, 30, 500, 1000])
@pytest.mark.parametrize("shape", [(), (9,)], ids=str)
def test_scale_invariance_1e300(power, shape):
    """2^k a and 2^k b, k to +-1000 (1e-301 to 1e301), give the same bits of the rotation."""
    a, b, _ = planted(7, 3, noise=1.0, shape=shape)
    unit = 2.0**power
    for options in ({}, {"scaling": True, "translation": True}):
        base = procrustes(a, b, **options)
        for x, y in ((unit, unit), (unit, 1.0), (1.0, unit)):
            if x != y and not options:
                continue
            fit = procrustes(x * a, y * b, **options)
            np.testing.assert_allclose(
                fit.transform.rotation, base.transform.rotation, rtol=0, atol=1e-14
            )
            np.testing.assert_allclose(fit.residual, y * base.residual, rtol=1e-13)
            assert np.all(fit.status == Status.OK)
            if options:
                np.testing.assert_allclose(
                    fit.transform.scale, y / x * base.transform.scale, rtol=1e-13
                )


@on_dtypes("float64")
def test_other_libraries_are_scale_invariant_too(backend, dtype):
    a, b, _ = planted(7, 3, noise=1.0)
    base = procrustes(a, b, translation=True)
    eps = machine_epsilon(dtype) if dtype in backend.dtypes else machine_epsilon("float32")
    for unit in (2.0**-1000, 2.0**1000):
        x, y = (backend.asarray(unit * t, dtype) for t in (a, b))
        fit = backend.call(procrustes, x, y, translation=True)
        np.testing.assert_allclose(
            to_numpy(fit.transform.rotation), base.transform.rotation, atol=20 * eps
        )
        np.testing.assert_allclose(to_numpy(fit.residual), unit * base.residual, rtol=1000 * eps)


def test_residual_exact_fit():
    for shape in ((), (6,)):
        a, b, _ = planted(50, 4, shape=shape)
        assert np.all(procrustes(a, b).residual <= 1e-13)
        fit = procrustes(a, 2 * b + 1, scaling=True, translation=True)
        assert np.all(fit.residual <= 1e-13)


@pytest.mark.parametrize("noise", [1e-8, 1e-3, 0.1, 10.0])
def test_residual_is_that_of_the_points(noise):
    w = np.linspace(0.5, 2.0, 30)
    a, b, _ = planted(30, 3, noise=noise)
    for options in ({}, {"scaling": True}, {"scaling": True, "translation": True}):
        for x, y in ((a, b), (np.stack([a, a]), np.stack([b, b]))):
            fit = procrustes(x, y, weights=np.broadcast_to(w, x.shape[:-1]), **options)
            one = type(fit.transform)(*(t[0] if x.ndim == 3 else t for t in fit.transform))
            formed = math.sqrt(objective(a, b, w, one))
            np.testing.assert_allclose(fit.residual, formed, rtol=1e-11, atol=1e-15)
