"""`oblique_procrustes`: the best matrix with columns of length one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.errors import Status
from .._core.space import in_full_precision
from .pair import pair_of
from .rows import decomposed_rows
from .secular import on_the_sphere

__all__ = ["ObliqueResult", "oblique_procrustes"]


class ObliqueResult(NamedTuple):
    """What `oblique_procrustes` returns."""

    factor: Any  # (..., n, k), columns of norm one
    residual: Any  # (...) Frobenius norm of a @ factor - b
    unique: Any  # bool (...)
    status: Any  # integer (...), see orthola.Status


@np.errstate(all="ignore")
@in_full_precision
def oblique_procrustes(a: Any, b: Any, /, *, check_finite: bool = True) -> ObliqueResult:
    r"""Matrix with columns of unit length that carries one set of rows to another best.

    Minimises ``norm(a @ factor - b)`` where every column of `factor` has norm one: the oblique
    rotation of factor analysis. Each column is a problem of its own, and the global minimum is
    found.

    Parameters
    ----------
    a : array (..., m, n)
        Real or complex, any m. Never written to.
    b : array (..., m, k)
        Images, any k. Batch axes broadcast.
    check_finite : bool, optional
        Raise on NaN or infinity. Otherwise such an item is NaN with status NONFINITE.

    Returns
    -------
    ObliqueResult
        ``factor`` (..., n, k); ``residual`` (...), formed from the matrices; ``unique`` (...),
        False where a column has more than one answer to rounding: the image has no part along
        the last singular directions of `a`, and the rest is shorter than one; ``status``: ``OK``,
        ``RANK_DEFICIENT`` (not unique), ``NONFINITE``.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on shapes that do not match, and on NaN or
        infinity under `check_finite`.

    Notes
    -----
    A column t solves (A^H A - lambda I) t = A^H b with lambda <= lambda_min(A^H A) and norm(t) = 1.
    In the singular vectors of A that is one equation in one unknown, 1/norm(t(lambda)) = 1, whose
    left side is concave: Newton's method climbs to the root from below, without safeguard, in
    about six steps. Columns have length 1 to rounding. Row weights: multiply the rows of both by
    their square roots.

    Cost: one SVD of `a`, two products, and n k numbers per step. Float32 is calculated in float64
    where the device has it. Derivatives go through the steps (PyTorch in reverse mode, JAX in
    forward mode), and there are none where singular values of `a` coincide.

    References
    ----------
    J. C. Gower, G. B. Dijksterhuis, *Procrustes Problems*, Oxford 2004,
    doi:10.1093/acprof:oso/9780198510581.001.0001. J. J. More, D. C. Sorensen, doi:10.1137/0904038
    (the equation, and its hard case).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> a = np.random.default_rng(0).standard_normal((20, 3))
    >>> axes = np.array([[1.0, 0.6], [0.0, 0.8], [0.0, 0.0]])
    >>> np.allclose(orthola.oblique_procrustes(a, a @ axes).factor, axes)
    True
    """
    pair = pair_of(
        "oblique_procrustes", a, b, like="rows", together=True, check_finite=check_finite
    )
    work, a, b = pair.work, pair.a, pair.b
    rows = decomposed_rows(work, a, b)
    coordinates, unique = on_the_sphere(work, rows)
    factor = rows.v @ coordinates
    unique = unique & pair.finite
    return ObliqueResult(
        pair.rounded(factor),
        pair.residual(a @ factor - b),
        unique,
        pair.status((~unique, Status.RANK_DEFICIENT)),
    )
