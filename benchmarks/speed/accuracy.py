"""How good an answer is, measured in float64 NumPy, and how good it has to be.

A stack is judged by its worst matrix.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.generalized import generalized_accuracy
from benchmarks.speed.protocol import Case

Accuracy = dict[str, float]


def polar_accuracy(a: NDArray[Any], unitary: NDArray[Any], hermitian: NDArray[Any]) -> Accuracy:
    """Errors of a right polar decomposition ``a = unitary @ hermitian`` with ``m >= n``."""
    a, u, h = (np.asarray(x, dtype=np.float64) for x in (a, unitary, hermitian))
    defect = np.linalg.eigvalsh(u.mT @ u - np.eye(u.shape[-1]))
    spectrum = np.linalg.eigvalsh((h + h.mT) / 2)
    return {
        "orthogonality": float(np.max(np.abs(defect))),
        "residual": float(np.max(_frobenius(u @ h - a) / _frobenius(a))),
        "psd_violation": float(np.max(np.maximum(0.0, -spectrum[..., 0]) / spectrum[..., -1])),
    }


def orthogonalize_accuracy(a: NDArray[Any], answer: NDArray[Any]) -> Accuracy:
    """Singular values of the answer, and how far it is from having the singular vectors of ``a``.

    ``sigma_distance`` is the largest distance of a singular value from one. ``asymmetry`` and
    ``psd_violation`` are those of ``answer @ a.T`` on the short side, which is symmetric positive
    semidefinite exactly when the singular vectors are kept.
    """
    a, x = (np.asarray(m, dtype=np.float64) for m in (a, answer))
    if a.shape[0] > a.shape[1]:
        a, x = a.T, x.T
    sigma = np.linalg.svd(x, compute_uv=False)
    product = x @ a.T
    spectrum = np.linalg.eigvalsh((product + product.T) / 2)
    return {
        "sigma_min": float(sigma[-1]),
        "sigma_max": float(sigma[0]),
        "sigma_distance": float(np.max(np.abs(sigma - 1))),
        "asymmetry": float(_frobenius(product - product.T) / _frobenius(a)),
        "psd_violation": float(max(0.0, -spectrum[0]) / spectrum[-1]),
    }


MEASURES: dict[str, Callable[..., Accuracy]] = {
    "polar": polar_accuracy,
    "orthogonalize": orthogonalize_accuracy,
    "generalized procrustes": generalized_accuracy,
}

SUMMARY = {
    "polar": "{orthogonality:.1e} / {residual:.1e}",
    "orthogonalize": "[{sigma_min:.3g}, {sigma_max:.4g}]",
    "generalized procrustes": "{objective:.12e} / {distortion:.1e}",
}


def polar_limits(case: Case) -> Accuracy:
    """Targets of the exact polar methods, ``n`` the short side and ``u`` the unit roundoff."""
    n = min(case.shape[-2:])
    u = float(np.finfo(case.dtype).eps) / 2
    if case.dtype == "float32":
        return {
            "orthogonality": 1.5e-6 * max(1.0, n / 1000),
            "residual": 5e-6,
            "psd_violation": n * u,
        }
    return {
        "orthogonality": 10 * u * n**0.5,
        "residual": 10 * u * n**0.5 + 60 * u,
        "psd_violation": n * u,
    }


def _frobenius(x: NDArray[Any]) -> NDArray[Any]:
    return np.linalg.norm(x, axis=(-2, -1))
