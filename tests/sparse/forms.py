"""The ways in which a pursuit of NumPy arrays can run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import orthola

FORMS = ("stored rows", "residual", "stored rows, kernel", "residual, kernel")
in_every_form = pytest.mark.parametrize("form", FORMS)


def pursue(form: str, y: Any, a: Any, **options: Any) -> orthola.OMPResult:
    """`omp` in the form asked for, which `explain` confirms."""
    y, a = np.asarray(y), np.asarray(a)
    if form.startswith("stored"):
        options.setdefault("gram", a.conj() @ a.T)
    else:
        options.setdefault("max_memory", 2 * a.shape[0] ** 2 * a.itemsize - 1)
    with orthola.options(kernels=form.endswith("kernel")):
        plan = orthola.explain(orthola.omp, y, a, **options)
        assert plan["form"] == form.partition(",")[0].replace(" ", "-")
        assert plan["kernel"].startswith("none") != form.endswith("kernel")
        return orthola.omp(y, a, **options)


def sets(indices: Any) -> list[set[int]]:
    """The atoms of each signal, without their order."""
    return [set(row[row >= 0].tolist()) for row in np.asarray(indices)]


def unit_atoms(n: int, m: int, *, dtype: str = "float64", rng: Any = 0) -> np.ndarray:
    """Gaussian atoms of length one."""
    a = orthola.testing.gaussian(n, m, dtype=dtype, rng=rng)
    return (a / np.linalg.norm(a, axis=1, keepdims=True)).astype(dtype)


def sparse_signals(
    a: np.ndarray, count: int, k: int, *, noise: float = 0.0, rng: Any = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Signals made of k atoms each, coefficients of moduli from 1 to 2; and the supports."""
    rng = np.random.default_rng(rng)
    n, m = a.shape
    supports = np.argsort(rng.random((count, n)), axis=1)[:, :k]
    x = rng.uniform(1.0, 2.0, (count, k)) * rng.choice([-1.0, 1.0], (count, k))
    y = np.einsum("bk,bkm->bm", x, a[supports])
    e = rng.standard_normal((count, m))
    size = np.linalg.norm(y, axis=1, keepdims=True) / np.linalg.norm(e, axis=1, keepdims=True)
    return (y + noise * size * e).astype(a.dtype), supports
