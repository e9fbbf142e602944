"""`procrustes`: orthogonal, as good as the best fit, exact where an exact fit exists."""

from __future__ import annotations

from typing import Any

import numpy as np

import orthola
from orthola.testing import gaussian, orthogonality
from tests.fuzz.draws import DTYPES, certain, pick, roundoff

C_OPTIMUM = 50.0  # of the residual above the best one, in n u (||B|| + s ||A||)
C_RESIDUAL = 1000.0  # of the residual itself: norms may be used where that costs three digits


def example(rng: np.random.Generator) -> dict[str, float]:
    dtype = pick(rng, DTYPES)
    is_complex = dtype.startswith("complex")
    n = int(rng.integers(1, 10)) if rng.random() < 0.95 else int(rng.integers(10, 30))
    m = int(rng.integers(1, 30))
    options = {
        "rotation_only": not is_complex and bool(rng.integers(2)),
        "scaling": bool(rng.integers(2)),
        "translation": bool(rng.integers(2)),
    }
    a, kappa = points(rng, m, n, dtype)
    r = orthola.haar(n, dtype=dtype, determinant=1 if options["rotation_only"] else None, rng=rng)
    noise = 10.0 ** rng.uniform(-8, 1) if rng.random() < 0.7 else 0.0
    b = (a @ r + noise * gaussian(m, n, dtype=dtype, rng=rng)).astype(dtype)
    w = rng.uniform(0.1, 2.0, m).astype(a.real.dtype) if rng.random() < 0.4 else None
    fit = orthola.procrustes(a, b, weights=w, **options)
    ratios = {"orthonormal": orthogonality(fit.transform.rotation) / (50 * n * roundoff(dtype))}
    if options["rotation_only"]:
        ratios["determinant"] = certain(np.linalg.det(fit.transform.rotation) > 0)
    found, best, size = judged(a, b, w, fit, options)
    unit = n * roundoff(dtype) * size + np.finfo(dtype).tiny
    ratios["optimum"] = (found - best) / (C_OPTIMUM * unit)
    ratios["residual"] = abs(float(fit.residual) - found) / (C_RESIDUAL * unit)
    exact = noise == 0.0 and not options["scaling"] and not options["translation"]
    if exact and m > n and w is None and kappa < 1e-3 / (n * roundoff(dtype)):
        distance = np.linalg.norm(fit.transform.rotation - r.astype(np.complex128))
        ratios["recovery"] = distance / (50 * n * roundoff(dtype) * kappa)
    k = int(rng.integers(-20, 20))
    again = orthola.procrustes(a * 2.0**k, b * 2.0**k, weights=w, **options)
    same = np.array_equal(again.transform.rotation, fit.transform.rotation)
    ratios["scale, bit for bit"] = certain(same or not fit.uniqueness.unique)
    return ratios


def points(rng: np.random.Generator, m: int, n: int, dtype: str) -> tuple[np.ndarray, float]:
    """Points and their condition: any spread, far from the origin, few or in a plane."""
    a = gaussian(m, n, dtype=dtype, rng=rng)
    kind = rng.integers(5)
    if kind == 0:
        a = a * np.geomspace(1.0, 10.0 ** -rng.uniform(0, 5), n)
    elif kind == 1:
        a = a + 10.0 ** rng.uniform(0, 3)
    elif kind == 2 and n > 1:
        a[:, rng.integers(n)] = 0.0
    elif kind == 3:
        a[rng.integers(m)] = a[rng.integers(m)]
    a = a.astype(dtype)
    s = np.linalg.svd(a.astype(np.complex128), compute_uv=False)
    return a, float(s[0] / s[-1]) if m >= n and s[-1] > 0 else np.inf


def judged(a: Any, b: Any, w: Any, fit: Any, options: dict[str, bool]) -> tuple[float, ...]:
    """Residual of a fit, the least that is possible, and the size of the data; in double."""
    kind = np.complex128 if np.iscomplexobj(a) else np.float64
    a, b = a.astype(kind), b.astype(kind)
    root = np.sqrt(np.ones(len(a)) if w is None else w.astype(float))[:, None]
    transform = fit.transform
    moved = float(transform.scale) * (a @ transform.rotation) + transform.translation
    found = np.linalg.norm(root * (moved - b))
    size = np.linalg.norm(root * b) + abs(float(transform.scale)) * np.linalg.norm(root * a)
    x, y = root * a, root * b
    if options["translation"]:
        x, y = (z - root * (root * z).sum(0) / np.sum(root**2) for z in (x, y))
    u, s, vh = np.linalg.svd(np.conj(x.T) @ y)
    if options["rotation_only"] and np.linalg.det(u @ vh) < 0:
        u[:, -1] *= -1
        s[-1] *= -1
    scale = 1.0
    if options["scaling"]:
        below = np.linalg.norm(x)
        dust = 8 * len(a) * roundoff(a.dtype) * np.linalg.norm(root * a)  # all points are equal
        scale = max(s.sum(), 0.0) / below**2 if below > dust else 0.0
    return found, float(np.linalg.norm(scale * x @ (u @ vh) - y)), size
