"""Pursuit as textbooks write it: a least-squares problem for every atom. Results are held to it."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["textbook_residual"]

Array = np.ndarray[Any, Any]
_DEPENDENT = 1e-12  # of a unit atom, squared


def textbook_residual(signal: Array, dictionary: Array, k: int, rule: str) -> float:
    """||residual|| after k atoms of length 1: Pati's rule, or orthogonal least squares."""
    chosen: list[int] = []
    residual = signal
    for _ in range(k):
        left = np.ones(dictionary.shape[0])
        if chosen:
            basis, _ = np.linalg.qr(dictionary[chosen].T)
            left -= np.sum((dictionary @ basis) ** 2, axis=1)
        scores = np.abs(dictionary @ residual)
        if rule == "ols":
            scores /= np.sqrt(np.maximum(left, _DEPENDENT))
        scores[left <= _DEPENDENT] = -1.0
        scores[chosen] = -1.0
        chosen.append(int(np.argmax(scores)))
        atoms = dictionary[chosen].T
        residual = signal - atoms @ np.linalg.lstsq(atoms, signal, rcond=None)[0]
        # Below that, what is left is rounding.
        if np.linalg.norm(residual) <= 1e-12 * np.linalg.norm(signal):
            break
    return float(np.linalg.norm(residual))
