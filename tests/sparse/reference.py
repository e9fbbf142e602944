"""Matching pursuit as its definition says, one signal at a time, least squares in every step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Found(NamedTuple):
    support: list[int]
    x: np.ndarray
    residual: float
    gap: float  # smallest lead of a choice over the next best, relative to the first correlation


def naive(y, a, k, *, rule="omp", tol=None, barred=()) -> Found:
    norms = np.linalg.norm(a, axis=1)
    eps = np.finfo(a.real.dtype).eps
    size, root = np.linalg.norm(y), np.sqrt(a.shape[1])
    support: list[int] = []
    x, r, gap = np.zeros(0, a.dtype), y, np.inf
    first = None
    while len(support) < k and not (tol is not None and np.linalg.norm(r) <= tol * size):
        q = np.linalg.qr(a[support].T)[0] if support else np.zeros((a.shape[1], 0))
        rest = np.linalg.norm(a.T - q @ (q.conj().T @ a.T), axis=0) ** 2
        usable = (norms > 0) & (rest > 16 * root * eps * norms**2)
        usable[support] = False
        usable[list(barred)] = False
        c = np.abs(a.conj() @ r)
        score = {"omp": c, "normalized": c / np.where(norms > 0, norms, 1)}.get(rule)
        if score is None:
            score = c**2 / np.where(rest > 0, rest, 1)
        score = np.where(usable, score, -1.0)
        j = int(np.argmax(score))
        if score[j] < 0 or c[j] <= 8 * root * eps * norms[j] * size:
            break
        first = score[j] if first is None else first
        gap = min(gap, (score[j] - np.max(np.delete(score, j), initial=0.0)) / first)
        support.append(j)
        x = np.linalg.lstsq(a[support].T, y, rcond=None)[0]
        r = y - x @ a[support]
    return Found(support, x, float(np.linalg.norm(r)), float(gap))
