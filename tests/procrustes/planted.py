"""Points whose best rotation is known, and measures of a fit."""

from __future__ import annotations

import mpmath
import numpy as np

import orthola
from orthola.testing import gaussian

C_ORTHOGONAL = 50.0  # in n u
C_RECOVERY = 50.0  # in n u kappa, for an exact fit after one step
U = 2.0**-53


def rotation(n, *, dtype="float64", seed=0, determinant=None):
    return orthola.haar(n, dtype=dtype, rng=seed, determinant=determinant)


def planted(m, n, *, kappa=None, noise=0.0, shape=(), dtype="float64", seed=0, determinant=None):
    """A, B = A R + noise and R; A has geometric singular values from 1 to 1/kappa."""
    rng = np.random.default_rng(seed)
    a = gaussian(m, n, shape=shape, dtype=dtype, rng=rng)
    if kappa is not None:
        u, v = np.linalg.qr(a)[0], orthola.haar(n, dtype=dtype, rng=rng)
        a = (u * np.geomspace(1.0, 1.0 / kappa, n)) @ v
    r = rotation(n, dtype=dtype, seed=seed, determinant=determinant)
    e = gaussian(m, n, shape=shape, dtype=dtype, rng=rng)
    return a, a @ r + noise / np.linalg.norm(e) * e, r


def exact(a, b, *, rotation_only=False, w=None):
    """The best R by an SVD with 40 digits."""
    with mpmath.workdps(40):
        left = mpmath.matrix((a if w is None else w[:, None] * a).tolist())
        m = mpmath.matrix(left.T) * mpmath.matrix(b.tolist())
        u, _, vh = mpmath.svd_r(m)
        if rotation_only and mpmath.det(u * vh) < 0:
            vh[vh.rows - 1, :] = -vh[vh.rows - 1, :]
        return np.array((u * vh).tolist(), dtype=float)


def objective(a, b, w, transform):
    moved = transform.scale * (a @ transform.rotation) + transform.translation
    return np.sum(w * np.sum(np.abs(moved - b) ** 2, axis=-1))


def distance(x, y):
    return np.linalg.norm(x - y)
