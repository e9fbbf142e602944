"""Orthogonal maps: what comes out is orthonormal, and the ways back lead back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import orthola
from orthola.testing import gaussian, orthogonality
from tests.fuzz.draws import DTYPES, batch, certain, norm, pick, roundoff, sides, skew


def example(rng: np.random.Generator) -> dict[str, float]:
    function = pick(rng, MAPS)
    ratios = function(rng, pick(rng, DTYPES))
    return {f"{function.__name__}: {name}": float(value) for name, value in ratios.items()}


def tall(rng: np.random.Generator) -> tuple[int, int]:
    m, n = sides(rng, 12)
    return max(m, n), min(m, n)


def frame(rng: np.random.Generator, m: int, k: int, dtype: str, shape: Any) -> np.ndarray:
    """Orthonormal to rounding, with entries and determinants of all kinds."""
    kind = rng.integers(4)
    if kind == 0:
        q = np.broadcast_to(np.eye(m, k, dtype=dtype)[rng.permutation(m)], (*shape, m, k)).copy()
        return q * rng.choice([-1.0, 1.0], k).astype(dtype)
    if kind == 1:  # near the identity, and its negative
        x = 10.0 ** rng.uniform(-10, 0) * gaussian(m, k, shape=shape, dtype=dtype, rng=rng)
        return pick(rng, (-1, 1)) * orthola.cayley_frame(x.astype(dtype))
    return orthola.haar(m, k, shape=shape, dtype=dtype, rng=rng)


def parameters(rng: np.random.Generator, m: int, k: int, dtype: str, shape: Any) -> np.ndarray:
    """Gaussian, of any size, columns of unequal sizes, dependent columns."""
    x = gaussian(m, k, shape=shape, dtype=dtype, rng=rng)
    x = x * 10.0 ** (rng.uniform(-6, 6) if rng.random() < 0.5 else rng.uniform(-1, 1))
    kind = rng.integers(5)
    if kind == 0:
        x = x * 10.0 ** rng.uniform(-4, 4, k)
    elif kind == 1:
        x[..., rng.integers(k)] = x[..., rng.integers(k)]
    elif kind == 2:
        x[..., rng.integers(m), :] = 0.0
    return x.astype(dtype)


def away(q: Any, c: float, n: int) -> Any:
    """Departure from orthonormality in units of c n u."""
    return np.max(orthogonality(q)) / (c * n * roundoff(q.dtype))


def back(found: Any, q: Any, c: float, n: int, size: Any = 0.0) -> Any:
    """Distance of a round trip in units of c n u (1 + size)."""
    wide = found.astype(np.complex128) - q
    distance = np.linalg.norm(wide, 2, (-2, -1))
    return np.max(distance / (c * n * roundoff(q.dtype) * (1.0 + size)))


def cayley(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    n = max(sides(rng, 12))
    q = orthola.cayley(skew(rng, n, dtype=dtype, shape=batch(rng)), scale=pick(rng, (0.5, 1.0)))
    return {"orthonormal": away(q, 50, n)}


def cayley_inverse(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    n = max(sides(rng, 12))
    q = frame(rng, n, n, dtype, batch(rng))
    a, signs, status = orthola.cayley_inverse(q)
    entries = 0.5 * np.max(np.abs(a), initial=0.0)
    ratios = {
        "round trip": back(orthola.cayley(a, signs=signs), q, 50, n, 0.5 * norm(a)),
        "status": certain(status == 0),
    }
    if not np.iscomplexobj(q):
        ratios["|s A_ij| <= 1"] = entries / (1.0 + 50 * n * roundoff(dtype))
    return ratios


def cayley_frame(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    m, k = tall(rng)
    q = orthola.cayley_frame(parameters(rng, m, k, dtype, batch(rng)))
    return {"orthonormal": away(q, 20, m)}


def cayley_frame_inverse(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    m, k = tall(rng)
    q = frame(rng, m, k, dtype, batch(rng))
    x, signs, status = orthola.cayley_frame_inverse(q)
    again = orthola.cayley_frame(x, signs=signs)
    return {"round trip": back(again, q, 50, m, 0.5 * norm(x)), "status": certain(status == 0)}


def householder_product(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    m, k = tall(rng)
    v = parameters(rng, m, k, dtype, batch(rng))
    q = orthola.householder_product(v, packed=bool(rng.integers(2)))
    defect = np.conj(np.swapaxes(q, -1, -2)).astype(np.complex128) @ q - np.eye(k)
    return {"orthonormal": np.max(norm(defect)) / (8 * (m + 1) * roundoff(dtype))}


def householder_vectors(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    m, k = tall(rng)
    q = frame(rng, m, k, dtype, batch(rng))
    v, tau, signs, status = orthola.householder_vectors(q)
    again = orthola.householder_product(v, tau.astype(v.dtype)) * signs[..., None, :]
    return {
        "round trip": back(again, q, 50, m),
        "entries": (np.max(np.abs(v), initial=0.0) - 1.0) / (50 * m * roundoff(dtype)),
        "status": certain(status == 0),
    }


def skew_exp(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    n = max(sides(rng, 12))
    q = orthola.skew_exp(skew(rng, n, dtype=dtype, shape=batch(rng)))
    return {"orthonormal": away(q, 10, n + 1)}


def skew_exp_frame(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    m, k = tall(rng)
    q = orthola.skew_exp_frame(parameters(rng, m, k, dtype, batch(rng)))
    return {"orthonormal": away(q, 10, max(m, 2 * k) + 1)}


def haar(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    m, k = tall(rng)
    determinant = None
    if m == k and not dtype.startswith("complex"):
        determinant = pick(rng, (None, 1, -1))
    q = orthola.haar(m, k, shape=batch(rng), dtype=dtype, determinant=determinant, rng=rng)
    ratios = {"orthonormal": away(q, 8, m + 1)}
    if determinant is not None:
        ratios["determinant"] = certain(np.sign(np.linalg.det(q)) == determinant)
    return ratios


def retract(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    m, k = tall(rng)
    shape = batch(rng)
    x, z = frame(rng, m, k, dtype, shape), parameters(rng, m, k, dtype, shape)
    method = pick(rng, ("cayley", "polar", "qr"))
    q = orthola.retract(x, z, method=method)
    lacking = np.max(orthogonality(x)) / (10 * m * roundoff(dtype))
    return {f"{method}, orthonormal": away(q, 10, m) / (1.0 + lacking)}


def project_tangent(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    m, k = tall(rng)
    shape = batch(rng)
    x, z = frame(rng, m, k, dtype, shape), parameters(rng, m, k, dtype, shape)
    inner = np.conj(np.swapaxes(x, -1, -2)) @ orthola.project_tangent(x, z).astype(np.complex128)
    symmetric = norm(inner + np.conj(np.swapaxes(inner, -1, -2)))
    unit = 10 * m * roundoff(dtype) * norm(z)
    return {"tangent": np.max(symmetric / np.where(unit > 0, unit, 1.0), initial=0.0)}


MAPS: tuple[Callable[[np.random.Generator, str], dict[str, Any]], ...] = (
    cayley, cayley_inverse, cayley_frame, cayley_frame_inverse, householder_product,
    householder_vectors, skew_exp, skew_exp_frame, haar, retract, project_tangent,
)  # fmt: skip
