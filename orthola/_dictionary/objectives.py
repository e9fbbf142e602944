"""How good a dictionary is: against the true one, and by the objective on samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import polar
from .._core import checks
from .._core.linalg import Products, adjoint, hermitian_part, inner_product
from .._core.space import Space, in_full_precision, resolve
from .._core.storage import on_host
from .arguments import exponent
from .gradient import gradient, nuclear_norm

__all__ = [
    "DictionaryRecovery",
    "dictionary_recovery",
    "err4",
    "frank_wolfe_gap",
    "matched",
    "nuclear_norm_bound",
]


class DictionaryRecovery(NamedTuple):
    """What `dictionary_recovery` returns."""

    err4: Any  # (...) 1 - ||Q D^H||_4^4 / n, 0 exactly at signed permutations
    cosines: Any  # (..., n), |cos| of every true atom and its match
    permutation: Any  # integer (..., n): dictionary[permutation] * phases ~ reference
    phases: Any  # (..., n): signs, or phases if complex
    share: Any  # (...) share of the cosines above the threshold
    smallest: Any  # (...) smallest cosine


def dictionary_recovery(
    dictionary: Any, reference: Any, /, *, threshold: float = 0.99
) -> DictionaryRecovery:
    r"""Compare a learned dictionary with the true one, up to order and signs of the atoms.

    Parameters
    ----------
    dictionary, reference : array (..., n, n)
        Rows are atoms, of any length.
    threshold : float in (0, 1], optional
        Cosine from which on an atom counts as found.

    Returns
    -------
    DictionaryRecovery
        Of NumPy arrays: the matching runs on the host. Look at ``err4`` and at ``smallest`` or
        ``share``: with n = 100, two atoms mixed at 45 degrees give err4 = 0.01, which looks
        learned, and a smallest cosine of 0.71, which does not.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating array, is being traced, or has NaN or infinity, and on shapes
        that do not match.

    Notes
    -----
    ``err4`` is about twice the mean squared angle of the atoms; it is taken from the polar factors
    of both, which for complete dictionaries that are not orthogonal says little. Atoms are matched
    one to one so that the sum of \|cos\| is largest (Hungarian method).

    **Accuracy**: an ``err4`` of n eps is rounding.

    **Cost**: two SVDs of order n, and n^3 at worst for the matching. No derivatives.

    References
    ----------
    Y. Zhai, Z. Yang, Z. Liao, J. Wright, Y. Ma, arXiv:1906.02435 (the fourth power).

    Examples
    --------
    >>> import orthola
    >>> d = orthola.haar(4, rng=0)
    >>> found = orthola.dictionary_recovery(-d[[2, 0, 3, 1]], d)
    >>> round(float(found.err4), 12), found.permutation.tolist(), found.phases.tolist()
    (0.0, [1, 3, 0, 2], [-1.0, -1.0, -1.0, -1.0])
    """
    name = "dictionary_recovery"
    threshold = checks.real_in(name, "threshold", threshold, 0.0, 1.0)
    a, d = (_on_host(name, x) for x in (dictionary, reference))
    _, (a, d) = resolve(name, a, d)
    for x in (a, d):
        checks.is_square(name, x, name="dictionary and reference")
    if a.shape != d.shape or a.shape[-1] == 0:
        raise ValueError(
            f"{name}: expected two arrays of one shape (..., n, n) with n >= 1, got {a.shape} and "
            f"{d.shape}"
        )
    if not (np.isfinite(a).all() and np.isfinite(d).all()):
        raise ValueError(
            f"{name}: expected finite dictionaries, got NaN or infinity; where one is learned, its "
            "status says more"
        )
    order, phases, cosines = matched(a, d)
    share = np.mean(cosines >= threshold, axis=-1)
    return DictionaryRecovery(err4(a, d), cosines, order, phases, share, np.min(cosines, axis=-1))


def _on_host(name: str, x: Any) -> Any:
    """As a NumPy array; half precision is widened, which NumPy has only one of."""
    space, (x,) = resolve(name, x)
    if space.traced:
        raise TypeError(
            f"{name}: expected concrete dictionaries, got traced ones; the matching runs on the "
            "host, so compare outside of jit"
        )
    wide = checks.compute_space(name, space, None)
    return on_host(space.xp.astype(x, wide.dtype))


def err4(dictionary: Any, reference: Any) -> Any:
    """1 - ||polar(A) polar(D)^H||_4^4 / n per item, in [0, 1)."""
    q, r = (polar(x, method="svd", check_finite=False).unitary for x in (dictionary, reference))
    c = q @ np.conj(np.swapaxes(r, -2, -1))
    # From the deviation: 1 - (sum of fourth powers) would cancel to rounding.
    square = c.real**2 + c.imag**2
    return np.mean(np.sum(square * (1.0 - square), axis=-1), axis=-1)


def matched(a: Any, d: Any) -> tuple[Any, Any, Any]:
    """Rows of `a` that belong to the rows of `d` (NumPy): (permutation, phases, |cos|)."""
    from scipy.optimize import linear_sum_assignment

    a, d = (_normalised(x) for x in (a, d))
    inner_products = d @ np.conj(np.swapaxes(a, -2, -1))
    order = np.empty(a.shape[:-1], np.int64)
    for item in np.ndindex(a.shape[:-2]):
        order[item] = linear_sum_assignment(np.abs(inner_products[item]), maximize=True)[1]
    picked = np.take_along_axis(inner_products, order[..., None], axis=-1)[..., 0]
    size = np.abs(picked)
    phases = np.where(size > 0, picked / np.where(size > 0, size, 1.0), 1.0)
    return order, phases, size


def _normalised(x: Any) -> Any:
    size = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(size > 0, size, 1.0)


@np.errstate(all="ignore")
@in_full_precision
def frank_wolfe_gap(dictionary: Any, samples: Any, /, *, p: float = 3.0) -> Any:
    """Gap g(A) = ||grad F||_* - Re <grad F, A> of the mean of sum |c|^p over `samples`.

    Not negative on the ball, zero at stationary points, and by convexity F(S) >= F(A) + g(A) for
    the best S of the linear problem. Take samples that were not used for learning.

    Parameters
    ----------
    dictionary : array (..., n, n)
        Point of the ball.
    samples : array (..., M, n)
        Rows are samples.
    p : float in (2, 4], optional
        Exponent of the objective.

    Returns
    -------
    array (...)
    """
    p = exponent("frank_wolfe_gap", p)
    space, (a, y) = resolve("frank_wolfe_gap", dictionary, samples)
    _, g = gradient(space, p, a, y)
    return nuclear_norm(space, g) - inner_product(space.xp, g, a)


@np.errstate(all="ignore")
@in_full_precision
def nuclear_norm_bound(g: Any, s: Any, /) -> Any:
    """Upper bound of the nuclear norm of G from an orthogonal S near its polar factor.

    With M = S^H G and sym(M) >= 0, which a Cholesky factorisation proves, ||G||_* <= tr sym(M) +
    sqrt(n) ||skew(M)||_F: no SVD is needed. Infinite for items where the proof fails.
    """
    space, (g, s) = resolve("nuclear_norm_bound", g, s)
    xp, n = space.xp, g.shape[-1]
    m = adjoint(xp, s) @ g
    h = hermitian_part(xp, m)
    skew = Products(space).norm(m - h)
    trace = xp.linalg.trace(h)
    trace = xp.real(trace) if space.is_complex else trace
    size = Products(space).norm(g)
    # Rounding of the products, of S, and of the factorisation: n eps of the norm each.
    slack = 4.0 * n * space.eps * size
    bound = trace + n**0.5 * (skew + slack) + n * slack
    return xp.where(_positive(space, h, slack), bound, xp.full_like(bound, float("inf")))


def _positive(space: Space, h: Any, slack: Any) -> Any:
    """Whether H + slack I has a Cholesky factor, per item."""
    xp = space.xp
    eye = xp.eye(h.shape[-1], dtype=h.dtype, device=space.device)
    shifted = h + slack[..., None, None] * eye
    if space.name == "torch":
        import torch

        return torch.linalg.cholesky_ex(shifted)[1] == 0
    if space.name == "jax":
        return xp.all(xp.isfinite(xp.linalg.cholesky(shifted)), axis=(-2, -1))
    flat = xp.reshape(shifted, (-1, *h.shape[-2:]))
    good = [_factorises(xp, flat[i, ...]) for i in range(flat.shape[0])]
    return xp.reshape(xp.asarray(good, dtype=xp.bool, device=space.device), h.shape[:-2])


def _factorises(xp: Any, x: Any) -> bool:
    try:
        xp.linalg.cholesky(x)
    except Exception as error:
        if type(error).__name__ != "LinAlgError":
            raise
        return False
    return True
