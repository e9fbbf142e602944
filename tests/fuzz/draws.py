"""Random problems with all that is hard in them, told by a generator alone, so repeatable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from orthola.testing import LAYOUTS, PROFILES, from_spectrum, gaussian, lay_out, spectrum

DTYPES = ("float64", "float32", "complex128", "complex64")


class Drawn(NamedTuple):
    """A matrix or a stack, and what is known about it."""

    matrix: np.ndarray
    condition: float  # infinity: not known
    rank: int
    exponent: int


def pick(rng: np.random.Generator, values: tuple[Any, ...]) -> Any:
    return values[int(rng.integers(len(values)))]


def roundoff(dtype: Any) -> float:
    return float(np.finfo(dtype).eps) / 2


def certain(holds: Any) -> float:
    """A property that has no tolerance, as a ratio of the bound 1."""
    return 0.0 if np.all(holds) else np.inf


def sides(rng: np.random.Generator, most: int = 10) -> tuple[int, int]:
    """Rows and columns; square in a third of the cases, now and then larger."""
    most = most if rng.random() < 0.99 else 6 * most
    m, n = (int(x) for x in rng.integers(1, most + 1, 2))
    return (m, m) if rng.random() < 0.33 else (m, n)


def batch(rng: np.random.Generator) -> tuple[int, ...]:
    return pick(rng, ((), (), (2,), (3, 2), (9,)))


def matrix(rng: np.random.Generator, m: int, n: int, *, dtype: str, shape: Any = ()) -> Drawn:
    """Any spectrum, rank, scale and memory layout."""
    short, info = min(m, n), np.finfo(dtype)
    condition = 10.0 ** rng.uniform(0.0, -np.log10(info.eps))
    rank = int(rng.integers(0, short + 1)) if rng.random() < 0.25 else short
    least, most = int(info.minexp) - info.nmant, int(info.maxexp) - info.nmant
    exponent = int(rng.integers(least, most + 1)) if rng.random() < 0.5 else 0
    values = spectrum(pick(rng, PROFILES), short, condition=condition, rank=rank, rng=rng)
    a = from_spectrum(m, n, values, shape=shape, dtype=dtype, scale=2.0**exponent, rng=rng)
    if rank == short and exponent >= 0 and rng.random() < 0.1:  # entries of very unequal size
        a = a * 10.0 ** rng.uniform(-8, 0, n)
        a, condition = a.astype(dtype), np.inf
    if exponent < int(info.minexp) + 4:  # rounded to multiples of the smallest number
        rank, condition = short, np.inf
    return Drawn(lay_out(a, pick(rng, LAYOUTS)), condition, rank, exponent)


def skew(rng: np.random.Generator, n: int, *, dtype: str, shape: Any = ()) -> np.ndarray:
    """Skew-Hermitian matrices of any norm from 1e-6 to 1e6."""
    a = gaussian(n, n, shape=shape, dtype=dtype, rng=rng)
    a = a * 10.0 ** (rng.uniform(-6, 6) if rng.random() < 0.5 else rng.uniform(-1, 1))
    if rng.random() < 0.2:
        a = a * 10.0 ** rng.uniform(-4, 0, n)
    return (a - np.conj(np.swapaxes(a, -1, -2))).astype(dtype)


def scaled(x: np.ndarray, exponent: int) -> np.ndarray:
    """``x * 2**exponent``, exactly."""
    return np.asarray(x * x.real.dtype.type(2.0**exponent))


def stays_normal(*arrays: np.ndarray) -> bool:
    """Whether no entry but zero is so small, or so large, that digits are lost."""
    for x in arrays:
        parts = np.abs(np.stack([x.real, x.imag]))
        small = np.any((parts > 0) & (parts < np.finfo(x.dtype).smallest_normal))
        if small or not np.all(np.isfinite(parts)):
            return False
    return True


def singular_values(x: np.ndarray) -> tuple[np.ndarray, int]:
    """Of one matrix, as multiples of 2**exponent: squares of 1e-200 would be lost in a norm."""
    parts = np.abs(np.stack([x.real, x.imag]))
    exponent = int(np.frexp(np.max(parts, initial=0.0))[1])
    half = exponent // 2  # in two steps, because 2**1000 times 2**-1000 has to be possible
    return np.linalg.svd(
        scaled(scaled(wide(x), -half), half - exponent), compute_uv=False
    ), exponent


def wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def norm(x: np.ndarray) -> Any:
    """Frobenius norm of every item, in double precision."""
    return np.linalg.norm(wide(x), axis=(-2, -1))
