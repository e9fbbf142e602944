"""`haar`: random orthonormal frames, uniformly distributed."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import checks
from .._core.random import delivered, destination, generator, normals

__all__ = ["HaarReflectors", "haar"]

Host = NDArray[Any]


class HaarReflectors(NamedTuple):
    """A random frame as reflectors: ``householder_product(vectors, tau) * signs[..., None, :]``."""

    vectors: Any  # v_1 ... v_k, (..., n, k), unit lower trapezoidal
    tau: Any  # 2/||v_j||^2, (..., k), real
    signs: Any  # (..., k): 1 and -1, or phases if complex, of the dtype of the vectors


def haar(
    n: int,
    k: int | None = None,
    /,
    *,
    shape: int | tuple[int, ...] = (),
    xp: Any = None,
    dtype: Any = None,
    device: Any = None,
    rng: Any = None,
    determinant: int | None = None,
    reflectors: bool = False,
) -> Any:
    r"""Random matrices with orthonormal columns, uniformly distributed (Haar measure).

    Parameters
    ----------
    n : int
        Rows.
    k : int, optional
        Columns, at most n; default n.
    shape : int or tuple of int, optional
        Shape of the stack, in front.
    xp : namespace or str, optional
        Array library of the result: ``numpy`` (default), ``torch``, ``jax.numpy``, ``cupy``, ...
    dtype : dtype or str, optional
        A floating dtype of `xp`; a complex one gives unitary matrices. Default: the default
        float of the library.
    device : optional
        Where the result is to be, as the library spells it.
    rng : None, int or numpy.random.Generator, optional
        Source of random numbers: fresh entropy, a seed (or what `numpy.random.default_rng`
        takes for one), or a generator, which moves on.
    determinant : {None, 1, -1}, optional
        Only matrices of this determinant, for k = n. With 1: the special orthogonal group of
        rotations, or the special unitary group.
    reflectors : bool, optional
        Return the frame as Householder reflectors and do not form it.

    Returns
    -------
    array (..., n, k), or HaarReflectors
        Leading axes are `shape`. With ``reflectors=True`` a tuple of ``vectors`` (..., n, k),
        ``tau`` (..., k) and ``signs`` (..., k), for `householder_apply` and `householder_product`.

    Raises
    ------
    TypeError, ValueError
        On sizes that are no integers, negative or k > n, on an `rng`, `xp` or dtype that is none,
        and on a determinant for k < n.

    Notes
    -----
    **Method**: the distribution of Q in A = Q R with Gaussian A and a positive diagonal of R,
    without A. Reflector j takes a Gaussian vector x of length n - j + 1 to a multiple of e_1, and
    sign j is minus the phase of x_1. Rotations of order 2 and 3 are made from an angle and from a
    normalised Gaussian quaternion. (The Q of a QR routine as it comes is not uniform.)

    All numbers are drawn by NumPy on the host and computed in double precision, then
    rounded once and moved: the same seed gives the same matrices on every library, device and
    precision. Inside ``jax.jit`` they are constants. With a seed, results may change between
    versions of orthola.

    **Accuracy**: as `householder_product` in double precision.

    **Cost**: n k random numbers and `householder_product`, half the work of a QR factorisation;
    with ``reflectors=True`` the random numbers alone.

    References
    ----------
    G. W. Stewart, doi:10.1137/0717034 (reflectors).
    F. Mezzadri, arXiv:math-ph/0609050 (phases).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> q = orthola.haar(5, 2, rng=0)
    >>> q.shape, np.allclose(q.T @ q, np.eye(2))
    ((5, 2), True)
    >>> rotations = orthola.haar(3, shape=1000, rng=0, determinant=1)
    >>> rotations.shape, np.allclose(np.linalg.det(rotations), 1.0)
    ((1000, 3, 3), True)

    A product with a frame that is never formed:

    >>> v, tau, signs = orthola.haar(100_000, 2, rng=0, reflectors=True)
    >>> x = np.zeros((100_000, 1))
    >>> x[:2, 0] = signs * [3.0, 4.0]
    >>> y = orthola.householder_apply(v, tau, x)
    >>> round(float(np.linalg.norm(y)), 12)
    5.0
    """
    n = checks.count("haar", "n", n, least=0)
    k = n if k is None else checks.count("haar", "k", k, least=0)
    if k > n:
        raise ValueError(f"haar: expected at most n = {n} orthonormal columns, got k = {k}")
    batch = _batch(shape)
    if determinant not in (None, 1, -1):
        raise ValueError(f"haar: expected determinant to be None, 1 or -1, got {determinant!r}")
    if determinant is not None and (k < n or n == 0):
        raise ValueError(f"haar: expected square matrices for a determinant, got n = {n}, k = {k}")
    place = destination("haar", xp, dtype, device)
    random = generator("haar", rng)
    if n in (2, 3) and not place.is_complex and not reflectors:
        return delivered(place, _rotations(random, n, k, batch, determinant))
    v, tau, signs = _reflectors(random, n, k, batch, place.is_complex)
    if determinant is not None:
        _set_determinant(signs, determinant)
    if reflectors:
        return HaarReflectors(
            delivered(place, v), delivered(place.real, tau), delivered(place, signs)
        )
    from .householder import householder_product

    return delivered(place, householder_product(v, tau, packed=True) * signs[..., None, :])


def _batch(shape: Any) -> tuple[int, ...]:
    lengths = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple(checks.count("haar", "shape", length, least=0) for length in lengths)


def _reflectors(
    random: np.random.Generator, n: int, k: int, batch: tuple[int, ...], is_complex: bool
) -> HaarReflectors:
    """With v scaled to v_1 = 1: v = x / (x_1 + phase(x_1) ||x||) below, tau = 1 + |x_1|/||x||."""
    x = np.tril(normals(random, (*batch, n, k), is_complex=is_complex))
    norm = np.sqrt(np.sum(x.real**2 + x.imag**2 if is_complex else x * x, axis=-2))
    first = np.einsum("...jj->...j", x[..., :k, :])
    size = np.abs(first)
    phase = np.where(size > 0.0, first / np.where(size > 0.0, size, 1.0), 1.0)
    x /= (first + phase * norm)[..., None, :]
    first[...] = 1.0
    return HaarReflectors(x, 1.0 + size / norm, -phase)


def _set_determinant(signs: Host, determinant: int) -> None:
    """Turn the last column so that det Q is the one wanted; each reflector has determinant -1."""
    now = (-1.0) ** signs.shape[-1] * np.prod(signs, axis=-1)
    signs[..., -1] *= determinant * np.conj(now)


def _rotations(
    random: np.random.Generator, n: int, k: int, batch: tuple[int, ...], determinant: int | None
) -> Host:
    """First k columns; one column less than n does not see the determinant."""
    q = np.empty((*batch, n, n))
    if n == 2:
        angle = random.uniform(0.0, 2.0 * math.pi, batch)
        q[..., 0, 0] = q[..., 1, 1] = np.cos(angle)
        q[..., 1, 0] = np.sin(angle)
        q[..., 0, 1] = -q[..., 1, 0]
    else:
        _from_quaternions(normals(random, (4, math.prod(batch))), q.reshape(-1, 3, 3))
    if k == n and determinant is None:
        q[..., -1] *= random.choice((-1.0, 1.0), batch)[..., None]
    elif determinant == -1:
        q[..., -1] *= -1.0
    return q[..., :k]


def _from_quaternions(quaternion: Host, q: Host) -> None:
    """Rotation matrices of quaternions w + xi + yj + zk of any norm but zero; overwrites them.

    In three temporaries: for long stacks, allocating more would take longer than the arithmetic.
    """
    one = np.einsum("ij,ij->j", quaternion, quaternion)
    quaternion *= np.sqrt(np.divide(2.0, one, out=one), out=one)
    w, x, y, z = quaternion
    turn = np.empty_like(w)
    for a, b, c, i, j in ((x, y, z, 1, 0), (x, z, y, 0, 2), (y, z, x, 2, 1)):
        np.multiply(a, b, out=one)
        np.multiply(w, c, out=turn)
        np.add(one, turn, out=q[..., i, j])
        np.subtract(one, turn, out=q[..., j, i])
    np.multiply(quaternion, quaternion, out=quaternion)
    for a, b, i in ((y, z, 0), (x, z, 1), (x, y, 2)):
        np.subtract(1.0, a, out=turn)
        np.subtract(turn, b, out=q[..., i, i])
