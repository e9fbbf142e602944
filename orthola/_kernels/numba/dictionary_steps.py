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
    y: Any, a: Any, z: Any, cross: Any, refined: Any, record: Any, precondition: Any, numbers: Any,
    first: Any, rates: Any, clip: Any, floor: Any, factor: Any, limits: Any, period: Any,
    lean: Any, limit: Any, p: Any, preconditioned: Any, project: Any,
) -> Any:  # fmt: skip
    """Advance by the mini-batches y (T, b, n) until one has a row that is not usable.

    Parameters
    ----------
    y : (T, b, n) array
        C-ordered, like all others; only read.
    a, z, cross, refined : (n, n) array
        Iterate, averaged gradient, tail and refined atoms; overwritten.
    record : (4, n) real array
        As in `DictionaryState`; overwritten.
    precondition : (n, n) array
        Rows are multiplied by it if `preconditioned`.
    numbers : (4,) real array
        Noise, objective, energy, overwritten; and the scale.
    first, rates, clip, floor
        Steps taken before, (3, 3) array of c, s, e for weights c (t + s)^(-e) of averaging, moving
        and the tail, whether the first two are at most 1, and the least weight.
    factor, limits, period
        Of the noise; of thresholds and of the contest of atoms; steps between two refined ones.
    lean, limit, p, project
        The leaning towards A, the largest sum of squares of a mini-batch, the exponent, and
        whether there is a second projection.

    Returns
    -------
    int
        Mini-batches done.
    """
    batches, b, n = y.shape
    rows, h = np.empty((b, n), y.dtype), np.empty((b, n), y.dtype)
    w, x = np.empty((b, n), y.dtype), np.empty((n, n), y.dtype)
    size, sums = np.empty(b * n, numbers.dtype), np.empty((4, n), numbers.dtype)
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
        objective = _powers(p, c, size, w, sums[0], sums[2])
        g = np.dot(np.conj(w).T, seen)
        square = _average(z, g, 1.0 - rho, rho * share)
        known = _shown(rows, size)
        if known > 0:
            median = factor * _median(size[:known])
            numbers[0] = (1.0 - slow) * numbers[0] + slow * median
        numbers[1] = (1.0 - slow) * numbers[1] + slow * share * objective
        numbers[2] = (1.0 - slow) * numbers[2] + slow * share * energy
        _divide(a, p, sums)
        c = np.dot(seen, np.conj(refined).T)
        _powers(p, c, size, h, sums[1], sums[3])
        for k in range(4):
            for j in range(n):
                record[k, j] = (1.0 - omega) * record[k, j] + omega * (share * sums[k, j])
        _cut(c, size, limits, numbers[0], p, record, h)
        g = np.dot(np.conj(h).T, seen)
        tail = _average(cross, g, 1.0 - omega, omega * share)
        _lean(x, z, a, lean, square)
        s = _polar(x)
        _average(a, s, 1.0 - gamma, gamma)
        if project:
            a[...] = _polar(a)
        step = first + i + 1
        if step % period == 0:
            _lean(x, cross, a, lean, tail)
            _settle(a, _polar(x), True, refined, record, limits)
        elif step < period:
            _settle(a, a, False, refined, record, limits)
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
def _powers(p: Any, c: Any, size: Any, w: Any, ones: Any, powers: Any) -> Any:
    """|C|, C |C|^(p-2), and sums of |C| and |C|^p by columns; returns the sum of |C|^p."""
    total, j = 0.0, 0
    ones[...], powers[...] = 0.0, 0.0
    for r in range(c.shape[0]):
        for k in range(c.shape[1]):
            s = abs(c[r, k])
            power = s if p == 3.0 else s * s if p == 4.0 else s ** (p - 2.0)
            size[j] = s
            w[r, k] = c[r, k] * power
            ones[k] += s
            powers[k] += s * s * power
            j += 1
    for k in range(c.shape[1]):
        total += powers[k]
    return total


@jit_part
def _shown(rows: Any, size: Any) -> Any:
    """Moves |C| of the rows that are not zero to the front; returns how many entries these are."""
    count, n = 0, rows.shape[1]
    for r in range(rows.shape[0]):
        for k in range(n):
            if rows[r, k] != 0.0:
                size[count : count + n] = size[r * n : (r + 1) * n]
                count += n
                break
    return count


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
def _cut(c: Any, size: Any, limits: Any, noise: Any, p: Any, record: Any, h: Any) -> None:
    """C where its modulus is above the threshold of its atom."""
    n = c.shape[1]
    thresholds = np.empty(n, record.dtype)
    for k in range(n):
        mean = record[1, k] if record[1, k] > 0.0 else 1.0
        least = limits[1] * (record[3, k] / mean) ** (1.0 / (p - 1.0))
        thresholds[k] = max(limits[0] * noise, least)
    j = 0
    for r in range(c.shape[0]):
        for k in range(n):
            h[r, k] = c[r, k] if size[j] > thresholds[k] else 0.0
            j += 1


@jit_part
def _length(row: Any) -> Any:
    total = 0.0
    for k in range(row.size):
        total += row[k].real * row[k].real + row[k].imag * row[k].imag
    return np.sqrt(total) if total > 0.0 else 1.0


@jit_part
def _divide(a: Any, p: Any, sums: Any) -> None:
    """Sums of the codes of A as if its atoms had the norm 1."""
    for j in range(a.shape[0]):
        length = _length(a[j])
        sums[0, j] /= length
        sums[2, j] /= length**p


@jit_part
def _settle(a: Any, ahead: Any, due: Any, refined: Any, record: Any, limits: Any) -> None:
    """Each refined atom becomes the one ahead if that is due and better, else that of A."""
    for j in range(a.shape[0]):
        length, cosine = _length(a[j]), 0.0
        for k in range(a.shape[1]):
            cosine += ahead[j, k].real * a[j, k].real + ahead[j, k].imag * a[j, k].imag
        better = record[1, j] < (1.0 - limits[4]) * record[0, j]
        better = better and cosine / length > limits[2]
        if better and record[3, j] >= (1.0 - limits[3]) * record[2, j] and due:
            refined[j] = ahead[j]
        else:
            refined[j] = a[j] / length


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
