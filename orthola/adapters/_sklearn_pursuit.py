"""Orthogonal matching pursuit under the names and in the layout of ``sklearn.linear_model``.

There the atoms are the columns of `X` and the signals the columns of `y`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import omp, omp_path
from .._core import checks
from ._sklearn_gram import points_of_gram
from ._sklearn_limits import most_atoms, numbers, relative_tolerance, row_norms

__all__ = ["orthogonal_mp", "orthogonal_mp_gram"]


def orthogonal_mp(
    X: Any,
    y: Any,
    *,
    n_nonzero_coefs: int | None = None,
    tol: float | None = None,
    precompute: bool | str = False,
    copy_X: bool = True,
    return_path: bool = False,
    return_n_iter: bool = False,
) -> Any:
    r"""Orthogonal matching pursuit; takes the place of `sklearn.linear_model.orthogonal_mp`.

    Parameters
    ----------
    X : array (n_samples, n_features)
        The atoms are its columns; real or complex.
    y : array (n_samples,) or (n_samples, n_targets)
        What to represent.
    n_nonzero_coefs : int, optional
        Non-zero coefficients at most, for each target. Above min(n_samples, n_features) it is
        clipped, with a warning. Default: with `tol`, as many as that; else a tenth of
        ``n_features``, one at least.
    tol : float, optional
        Stop where the squared norm of the residual is not above this. If both limits are given,
        both hold.
    precompute : bool or "auto", optional
        True: use ``X.T @ X``. Otherwise it is used where it pays.
    copy_X : bool, optional
        Accepted and without effect: `X` is never written to.
    return_path : bool, optional
        Return the coefficients after every step.
    return_n_iter : bool, optional
        Return the number of non-zero coefficients, too.

    Returns
    -------
    coef : array (n_features,) or (n_features, n_targets)
        Least-squares coefficients on the chosen atoms, in the dtype of `X` and `y`. For
        ``return_path=True`` there is one more axis of length K, the number of steps of the target
        with most: entry k has k + 1 atoms. Targets that were ready earlier have zeros there.
    n_iters : int or array (n_targets,)
        Only for ``return_n_iter=True``.

    Raises
    ------
    TypeError, ValueError
        On shapes that do not match, values that are not finite, and limits out of range.

    Notes
    -----
    What differs from scikit-learn: residuals are followed exactly for correlated atoms, the scale
    of the data does not matter, float32 stays float32, complex arrays work, paths of different
    length can stand side by side, the target axis is there whenever `y` has it, and both limits
    hold together. The cost is that of `orthola.omp`.

    References
    ----------
    Y. C. Pati, R. Rezaiifar, P. S. Krishnaprasad, doi:10.1109/ACSSC.1993.342465.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.adapters.sklearn import orthogonal_mp
    >>> X = np.array([[0.8, 0.0], [0.6, 1.0]])
    >>> orthogonal_mp(X, np.array([1.0, 0.0]), n_nonzero_coefs=2)
    array([ 1.25, -0.75])
    """
    function = "orthogonal_mp"
    X, y = numbers(function, "X", X), numbers(function, "y", y)
    if X.ndim != 2 or y.ndim not in (1, 2) or X.shape[0] != y.shape[0]:
        raise ValueError(
            f"{function}: expected X of shape (n_samples, n_features) and y of shape (n_samples,) "
            f"or (n_samples, n_targets), got {checks.describe(X)} and {checks.describe(y)}"
        )
    signals = y.T if y.ndim == 2 else y[None]
    atoms = X.T
    gram = atoms.conj() @ X if precompute is True else None
    most = most_atoms(
        function, "n_nonzero_coefs", n_nonzero_coefs, tol,
        default=_tenth(len(atoms)), largest=min(X.shape),
    )  # fmt: skip
    relative = relative_tolerance(function, "tol", tol, row_norms(signals))
    coef, n_iter = _columns(signals, atoms, gram, most, relative, path=return_path)
    return _delivered(coef, n_iter, single=y.ndim == 1, with_n_iter=return_n_iter)


def orthogonal_mp_gram(
    Gram: Any,
    Xy: Any,
    *,
    n_nonzero_coefs: int | None = None,
    tol: float | None = None,
    norms_squared: Any = None,
    copy_Gram: bool = True,
    copy_Xy: bool = True,
    return_path: bool = False,
    return_n_iter: bool = False,
) -> Any:
    r"""Orthogonal matching pursuit from products; for `sklearn.linear_model.orthogonal_mp_gram`.

    Whoever has the data should rather use `orthogonal_mp` or `orthola.omp`, which can be told the
    Gram matrix as well, and know the residual.

    Parameters
    ----------
    Gram : array (n_features, n_features)
        ``X.T @ X``, symmetric and without negative eigenvalues; real.
    Xy : array (n_features,) or (n_features, n_targets)
        ``X.T @ y``.
    n_nonzero_coefs, tol, return_path, return_n_iter
        As in `orthogonal_mp`; the count is clipped at ``n_features``.
    norms_squared : array (n_targets,), optional
        Squared norms of the targets (a number for a single one); needed for `tol`.
    copy_Gram, copy_Xy : bool, optional
        Accepted and without effect: inputs are never written to.

    Returns
    -------
    coef : array (n_features,) or (n_features, n_targets)
        As in `orthogonal_mp`.
    n_iters : int or array (n_targets,)
        Only for ``return_n_iter=True``.

    Raises
    ------
    TypeError, ValueError
        On shapes that do not match, values that are not finite, limits out of range, and `tol`
        without `norms_squared`.

    Notes
    -----
    The products are turned into atoms and signals of order ``n_features`` that have them: one
    Cholesky factorisation, or one eigenvalue problem if there are dependent atoms. The squared
    norm of a residual below ``eps * norms_squared`` is not known from products.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.adapters.sklearn import orthogonal_mp_gram
    >>> X, y = np.array([[0.8, 0.0], [0.6, 1.0]]), np.array([1.0, 0.0])
    >>> np.round(orthogonal_mp_gram(X.T @ X, X.T @ y, n_nonzero_coefs=2), 12)
    array([ 1.25, -0.75])
    """
    function = "orthogonal_mp_gram"
    gram, xy = numbers(function, "Gram", Gram), numbers(function, "Xy", Xy)
    n = gram.shape[0] if gram.ndim else 0
    if gram.shape != (n, n) or xy.ndim not in (1, 2) or xy.shape[0] != n:
        raise ValueError(
            f"{function}: expected Gram of shape (n_features, n_features) and Xy of shape "
            "(n_features,) or (n_features, n_targets), got "
            f"{checks.describe(gram)} and {checks.describe(xy)}"
        )
    products = xy.T if xy.ndim == 2 else xy[None]
    atoms, signals, gram = points_of_gram(function, gram, products)
    most = most_atoms(
        function, "n_nonzero_coefs", n_nonzero_coefs, tol, default=_tenth(n), largest=n
    )
    if tol is not None and norms_squared is None:
        raise ValueError(
            f"{function}: expected norms_squared, the squared norms of the targets, beside tol; "
            "products alone do not tell the residual"
        )
    norms = row_norms(signals)
    relative = relative_tolerance(function, "tol", tol, norms)
    if relative is not None:
        # What the atoms cannot reach is in every residual: |y - X w|^2 = |s - w A|^2 + rest.
        rest = np.maximum(
            np.reshape(norms_squared, (-1,)) / np.where(norms > 0, norms, 1) ** 2 - 1, 0
        )
        left = np.maximum(relative**2 - rest, np.finfo(norms.dtype).tiny)
        relative = np.sqrt(left).astype(norms.dtype)
    coef, n_iter = _columns(
        signals, atoms, gram, min(most, *atoms.shape), relative, path=return_path
    )
    return _delivered(coef, n_iter, single=xy.ndim == 1, with_n_iter=return_n_iter)


def _tenth(n_features: int) -> int:
    return max(n_features // 10, 1)


def _columns(
    signals: Any, atoms: Any, gram: Any, most: int, tol: Any, *, path: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Coefficients (n_features, n_targets[, K]) and their number (n_targets,)."""
    n = len(atoms)
    result = omp(signals, atoms, n_nonzero=most, tol=tol, gram=gram)
    if not path:
        return result.to_csr(n).toarray().T, result.n_active
    # The number of steps is found first: with a tolerance `most` may be far above it.
    steps = int(np.max(result.n_active, initial=0))
    found = omp_path(signals, atoms, n_nonzero=steps, tol=tol, gram=gram)
    coef = np.zeros((n, len(signals), steps), result.coefficients.dtype)
    step, place = np.tril_indices(steps)
    target, pair = np.nonzero(step[None] < found.n_active[:, None])
    step, place = step[pair], place[pair]
    coef[found.indices[target, place], target, step] = found.coefficients[target, step, place]
    return coef, found.n_active


def _delivered(coef: NDArray[Any], n_iter: NDArray[Any], *, single: bool, with_n_iter: bool) -> Any:
    if single:
        coef = coef[:, 0]
    if not with_n_iter:
        return coef
    return coef, int(n_iter[0]) if single else n_iter
