"""The Cayley map by matrix products alone, and the bound that it states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthola import cayley, explain
from orthola._core.space import resolve
from orthola._maps.polar_form import polar_form_by_svd, polar_schedule
from orthola.testing import gaussian, machine_epsilon, orthonormal
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_ROUNDING = 50.0  # in units of n u, beside the bound
DELTAS = (0.3, 1e-2, 1e-4, 1e-7, 1e-12)


def h(x: Any) -> Any:
    return np.swapaxes(x, -1, -2).conj()


def skew(n: int, theta: float, items: int, dtype: str, seed: int) -> tuple[Any, Any]:
    """Skew-Hermitian of norm theta or less, and their exact Cayley transforms."""
    rng = np.random.default_rng(seed)
    values = theta * rng.uniform(-1, 1, (items, n))
    values[:, 0] = theta
    if dtype == "complex128":
        v = np.stack([orthonormal(n, n, dtype=dtype, rng=rng) for _ in range(items)])
        t = v * (1j * values)[:, None] @ h(v)
        return t, v * ((1 + 1j * values) / (1 - 1j * values))[:, None] @ h(v)
    v = np.stack([orthonormal(n, n, rng=rng) for _ in range(items)])
    t, c = np.zeros((items, n, n)), np.zeros((items, n, n))
    c[:] = np.eye(n)
    for i in range(0, n - 1, 2):
        w = values[:, i]
        t[:, i, i + 1], t[:, i + 1, i] = -w, w
        c[:, i, i] = c[:, i + 1, i + 1] = (1 - w**2) / (1 + w**2)
        c[:, i, i + 1], c[:, i + 1, i] = -2 * w / (1 + w**2), 2 * w / (1 + w**2)
    return v @ t @ h(v), v @ c @ h(v)


def norm(x: Any) -> Any:
    return np.linalg.norm(x, axis=(-2, -1), ord=2)


def test_polar_form_bound():
    """||Q - exact||_2 <= 2 d + d^2 and ||Q^H Q - I||_2 <= (1 + d)^4 - 1, on a thousand matrices."""
    n, u = 6, machine_epsilon("float64") / 2
    error, defect = [], []
    for dtype in ("float64", "complex128"):
        for k, theta in enumerate((0.05, 0.5, 1.0, 3.0, 20.0)):
            t, exact = skew(n, theta, 20, dtype, k)
            for d in DELTAS:
                q = cayley(t, scale=1.0, method="polar", norm_bound=theta * (1 + 1e-12), tol=d)
                rounding = C_ROUNDING * n * u * (1 + theta)
                error += list((norm(q - exact) - rounding) / (2 * d + d * d))
                defect += list((norm(h(q) @ q - np.eye(n)) - rounding) / ((1 + d) ** 4 - 1))
    assert len(error) == 1000
    assert max(error) <= 1
    assert max(defect) <= 1
    # And it is no empty promise: some come near.
    assert max(error) >= 0.5
    assert max(defect) >= 0.25


@on_dtypes("float64", "float32", "complex64")
def test_equals_elimination_on_every_library(backend, dtype):
    theta = 2.0
    a = gaussian(8, 8, shape=(3,), dtype=dtype, rng=1)
    a = a - h(a)
    a *= theta / norm(a)[:, None, None]
    x = backend.asarray(a.astype(dtype), dtype)
    q = backend.call(cayley, x, scale=1.0, method="polar", norm_bound=1.01 * theta)
    assert_same_kind(q, x, shape=(3, 8, 8))
    solved = to_numpy(backend.call(cayley, x, scale=1.0, method="solve"))
    bound = C_ROUNDING * 8 * machine_epsilon(dtype) * (1 + theta)
    assert np.abs(to_numpy(q) - solved).max() <= bound


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_without_a_bound_one_is_found(dtype):
    for size in (1e-6, 1.0, 50.0):
        a = size * gaussian(7, 7, shape=(4,), dtype=dtype, rng=2)
        a[2] = np.nan
        q = cayley(a, method="polar", signs=[1, 1, -1, 1, 1, 1, 1])
        p = cayley(a, method="solve", signs=[1, 1, -1, 1, 1, 1, 1])
        assert np.isnan(q[2]).all()
        keep = [0, 1, 3]
        bound = C_ROUNDING * 7 * machine_epsilon(dtype) * (1 + 10 * size)
        assert np.abs(q - p)[keep].max() <= bound
    assert np.allclose(cayley(np.zeros((3, 3)), method="polar"), np.eye(3), rtol=0, atol=1e-13)
    assert cayley(np.zeros((0, 3, 3)), method="polar").shape == (0, 3, 3)


def test_neumann_is_not_used():
    """At norm 1 a truncated Neumann series is wrong whatever its length; this is not."""
    t, exact = skew(8, 1.0, 5, "float64", 3)
    eye = np.eye(8)
    series = sum(np.linalg.matrix_power(t, k) for k in range(6))
    assert norm((eye + t) @ series - exact).min() > 0.5
    q = cayley(t, scale=1.0, method="polar", norm_bound=1.0)
    assert norm(q - exact).max() <= C_ROUNDING * 8 * machine_epsilon("float64")


def test_a_few_products_do():
    counts = [polar_schedule(theta, 1e-3).products for theta in (0.1, 0.5, 1.0, 3.0, 10.0)]
    assert counts == sorted(counts)
    assert counts[2] <= 5
    assert counts[-1] <= 12


def test_by_svd_equals_the_polynomial_and_survives_any_norm():
    for dtype in ("float64", "complex128"):
        t, exact = skew(6, 2.0, 3, dtype, 4)
        space, _ = resolve("test", t)
        u = machine_epsilon(dtype) / 2
        assert norm(polar_form_by_svd(space, t) - exact).max() <= C_ROUNDING * 6 * u * 3
        q = polar_form_by_svd(space, t * 1e200)
        assert norm(h(q) @ q - np.eye(6)).max() <= C_ROUNDING * 6 * u


def test_inside_a_transformation_it_needs_a_bound():
    jax = pytest.importorskip("jax", reason="something that traces")
    function = jax.jit(lambda a: cayley(a, method="polar"))
    with pytest.raises(ValueError, match="norm_bound"):
        function(jax.numpy.eye(3))


def test_explain_tells_the_products_and_the_error():
    plan = explain(cayley, np.eye(5), method="polar", norm_bound=1.0, tol=1e-3)
    assert plan["method"] == "polar"
    assert int(plan["products"]) == polar_schedule(1.0, 1e-3).products + 1
    stated = float(plan["error"].split()[2].rstrip(","))
    assert stated <= 2.1e-3
