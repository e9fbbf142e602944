"""Weights of the points in `procrustes`."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import procrustes
from orthola.testing import gaussian
from tests.procrustes.planted import distance, exact, objective, planted


def test_weights_equal_repeated_rows():
    a, b, _ = planted(10, 3, noise=1.0)
    counts = np.array([1, 2, 3, 1, 0, 1, 4, 1, 2, 1])
    repeated = np.repeat(a, counts, axis=0), np.repeat(b, counts, axis=0)
    for options in ({}, {"scaling": True, "translation": True}):
        expected = procrustes(*repeated, **options)
        fit = procrustes(a, b, weights=counts, **options)
        for x, y in zip(fit.transform, expected.transform, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-14)
        assert abs(fit.residual - expected.residual) <= 1e-14 * np.linalg.norm(b)


def test_weights_with_translation_change_rotation():
    """Means are weighted too: rows times the roots of the weights are not the same problem."""
    a, b, _ = planted(12, 3, noise=2.0)
    w = np.linspace(0.1, 3.0, 12)
    fit = procrustes(a, b, weights=w, translation=True)
    root = np.sqrt(w)[:, None]
    wrong = procrustes(root * a, root * b, translation=True)
    plain = procrustes(a, b, translation=True)
    right = exact(a - w @ a / w.sum(), b - w @ b / w.sum(), w=w)
    assert distance(fit.transform.rotation, right) <= 1e-13
    assert distance(fit.transform.rotation, wrong.transform.rotation) >= 1e-3
    assert distance(fit.transform.rotation, plain.transform.rotation) >= 1e-3


@pytest.mark.parametrize("rotation_only", [False, True])
@pytest.mark.parametrize("scaling", [False, True])
@pytest.mark.parametrize("translation", [False, True])
def test_no_other_map_has_a_lower_weighted_objective(rotation_only, scaling, translation):
    options = {"rotation_only": rotation_only, "scaling": scaling, "translation": translation}
    rng = np.random.default_rng(7)
    for seed in range(3):
        a, b, _ = planted(8, 3, noise=3.0, seed=seed)
        w = rng.uniform(0.01, 3.0, 8)
        fit = procrustes(a, b, weights=w, **options)
        least = objective(a, b, w, fit.transform)
        assert abs(least - fit.residual**2) <= 1e-12 * least
        q = np.concatenate(
            [
                orthola.haar(3, shape=(200,), rng=rng, determinant=1 if rotation_only else None),
                fit.transform.rotation @ orthola.skew_exp(1e-4 * rng.standard_normal((200, 3, 3))),
            ]
        )
        s, t = fit.transform.scale, np.broadcast_to(fit.transform.translation, (len(q), 3))
        if scaling:
            s = s + 1e-4 * rng.standard_normal(len(q))[:, None, None]
        if translation:
            t = t + 1e-4 * rng.standard_normal(t.shape)
        errors = s * (a @ q) + t[:, None, :] - b
        others = np.einsum("m,qmn->q", w, errors**2)
        assert np.all(others >= least * (1 - 1e-12))


@pytest.mark.parametrize("translation", [False, True])
def test_million_weights_memory(translation):
    """Weights stay a vector: sqrt(W) as a matrix of order m would be 20 GB here."""
    import tracemalloc

    m, n = 50_000, 3
    a, b = gaussian(m, n, rng=0), gaussian(m, n, rng=1)
    w = np.random.default_rng(2).uniform(0.5, 2.0, m)
    procrustes(a[:9], b[:9], weights=w[:9], translation=translation)
    tracemalloc.start()
    try:
        procrustes(a, b, weights=w, translation=translation)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 4 * a.nbytes
