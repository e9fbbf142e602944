"""Test matrices built from stated properties: a singular-value profile, a rank, a scale.

Everything is made by NumPy in float64 or complex128 and rounded once to the dtype asked for, so
that a test on any library starts from the same numbers: ``xp.asarray(from_spectrum(...))``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Seed = int | np.random.Generator


def _levels(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round positions in [0, 1] to the four cluster centres 0, 1/3, 2/3, 1."""
    return np.round(3.0 * t) / 3.0


# Each profile maps positions t = 0 ... 1 (largest to smallest value) and the condition number to
# values that fall from 1 to 1/condition. Written in t, so that a single value is always 1.
_PROFILES: dict[str, Callable[[NDArray[np.float64], float], NDArray[np.float64]]] = {
    "geometric": lambda t, condition: condition**-t,
    "linear": lambda t, condition: (1.0 - t) + t / condition,
    "one-small": lambda t, condition: np.where(t < 1.0, 1.0, 1.0 / condition),
    "one-large": lambda t, condition: np.where(t > 0.0, 1.0 / condition, 1.0),
    "two-level": lambda t, condition: np.where(t < 0.5, 1.0, 1.0 / condition),
    "three-level": lambda t, condition: condition ** -(np.floor(np.minimum(3.0 * t, 2.0)) / 2.0),
    "clustered": lambda t, condition: condition ** -(_levels(t) + 1e-8 * (t - _levels(t))),
    "repeated": lambda t, condition: condition ** -_levels(t),
    "random-log": lambda t, condition: condition**-t,
}

PROFILES: tuple[str, ...] = tuple(_PROFILES)
"""Names that `spectrum` knows."""


def spectrum(
    profile: str, n: int, *, condition: float = 1e3, rank: int | None = None, rng: Seed = 0
) -> NDArray[np.float64]:
    """Singular values of a given shape: largest 1, smallest ``1/condition``, descending.

    Parameters
    ----------
    profile : str
        How the values fall from 1 to ``1/condition``:

        * ``"geometric"``: equal ratios; ``"linear"``: equal differences;
        * ``"one-small"``: all 1 but the last; ``"one-large"``: all ``1/condition`` but the first;
        * ``"two-level"``: one half 1, one half ``1/condition``;
        * ``"three-level"``: thirds at 1, ``condition**-0.5`` and ``1/condition``;
        * ``"repeated"``: four groups of exactly equal values, in equal ratios;
        * ``"clustered"``: the same groups, values inside one group about
          ``1e-8 * log(condition)`` apart, relatively;
        * ``"random-log"``: logarithms drawn uniformly from ``rng``, both ends kept.
    n : int
        How many values.
    condition : float, default 1e3
        Ratio of the largest to the smallest nonzero value, at least 1.
    rank : int, optional
        How many values are nonzero; the profile spans these, the others are exactly 0.
        The default is ``n``.
    rng : int or numpy.random.Generator, default 0
        Used by ``"random-log"`` only.

    Returns
    -------
    (n,) ndarray of float64
        A single nonzero value is 1 whatever the profile.

    Raises
    ------
    ValueError
        Unknown profile, ``condition`` not in [1, inf), ``rank`` not in 0 ... n.

    Examples
    --------
    >>> from orthola.testing import spectrum
    >>> spectrum("geometric", 4, condition=1000.0)
    array([1.   , 0.1  , 0.01 , 0.001])
    >>> spectrum("one-small", 4, condition=100.0, rank=3)
    array([1.  , 1.  , 0.01, 0.  ])
    """
    if profile not in _PROFILES:
        raise ValueError(f"expected a profile out of {', '.join(PROFILES)}, got {profile!r}")
    if not 1.0 <= condition < np.inf:
        raise ValueError(f"expected 1 <= condition < inf, got {condition}; use rank= for zeros")
    rank = n if rank is None else rank
    if not 0 <= rank <= n:
        raise ValueError(f"expected 0 <= rank <= n = {n}, got {rank}")
    t = np.linspace(0.0, 1.0, rank)
    if profile == "random-log":
        t[1:-1] = np.sort(generator(rng).random(max(rank - 2, 0)))
    values = np.zeros(n)
    values[:rank] = _PROFILES[profile](t, float(condition))
    return values


def generator(rng: Seed) -> np.random.Generator:
    """Turn a seed into a generator; a generator is handed on, so that it moves forward.

    ``None`` is refused: a test matrix that nobody can rebuild proves little.
    """
    if rng is None:
        raise TypeError("expected rng to be a seed or a numpy.random.Generator, got None")
    return np.random.default_rng(rng)


