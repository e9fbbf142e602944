"""How far a result is from what it claims to be, measured in float64 on the host.

Every measure takes (..., m, n) NumPy arrays of any floating dtype, computes in float64 or
complex128 and returns one number per matrix: a float for one matrix, an array of the batch shape
for a stack. For float64 input a measure therefore carries rounding of its own, a few eps.

Measures never raise on values: NaN or infinity in a matrix gives NaN for that matrix (which no
``<=`` accepts), and what is too large to be represented gives infinity.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Measure = Any  # np.float64 for one matrix, NDArray[np.float64] for a stack


def orthogonality(u: ArrayLike) -> Measure:
    """Distance from orthonormality of the short side, ``||U^H U - I||_2`` (or ``U U^H``).

    Parameters
    ----------
    u : (..., m, n) array_like
        Columns are checked for m >= n, rows otherwise.

    Returns
    -------
    (...) float
        Spectral norm; 0 for an empty matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.testing import orthogonality
    >>> float(orthogonality(np.diag([1.0, -1.0, 1.25])))
    0.5625
    """
    u = _double(u)
    if u.shape[-2] < u.shape[-1]:
        u = _adjoint(u)
    with np.errstate(all="ignore"):
        defect = _adjoint(u) @ u - np.eye(u.shape[-1])
    return _judged(np.max(np.abs(_eigenvalues(defect)), axis=-1, initial=0.0), u)


def polar_residual(a: ArrayLike, u: ArrayLike, h: ArrayLike, *, side: str = "right") -> Measure:
    """Relative backward error of a polar decomposition, ``||A - U H||_F / ||A||_F``.

    Parameters
    ----------
    a : (..., m, n) array_like
        The decomposed matrices. Entries from 1e-300 to 1e300 are safe: `a` and `h` are first
        multiplied by the same power of two.
    u : (..., m, n) array_like
        Unitary factor.
    h : (..., n, n) array_like, or (..., m, m) for ``side="left"``
        Hermitian factor.
    side : {"right", "left"}
        ``"left"`` measures ``A - H U``.

    Returns
    -------
    (...) float
        For A = 0: 0 if the product is 0 too, infinity otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.testing import polar_residual
    >>> float(polar_residual(1e300 * np.eye(2), np.eye(2), 1.5e300 * np.eye(2)))
    0.5
    """
    if side not in ("right", "left"):
        raise ValueError(f"expected side 'right' or 'left', got {side!r}")
    a, u, h = _double(a), _double(u), _double(h)
    e = _exponent(a)
    with np.errstate(all="ignore"):
        scaled, factor = _ldexp(a, -e), _ldexp(h, -e)
        product = u @ factor if side == "right" else factor @ u
        return _judged(_relative(scaled - product, scaled), a, u, h)


def psd_violation(h: ArrayLike) -> Measure:
    """How negative a Hermitian matrix is, ``max(0, -lambda_min) / ||H||_2``.

    Parameters
    ----------
    h : (..., n, n) array_like
        Its Hermitian part ``(H + H^H) / 2`` is measured.

    Returns
    -------
    (...) float
        Between 0 and 1; 0 for a zero or empty matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.testing import psd_violation
    >>> float(psd_violation(np.diag([4.0, 1.0, -0.5])))
    0.125
    """
    h = _double(h)
    with np.errstate(all="ignore"):
        h = _ldexp(h, -_exponent(h))
        values = _eigenvalues((h + _adjoint(h)) / 2)
    lowest = np.min(values, axis=-1, initial=0.0)
    return _ratio(-lowest, np.max(np.abs(values), axis=-1, initial=0.0))


def asymmetry(h: ArrayLike) -> Measure:
    """How far a matrix is from Hermitian, ``||H - H^H||_F / ||H||_F``.

    Parameters
    ----------
    h : (..., n, n) array_like
        Measure ``U^H A`` to judge a unitary factor, the returned H to see that it is exact.

    Returns
    -------
    (...) float
        Exactly 0 only if H equals its adjoint bitwise.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.testing import asymmetry
    >>> float(asymmetry(np.array([[0.0, 1.0], [-1.0, 0.0]])))
    2.0
    """
    h = _double(h)
    with np.errstate(all="ignore"):
        h = _ldexp(h, -_exponent(h))
        return _relative(h - _adjoint(h), h)


def dual_gap(a: ArrayLike, u: ArrayLike) -> Measure:
    """How much better the best orthonormal matrix does, ``1 - Re<U, A> / ||A||_*``.

    The polar factor maximises ``Re<U, A>`` over matrices of spectral norm 1, with the nuclear norm
    as the maximum. Any other orthonormal matrix is found out here, whatever its orthogonality.

    Parameters
    ----------
    a, u : (..., m, n) array_like
        Matrices and candidate unitary factors. `a` may have entries from 1e-300 to 1e300.

    Returns
    -------
    (...) float
        0 for the polar factor up to rounding of either sign, up to 2 for its negative.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.testing import dual_gap
    >>> float(dual_gap(np.diag([3.0, 1.0]), np.diag([1.0, -1.0])))
    0.5
    """
    a, u = _double(a), _double(u)
    with np.errstate(all="ignore"):
        a = _ldexp(a, -_exponent(a))
        usable = np.where(_finite(a)[..., None, None], a, 0.0)
        nuclear = np.sum(np.linalg.svd(usable, compute_uv=False), axis=-1)
        gap = nuclear - np.sum((np.conj(u) * a).real, axis=(-2, -1))
    return _judged(_ratio(gap, nuclear), a, u)


def relative_error(actual: ArrayLike, expected: ArrayLike) -> Measure:
    """Distance in the Frobenius norm, ``||actual - expected||_F / ||expected||_F``.

    Parameters
    ----------
    actual, expected : (..., m, n) array_like
        Entries from 1e-300 to 1e300 are safe.

    Returns
    -------
    (...) float
        For ``expected = 0``: 0 if the actual value is 0 too, infinity otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.testing import relative_error
    >>> float(relative_error(np.full((2, 2), 5e-300), np.full((2, 2), 4e-300)))
    0.25
    """
    actual, expected = _double(actual), _double(expected)
    e = _exponent(expected)
    with np.errstate(all="ignore"):
        scaled = _ldexp(expected, -e)
        return _judged(_relative(_ldexp(actual, -e) - scaled, scaled), actual, expected)


def _double(x: ArrayLike) -> NDArray[Any]:
    x = np.asarray(x)
    if x.ndim < 2:
        raise ValueError(f"expected a (..., m, n) array, got shape {x.shape}")
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64, copy=False)


def _adjoint(x: NDArray[Any]) -> NDArray[Any]:
    return np.swapaxes(x, -1, -2).conj()


def _finite(x: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(x).all(axis=(-2, -1)))


def _exponent(x: NDArray[Any]) -> NDArray[Any]:
    """Power of two, per matrix, of its largest entry; 0 where there is none to speak of."""
    largest = np.max(
        np.maximum(np.abs(x.real), np.abs(x.imag)), axis=(-2, -1), keepdims=True, initial=0.0
    )
    return np.frexp(np.where(np.isfinite(largest), largest, 0.0))[1]


def _ldexp(x: NDArray[Any], e: NDArray[Any]) -> NDArray[Any]:
    """``x * 2**e`` exactly, where the factor itself may be too large or small to represent."""
    if x.dtype.kind == "c":
        return np.asarray(np.ldexp(x.real, e) + 1j * np.ldexp(x.imag, e))
    return np.asarray(np.ldexp(x, e))


def _eigenvalues(x: NDArray[Any]) -> NDArray[np.float64]:
    """Eigenvalues of Hermitian matrices, NaN for those that LAPACK must not see."""
    finite = _finite(x)[..., None]
    return np.where(finite, np.linalg.eigvalsh(np.where(finite[..., None], x, 0.0)), np.nan)


def _relative(difference: NDArray[Any], reference: NDArray[Any]) -> Measure:
    return _ratio(
        np.linalg.norm(difference, axis=(-2, -1)), np.linalg.norm(reference, axis=(-2, -1))
    )


def _ratio(error: NDArray[Any], size: NDArray[Any]) -> Measure:
    """``error / size`` where an error of 0 is 0 relative to anything."""
    with np.errstate(all="ignore"):
        return np.where(error == 0.0, 0.0, np.asarray(error) / np.asarray(size))[()]


def _judged(value: NDArray[Any], *inputs: NDArray[Any]) -> Measure:
    """NaN for input that is not finite, infinity where finite input overflowed on the way."""
    finite = np.asarray(True)
    for x in inputs:
        finite = finite & _finite(x)
    return np.where(finite, np.where(np.isnan(value), np.inf, value), np.nan)[()]
