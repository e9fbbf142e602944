"""`mean_rotation`: rotations averaged where sums make sense, in the Lie algebra."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import cayley, cayley_inverse
from .._core import checks
from .._core.errors import Status
from .._core.linalg import sums_of_squares
from .._core.space import Space, resolve

__all__ = ["MeanRotation", "mean_rotation"]

_NAME = "mean_rotation"


class MeanRotation(NamedTuple):
    """What `mean_rotation` returns."""

    rotation: Any  # (..., n, n), or (..., B, n, n) for blocks
    status: Any  # integer (..., T), of every rotation given, see orthola.Status


@np.errstate(all="ignore")
def mean_rotation(rotations: Any, /, *, blocks: bool = False) -> MeanRotation:
    r"""Average of rotations that is a rotation, and turns as far as they do.

    The skew matrices that the Cayley map takes to the rotations are added, and their sum is given
    the mean of their norms. Rotations in different planes thus do not wear each other down, as
    they do in the plain mean of the skew matrices.

    Parameters
    ----------
    rotations : array (..., T, n, n) or (..., T, B, n, n)
        T rotations, real with determinant 1, or unitary matrices. Never written to.
    blocks : bool, optional
        Each of the T rotations is block diagonal, with the B blocks given: norms are over all
        blocks.

    Returns
    -------
    MeanRotation
        ``rotation`` (..., n, n) or (..., B, n, n); the identity where the sum is zero to
        rounding. ``status`` (..., T): ``OK``; ``BOUND_VIOLATED`` for a matrix that is not
        orthonormal, or has an eigenvalue so near -1 (as every reflection has) that it has no
        coordinates: it is left out; ``NONFINITE``: left out as well.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, and on too few axes.

    Notes
    -----
    The order of the T rotations does not matter, equal rotations are their own mean, and the mean
    of inverses is the inverse. The scale of the Cayley map does not enter. It is no Riemannian mean
    (the one of two rotations by angles x and y about one axis has tan(r/2) = (tan(x/2) +
    tan(y/2))/2), and not equivariant under a common further rotation: it is meant for rotations
    from one starting point.

    **Accuracy**: orthonormal to 10 n u, u the unit roundoff; otherwise n u times the norm of the
    skew matrices. **Cost**: T inverse Cayley maps and one Cayley map of order n. Derivatives as
    `cayley` and `cayley_inverse`; at a sum of zero they are zero.

    References
    ----------
    Yang et al., arXiv:2602.05943 (orthogonal model merging).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> turns = orthola.skew_exp(np.array([[[0.0, -0.1], [0.1, 0.0]], [[0.0, -0.3], [0.3, 0.0]]]))
    >>> rotation, status = orthola.mean_rotation(turns)
    >>> round(float(np.arcsin(rotation[1, 0])), 3)
    0.201
    """
    given, (r,) = resolve(_NAME, rotations)
    least = 4 if blocks else 3
    if r.ndim < least or r.shape[-1] != r.shape[-2]:
        shape = "(..., T, B, n, n)" if blocks else "(..., T, n, n)"
        raise ValueError(f"{_NAME}: expected rotations of shape {shape}, got {checks.describe(r)}")
    work = checks.compute_space(_NAME, given, None)
    xp = work.xp
    r = xp.astype(r, work.dtype, copy=False)
    if not blocks:
        r = r[..., None, :, :]
    q, code = _coordinates(work, r)
    total = xp.sum(q, axis=-4)
    length = _norms(xp, total)
    sizes = _norms(xp, q)
    number = xp.sum(xp.astype(code == int(Status.OK), work.real_dtype), axis=-1)
    mean = xp.sum(sizes, axis=-1) / xp.where(number > 0, number, xp.ones_like(number))
    # What rounding has left of a sum that cancels has no direction.
    some = length > work.eps * r.shape[-1] * xp.sum(sizes, axis=-1)
    factor = xp.where(some, mean, xp.zeros_like(mean)) / xp.where(
        some, length, xp.ones_like(length)
    )
    rotation = cayley(factor[..., None, None, None] * total)
    rotation = xp.astype(rotation if blocks else rotation[..., 0, :, :], given.dtype, copy=False)
    return MeanRotation(rotation, code)


def _coordinates(work: Space, r: Any) -> tuple[Any, Any]:
    """Skew matrices (..., T, B, n, n), zero where there are none, and the status (..., T)."""
    xp = work.xp
    # One chart for all: signs chosen by the values would put them into different ones.
    signs = xp.ones(r.shape[:-1], dtype=work.dtype, device=work.device)
    q, _, status = cayley_inverse(r, signs=signs)
    code = xp.max(status, axis=-1)
    usable = (code == int(Status.OK))[..., None, None, None]
    return xp.where(usable, q, xp.zeros_like(q)), code


def _norms(xp: Any, q: Any) -> Any:
    """Over all blocks; 0 has the derivative 0."""
    squares = xp.sum(sums_of_squares(xp, q), axis=-1)
    some = squares > 0
    return xp.where(
        some, xp.sqrt(xp.where(some, squares, xp.ones_like(squares))), xp.zeros_like(squares)
    )