def gaussian(
    m: int, n: int, *, shape: tuple[int, ...] = (), dtype: DTypeLike = "float64", rng: Seed
) -> NDArray[Any]:
    """Independent standard normal entries; complex ones have variance 1 as a whole.

    Parameters
    ----------
    m, n : int
        Rows and columns.
    shape : tuple of int, optional
        Batch shape, in front.
    dtype : dtype, default "float64"
        Real or complex floating dtype; drawn in double precision and rounded once.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    (*shape, m, n) ndarray

    Examples
    --------
    >>> from orthola.testing import gaussian
    >>> gaussian(3, 2, shape=(4,), dtype="complex64", rng=0).shape
    (4, 3, 2)
    """
    rng = generator(rng)
    entries = rng.standard_normal((*shape, m, n))
    if np.dtype(dtype).kind == "c":
        imaginary = rng.standard_normal((*shape, m, n))
        return np.asarray((entries + 1j * imaginary) / np.sqrt(2.0), dtype=dtype)
    return np.asarray(entries, dtype=dtype)


def orthonormal(
    m: int, n: int, *, shape: tuple[int, ...] = (), dtype: DTypeLike = "float64", rng: Seed
) -> NDArray[Any]:
    """Haar-distributed matrix with orthonormal columns (m >= n) or rows (m < n).

    The Q of a Gaussian matrix, its columns multiplied by the phases of diag(R), which makes the
    distribution uniform [1]_. Orthonormal to a few eps of ``dtype``.

    Parameters
    ----------
    m, n : int
        Rows and columns.
    shape : tuple of int, optional
        Batch shape, in front.
    dtype : dtype, default "float64"
        Real or complex floating dtype; computed in double precision and rounded once.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    (*shape, m, n) ndarray

    References
    ----------
    .. [1] F. Mezzadri, "How to generate random matrices from the classical compact groups",
       Notices of the AMS 54 (2007). arXiv:math-ph/0609050

    Examples
    --------
    >>> from orthola.testing import orthogonality, orthonormal
    >>> bool(orthogonality(orthonormal(5, 3, rng=0)) < 1e-14)
    True
    """
    double = np.result_type(dtype, np.float64)
    q, r = np.linalg.qr(gaussian(max(m, n), min(m, n), shape=shape, dtype=double, rng=rng))
    diagonal = np.diagonal(r, axis1=-2, axis2=-1)
    q = q * (diagonal / np.abs(diagonal))[..., None, :]
    return np.asarray(q if m >= n else np.swapaxes(q, -1, -2), dtype=dtype, order="C")


def from_spectrum(
    m: int,
    n: int,
    values: ArrayLike,
    *,
    shape: tuple[int, ...] = (),
    dtype: DTypeLike = "float64",
    scale: float = 1.0,
    rng: Seed,
) -> NDArray[Any]:
    """Matrices with given singular values, ``A = scale * U diag(values) V^H``, U and V Haar.

    Parameters
    ----------
    m, n : int
        Rows and columns.
    values : (..., min(m, n)) array_like
        Singular values, not negative, in any order; broadcast against the batch shape.
    shape : tuple of int, optional
        Batch shape, in front. Every matrix gets its own U and V.
    dtype : dtype, default "float64"
        Real or complex floating dtype of the result.
    scale : float, default 1.0
        Factor of everything, applied before rounding; a power of two changes no digit
        as long as the entries stay in the normal range.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    (*shape, m, n) ndarray
        C-contiguous.

    Raises
    ------
    ValueError
        ``values`` is not of length min(m, n), negative or not finite.

    Notes
    -----
    Weyl's inequality limits what rounding does: every singular value of the result is within
    ``8 * max(m, n) * eps * scale * max(values)`` of the stated one, eps that of ``dtype``
    (observed instead of 8: 3.5 for complex 1 x 1, below 1.5 from 3 x 3 on). So small values are
    accurate absolutely, not relatively, and a stated 0 is one only to that accuracy.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.testing import from_spectrum, spectrum
    >>> a = from_spectrum(5, 3, spectrum("linear", 3, condition=4.0), rng=0)
    >>> np.linalg.svd(a, compute_uv=False)
    array([1.   , 0.625, 0.25 ])
    """
    short = min(m, n)
    values = np.asarray(values, dtype=np.float64)
    if values.shape[-1:] != (short,):
        raise ValueError(
            f"expected {short} singular values for a {m} x {n} matrix, got shape {values.shape}"
        )
    if not np.all((values >= 0.0) & (values < np.inf)):
        raise ValueError("expected singular values that are finite and not negative")
    double = np.result_type(dtype, np.float64)
    rng = generator(rng)
    u = orthonormal(m, short, shape=shape, dtype=double, rng=rng)
    vh = orthonormal(short, n, shape=shape, dtype=double, rng=rng)
    values = np.broadcast_to(values, (*shape, short))
    return np.asarray(((u * values[..., None, :]) @ vh) * scale, dtype=dtype)
