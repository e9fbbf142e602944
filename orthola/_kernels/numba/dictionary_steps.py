"""Steps of online dictionary learning on many mini-batches of one stream, in one call.

Of the text in `orthola._dictionary.step` this is the part after the first step, for rows that are
all usable; BLAS and LAPACK do the products and the SVD.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import jit, jit_part

__all__ = ["dictionary_steps"]


@jit
def dictionary_steps(
    y: Any, a: Any, z: Any, cross: Any, precondition: Any, numbers: Any, first: Any, rates: Any,
    clip: Any, floor: Any, factor: Any, level: Any, lean: Any, limit: Any, p: Any,
    preconditioned: Any, project: Any,
) -> Any:  # fmt: skip
    """Advance by the mini-batches y (T, b, n) until one has a row that is not usable.

    Parameters
    ----------
    y : (T, b, n) array
        C-ordered, like all others; only read.
    a, z, cross : (n, n) array
        Iterate, averaged gradient and tail; overwritten.
    precondition : (n, n) array
        Rows are multiplied by it if `preconditioned`.
    numbers : (4,) real array
        Noise, objective, energy, overwritten; and the scale.
    first, rates, clip, floor
        Steps taken before, (3, 3) array of c, s, e for weights c (t + s)^(-e) of averaging, moving
        and the tail, whether the first two are at most 1, and the least weight.
    factor, level, lean, limit, p, project
        Of the noise, its threshold, the leaning towards A, the largest sum of squares of a
        mini-batch, the exponent, and whether there is a second projection.

    Returns
    -------
    int
        Mini-batches done.
    """
    batches, b, n = y.shape
    rows, h = np.empty((b, n), y.dtype), np.empty((b, n), y.dtype)
    w, x = np.empty((b, n), y.dtype), np.empty((n, n), y.dtype)
    size = np.empty(b * n, numbers.dtype)
    share = 1.0 / b
    for i in range(batches):
        energy = _scaled(y[i], numbers[3], rows)
        if not energy <= limit:
            return i
        t = float(first + i)
        rho = _rate(rates[0], t, clip, floor)
        gamma = _rate(rates[1], t, clip, floor)
        omega = _rate(rates[2], t, True, floor)
        slow = min(rho, 1.0)
        seen = np.dot(rows, precondition) if preconditioned else rows
        c = np.dot(seen, np.conj(a).T)
        objective = _powers(p, c, size, w)
        g = np.dot(np.conj(w).T, seen)
        square = _average(z, g, 1.0 - rho, rho * share)
        median = factor * _median(size)
        numbers[0] = (1.0 - slow) * numbers[0] + slow * median
        numbers[1] = (1.0 - slow) * numbers[1] + slow * share * objective
        numbers[2] = (1.0 - slow) * numbers[2] + slow * share * energy
        _cut(c, size, level * numbers[0], h)
        g = np.dot(np.conj(h).T, seen)
        _average(cross, g, 1.0 - omega, omega * share)
        _lean(x, z, a, lean, square)
        s = _polar(x)
        _average(a, s, 1.0 - gamma, gamma)
        if project:
            a[...] = _polar(a)
    return batches


@jit_part
def _rate(triple: Any, t: Any, clip: Any, floor: Any) -> Any:
    rate = triple[0] * (t + triple[1]) ** -triple[2]
    return max(min(rate, 1.0) if clip else rate, floor)


@jit_part
def _scaled(y: Any, scale: Any, out: Any) -> Any:
    """Y / scale, and its sum of squares, which shows NaN and infinity, and a scale of zero."""
    if scale == 0.0:  # every row so far was zero; compiled complex division would raise
        return np.nan
    total = 0.0
    for r in range(y.shape[0]):
        for k in range(y.shape[1]):
            value = y[r, k] / scale
            out[r, k] = value
            total += value.real * value.real + value.imag * value.imag
    return total


@jit_part
def _powers(p: Any, c: Any, size: Any, w: Any) -> Any:
    """|C| and C |C|^(p-2); returns the sum of |C|^p."""
    total, j = 0.0, 0
    for r in range(c.shape[0]):
        for k in range(c.shape[1]):
            s = abs(c[r, k])
            power = s if p == 3.0 else s * s if p == 4.0 else s ** (p - 2.0)
            size[j] = s
            w[r, k] = c[r, k] * power
            total += s * s * power
            j += 1
    return total


@jit_part
def _median(x: Any) -> Any:
    half = x.size // 2
    part = np.partition(x, half)
    if x.size % 2:
        return part[half]
    return 0.5 * (part[half] + np.max(part[:half]))


@jit_part
def _average(old: Any, new: Any, keep: Any, weight: Any) -> Any:
    """Old becomes keep * old + weight * new; returns its sum of squares."""
    total = 0.0
    for r in range(old.shape[0]):
        for k in range(old.shape[1]):
            value = keep * old[r, k] + weight * new[r, k]
            old[r, k] = value
            total += value.real * value.real + value.imag * value.imag
    return total


@jit_part
def _cut(c: Any, size: Any, threshold: Any, h: Any) -> None:
    """C where its modulus is above the threshold."""
    j = 0
    for r in range(c.shape[0]):
        for k in range(c.shape[1]):
            h[r, k] = c[r, k] if size[j] > threshold else 0.0
            j += 1


@jit_part
def _lean(x: Any, z: Any, a: Any, lean: Any, square: Any) -> None:
    """X = Z + lean ||Z|| / ||A|| A."""
    total = 0.0
    for r in range(a.shape[0]):
        for k in range(a.shape[1]):
            total += a[r, k].real * a[r, k].real + a[r, k].imag * a[r, k].imag
    weight = lean * np.sqrt((square if square > 0.0 else 1.0) / total)
    for r in range(a.shape[0]):
        for k in range(a.shape[1]):
            x[r, k] = z[r, k] + weight * a[r, k]


@jit_part
def _polar(x: Any) -> Any:
    u, _, vh = np.linalg.svd(x)
    return np.dot(u, vh)
