"""`omp_path`: the codes with one atom, two atoms, and so on."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from .._core.scaling import scale_by_power_of_two
from .._core.space import in_full_precision
from .arguments import Options, prepare
from .omp import omp
from .prefixes import prefix_codes
from .problem import take_entries
from .units import scaled_atoms, scaled_signals

__all__ = ["OMPPath", "omp_path"]


class OMPPath(NamedTuple):
    """What `omp_path` returns: K codes for every signal."""

    indices: Any  # integer (..., B, K), atoms in the order of selection, -1 beyond n_active
    coefficients: Any  # (..., B, K, K), row t with the first t + 1 atoms, 0 beyond n_active
    n_active: Any  # integer (..., B)
    residual_norm: Any  # real (..., B, K + 1), absolute, entry t with t atoms
    status: Any  # integer (..., B), see orthola.Status


@in_full_precision
def omp_path(
    signals: Any,
    dictionary: Any,
    /,
    *,
    n_nonzero: Any = None,
    tol: Any = None,
    gram: Any | None = None,
    normalize: bool = False,
    exclude: Any | None = None,
    selection: str = "omp",
    dependence_tol: float | None = None,
    max_memory: int | None = None,
    check_finite: bool = True,
) -> OMPPath:
    """Sparse codes of every number of atoms up to the one asked for, by one pursuit.

    Parameters
    ----------
    signals : array (..., B, M)
        Rows are signals, real or complex.
    dictionary : array (..., N, M)
        Rows are atoms. Leading axes broadcast.
    n_nonzero : int or integers (..., B), optional
        Atoms at most; this and all further options as in `orthola.omp`.
    tol : float or array (..., B), optional
        Relative residual at which to stop. At least one of `n_nonzero` and `tol` is needed.
    gram : array (..., N, N), optional
        ``dictionary.conj() @ dictionary.T``.
    normalize : bool, optional
        Compare correlations divided by the lengths of the atoms.
    exclude : bool (N,), bool (..., B, N) or integers (..., B, e), optional
        Atoms that may not be chosen.
    selection : {"omp", "ols"}, optional
        By correlation, or by the fall of the residual.
    dependence_tol : float, optional
        What has to be left of an atom outside the span of the chosen ones.
    max_memory : int, optional
        Bytes for Gram matrix and work space.
    check_finite : bool, optional
        Raise on NaN or infinity.

    Returns
    -------
    OMPPath
        ``indices`` (..., B, K) as from `omp`; ``coefficients`` (..., B, K, K), row t holding the
        least-squares coefficients of the first t + 1 atoms and zeros from ``n_active`` on;
        ``n_active`` (..., B); ``residual_norm`` (..., B, K + 1), entry t with t atoms, the last
        one repeated beyond ``n_active``; ``status`` (..., B) as from `omp`.

    Raises
    ------
    TypeError, ValueError
        As from `orthola.omp`.

    Notes
    -----
    The code with t atoms is the one that ``omp(n_nonzero=t)`` finds: supports grow one by one.

    **Cost** that of `omp`, and one QR decomposition of order M x K per signal.

    **Accuracy**: coefficients come from QR of the atoms, so their error is of the order
    K u cond(A_S), u the unit roundoff, where that of `omp` may be K u cond(A_S)^2.

    **Derivatives** as of `omp`: of coefficients and residual norms, on a support that stays.

    References
    ----------
    Y. C. Pati, R. Rezaiifar, P. S. Krishnaprasad, doi:10.1109/ACSSC.1993.342465.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> atoms = np.array([[0.8, 0.6], [0.0, 1.0]])
    >>> path = orthola.omp_path(np.array([[1.0, 0.0]]), atoms, n_nonzero=2)
    >>> path.coefficients
    array([[[ 0.8 ,  0.  ],
            [ 1.25, -0.75]]])
    >>> path.residual_norm.round(12)
    array([[1. , 0.6, 0. ]])
    """
    shared: dict[str, Any] = {
        "gram": gram, "normalize": normalize, "exclude": exclude, "selection": selection,
        "dependence_tol": dependence_tol, "max_memory": max_memory, "check_finite": check_finite,
    }  # fmt: skip
    options = Options(n_nonzero=n_nonzero, tol=tol, nonnegative=False, search_dtype=None, **shared)
    request = prepare("omp_path", signals, dictionary, options)
    codes = omp(signals, dictionary, n_nonzero=n_nonzero, tol=tol, **shared)
    given, space, shape = request.given, request.space, request.shape
    xp, k = space.xp, codes.indices.shape[-1]
    y, a = request.arrays[:2]
    indices = xp.reshape(codes.indices, (*y.shape[:-1], k))
    lead = prod(a.shape[:-2])
    stacks = [xp.reshape(x, (lead, *x.shape[x.ndim - 2 :])) for x in (y, a, indices)]
    parts = [_one(request, *(x[i, ...] for x in stacks)) for i in range(lead)]
    if parts:
        x, norms = (xp.stack(list(z)) for z in zip(*parts, strict=True))
    else:
        x = xp.zeros((0, k, k), dtype=space.dtype, device=space.device)
        norms = xp.zeros((0, k + 1), dtype=space.real_dtype, device=space.device)
    x = xp.astype(xp.reshape(x, (*shape, k, k)), given.dtype, copy=False)
    norms = xp.astype(xp.reshape(norms, (*shape, k + 1)), given.real_dtype, copy=False)
    return OMPPath(codes.indices, x, codes.n_active, norms, codes.status)


def _one(request: Any, y: Any, a: Any, indices: Any) -> tuple[Any, Any]:
    space, xp = request.space, request.space.xp
    k = indices.shape[1]
    if 0 in y.shape:
        x = xp.zeros((y.shape[0], k, k), dtype=space.dtype, device=space.device)
        return x, xp.zeros((y.shape[0], k + 1), dtype=space.real_dtype, device=space.device)
    atoms = scaled_atoms(space, a, None, request.call.plan.rule)
    data = scaled_signals(space, y)
    x, squares = prefix_codes(space, data.signals, atoms.dictionary, indices)
    # A root has no derivative at 0.
    some = squares > 0
    norms = xp.sqrt(xp.where(some, squares, xp.ones_like(squares)))
    norms = xp.where(some, norms, xp.zeros_like(norms))
    exponents = data.exponents[:, None] + xp.zeros_like(indices, dtype=data.exponents.dtype)
    if atoms.exponents is not None:
        exponents = exponents - take_entries(space, atoms.exponents, indices)
    x = xp.matrix_transpose(x)[:, :, :, None]  # an item for each atom, a column of prefixes
    x = xp.matrix_transpose(scale_by_power_of_two(space, x, exponents)[:, :, :, 0])
    norms = scale_by_power_of_two(space, norms[:, :, None], data.exponents)[:, :, 0]
    return x, xp.where(data.usable[:, None], norms, xp.full_like(norms, float("nan")))
