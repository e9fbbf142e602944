"""`polar_quality`: how good a given orthogonal factor is, from five sides."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.linalg import adjoint, hermitian_part, sums_of_squares, wide
from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import in_full_precision, resolve

__all__ = ["PolarQuality", "polar_quality"]


class PolarQuality(NamedTuple):
    """What `polar_quality` returns: five real numbers per item, all zero for an exact factor."""

    orthogonality: Any  # ||U^H U - I||_2, on the short side
    residual: Any  # ||U sym(U^H A) - A||_F / ||A||_F
    psd_violation: Any  # max(0, -lambda_min(H)) / ||A||_2
    asymmetry: Any  # ||U^H A - (U^H A)^H||_F / ||A||_F
    dual_gap: Any  # (||A||_* - Re<U, A>) / ||A||_*


# An item with NaN or infinity gives NaN, not a warning.
@np.errstate(all="ignore")
@in_full_precision
def polar_quality(a: Any, u: Any, /) -> PolarQuality:
    """Measure how far `u` is from being the orthogonal polar factor of `a`.

    Orthogonality alone cannot see a wrong orthogonal factor; the other four can.

    Parameters
    ----------
    a : array (..., m, n)
        The matrices.
    u : array (..., m, n)
        Their supposed orthogonal factors, same library, device and shape.

    Returns
    -------
    PolarQuality
        Real arrays of the batch shape. ``orthogonality`` is ||U^H U - I||_2 (rows for m < n);
        ``residual`` is ||A - U H||_F / ||A||_F with H = (U^H A + A^H U)/2; ``psd_violation`` is
        how far H dips below zero, relative to ||A||_2; ``asymmetry`` is ||U^H A - A^H U||_F /
        ||A||_F; ``dual_gap`` is 1 - Re<U, A>/||A||_* , zero iff U maximises the inner product
        with A. A zero matrix gives zeros in all but the first. NaN or infinity gives NaN.

    Raises
    ------
    TypeError, ValueError
        On input that is not two arrays of one library, device and shape.

    Notes
    -----
    Scale invariant from 1e-300 to 1e300. Each measure is itself rounded, to a few n u: a perfect
    factor gives no zeros. Cost: one SVD of A's values, two of order n, and three products. No
    derivatives. For wide A everything is measured on the adjoint, which has the same factor.

    References
    ----------
    N. J. Higham, *Functions of Matrices*, SIAM 2008, ch. 8, doi:10.1137/1.9780898717778.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.array([[2.0, 0.0], [0.0, -1.0]])
    >>> orthola.polar_quality(a, np.diag([1.0, -1.0])).residual
    array(0.)
    >>> wrong = orthola.polar_quality(a, np.eye(2))  # orthogonal, but not the polar factor
    >>> float(wrong.orthogonality), float(wrong.psd_violation)
    (0.0, 0.5)
    """
    space, (x, u) = resolve("polar_quality", a, u)
    checks.is_matrix("polar_quality", x)
    if tuple(x.shape) != tuple(u.shape):
        raise ValueError(
            f"polar_quality: expected a and u of one shape, got {tuple(x.shape)} and "
            f"{tuple(u.shape)}"
        )
    xp = space.xp
    work = checks.compute_space("polar_quality", space, None)
    x, u = xp.astype(x, work.dtype, copy=False), xp.astype(u, work.dtype, copy=False)
    if x.shape[-2] < x.shape[-1]:
        x, u = adjoint(xp, x), adjoint(xp, u)
    if 0 in x.shape:
        zero = xp.zeros(x.shape[:-2], dtype=work.real_dtype, device=work.device)
        return PolarQuality(zero, zero, zero, zero, zero)

    size = largest_entry(work, x)
    usable = xp.isfinite(size) & xp.all(xp.isfinite(u), axis=(-2, -1))
    regular = usable & (size > 0)
    eye = xp.eye(*x.shape[-2:], dtype=x.dtype, device=work.device)
    exponent = power_of_two_exponent(work, xp.where(regular, size, xp.ones_like(size)))
    x = xp.where(wide(usable), scale_by_power_of_two(work, x, -exponent), eye)
    u = xp.where(wide(usable), u, eye)

    k = adjoint(xp, u) @ x
    h = hermitian_part(xp, k)
    s = xp.linalg.svdvals(x)
    one = xp.ones_like(size)
    length = xp.where(regular, xp.sqrt(sums_of_squares(xp, x)), one)
    nuclear = xp.where(regular, xp.sum(s, axis=-1), one)
    norm = xp.where(regular, s[..., 0], one)
    small = xp.eye(x.shape[-1], dtype=x.dtype, device=work.device)
    values = xp.linalg.eigvalsh(hermitian_part(xp, adjoint(xp, u) @ u) - small)
    inner = xp.sum(xp.linalg.diagonal(xp.real(k) if work.is_complex else k), axis=-1)
    measures = (
        xp.max(xp.abs(values), axis=-1),
        xp.sqrt(sums_of_squares(xp, u @ h - x)) / length,
        xp.clip(-xp.min(xp.linalg.eigvalsh(h), axis=-1), min=0.0) / norm,
        xp.sqrt(sums_of_squares(xp, k - adjoint(xp, k))) / length,
        xp.where(regular, (nuclear - inner) / nuclear, 0 * one),
    )
    nan = xp.full_like(one, float("nan"))
    return PolarQuality(*(xp.where(usable, value, nan) for value in measures))
