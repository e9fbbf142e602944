"""`omp`: sparse codes of many signals in one dictionary."""

from __future__ import annotations

from typing import Any

from .._core import autodiff
from .._core.dispatch import Explanation, explained_by
from .._core.space import is_compiling, is_traced
from .arguments import Options, prepare
from .coding import OMP, check_values
from .result import OMPResult

__all__ = ["OMPResult", "omp", "omp_parts"]


def _explain(signals: Any, dictionary: Any, /, **options: Any) -> Explanation:
    defaults = {
        "n_nonzero": None, "tol": None, "gram": None, "normalize": False, "exclude": None,
        "selection": "omp", "nonnegative": False, "search_dtype": None, "dependence_tol": None,
        "max_memory": None, "check_finite": True,
    }  # fmt: skip
    request = prepare("omp", signals, dictionary, Options(**(defaults | options)))
    plan, given = request.call.plan, request.given
    shapes = " and ".join(str(tuple(x.shape)) for x in request.arrays[:2])
    form = "stored-rows" if request.call.search else plan.form
    facts = [
        ("input", f"{given.name} {given.dtype_name} of shapes {shapes} on {given.device}"),
        ("form", form),
        ("because", plan.reason),
        ("rule", plan.rule),
        ("atoms", f"{plan.k_max} per signal at most"),
        ("tiles", f"{plan.tile_signals} signals, {plan.tile_atoms} atoms"),
        ("search", request.call.search or request.space.dtype_name),
        ("kernel", "none: Array-API text" if request.call.search else _kernel(plan)),
    ]
    return Explanation("omp", tuple(facts))


def _kernel(plan: Any) -> str:
    return plan.kernel or "none: Array-API text"


@explained_by(_explain)
def omp(
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
    nonnegative: bool = False,
    search_dtype: Any = None,
    dependence_tol: float | None = None,
    max_memory: int | None = None,
    check_finite: bool = True,
) -> OMPResult:
    r"""Sparse codes by orthogonal matching pursuit, for many signals in one dictionary.

    For every signal y it finds at most k atoms and the least-squares coefficients x on them, so
    that ``y ~ x @ dictionary``: atom after atom, each time the one that is correlated most with
    what is left. Rows are signals, rows are atoms.

    Parameters
    ----------
    signals : array (..., B, M)
        Signals, real or complex. Never written to.
    dictionary : array (..., N, M)
        Atoms; they need not be of one length. Leading axes broadcast.
    n_nonzero : int or integers (..., B), optional
        Atoms at most, min(N, M) at most. With numbers per signal K is the largest.
    tol : float or array (..., B), optional
        Stop when ``||y - x A|| <= tol * ||y||``: relative, in the 2-norm; 0 is no tolerance. At
        least one of `n_nonzero` and `tol` is needed; with both, whichever comes first; with `tol`
        alone K is min(N, M).
    gram : array (..., N, N), optional
        ``dictionary.conj() @ dictionary.T``, if it is at hand; nothing is kept between calls.
        It counts as constant in derivatives.
    normalize : bool, optional
        Compare correlations divided by the lengths of the atoms, so that these do not matter.
        Coefficients always refer to the atoms as given.
    exclude : bool (N,), bool (..., B, N) or integers (..., B, e), optional
        Atoms that may not be chosen, for all signals or for each; integers are padded with -1.
    selection : {"omp", "ols"}, optional
        ``"omp"``: the largest correlation with the residual. ``"ols"`` (orthogonal least
        squares): the largest possible fall of the residual, for any lengths of the atoms.
    nonnegative : bool, optional
        Only coefficients >= 0, by non-negative least squares on the support; real arrays. An atom
        whose coefficient becomes 0 leaves again.
    search_dtype : {"float32", "float64"}, optional
        ``"float32"`` for double-precision data: search in single precision with a certificate
        for each signal that double precision would choose the same atoms, do the others again in
        double precision, and mark those that are undecided even there. Coefficients and residual
        norms are of double precision. It needs the Gram matrix, whatever its size, and pays where
        double precision is slow: on a CPU plain double precision is several times faster. No
        effect under ``jax.jit``, for ``"ols"`` and with `nonnegative` (all in double precision).
    dependence_tol : float, optional
        tau: an atom a may enter only if d > tau ||a||^2, d the squared norm of its part outside
        the span of the chosen ones. Default ``16 * sqrt(M) * eps``; less is possible and runs
        without a Gram matrix.
    max_memory : int, optional
        Bytes for Gram matrix and work space; default: a quarter of the free memory.
    check_finite : bool, optional
        Raise on NaN or infinity (and on a `gram` that belongs to another dictionary). Otherwise
        (and inside ``jax.jit``, ``torch.compile``) see ``NONFINITE`` below.

    Returns
    -------
    OMPResult
        ``indices`` (..., B, K), in the order of selection, -1 beyond ``n_active``;
        ``coefficients`` (..., B, K), 0 there; ``n_active`` (..., B); ``residual_norm`` (..., B),
        absolute, always formed from the signals; ``status`` (..., B): ``OK``; ``EXHAUSTED`` (what
        is left is rounding, or no atom is left that may enter); ``TOLERANCE_NOT_MET``;
        ``AMBIGUOUS`` (with `search_dtype`: a choice was closer than rounding); ``NONFINITE``: a
        signal with NaN or infinity has an empty code and residual NaN; an atom with such entries
        is left out, which is told in every status, the codes being good. Methods:
        ``dense(n_atoms)``, ``to_csr(n_atoms)``, ``reconstruct(dictionary)``.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, shapes that do not match, neither
        `n_nonzero` nor `tol`, ``n_nonzero > min(N, M)``, unknown options; on values as said under
        `check_finite`.

    Notes
    -----
    **Ties** go to the lowest index. Of equal or dependent atoms only one enters. A pursuit ends
    where the best correlation is ``8 * sqrt(M) * eps * ||a|| * ||y||`` or less: that is rounding.
    ``2**i * signals`` and ``2**j * dictionary`` give the same supports, from 1e-300 to 1e300.

    **Guarantee**: with atoms of one length and coherence mu, a signal made of
    ``k < (1 + 1/mu) / 2`` atoms is found exactly (Tropp 2004).

    **Cost** per signal, in multiply-adds: M N + N k^2/2 with a Gram matrix (formed once, M N^2/2),
    k M N without. The form is chosen from the sizes; ``orthola.explain(orthola.omp, ...)`` tells
    it. Nothing of size B N is ever formed. Under ``jax.jit`` a pursuit of more than four atoms is
    a loop on padded rows, which takes twice the multiply-adds.

    **Accuracy**, u the unit roundoff: relative to the largest one, coefficients err by at most
    K u cond(A_S)^2 with a Gram matrix, K u cond(A_S) without (measured: less than half of that,
    cond(A_S) up to 150); the residual is orthogonal to the chosen atoms within
    2 K sqrt(M) u ||A_S||_2 (||y|| + ||A_S||_2 ||x||), and `residual_norm` is right to the same
    without the first norm.

    **Derivatives** of coefficients and residual norm with respect to signals and dictionary are
    those of least squares on the support, first and second order, in PyTorch (reverse mode,
    `torch.func.vmap`, `torch.compile`) and JAX (both modes, vmap). The support itself is constant
    piece by piece; at ties there is no derivative. The residual of an exact fit has derivative 0.

    References
    ----------
    Y. C. Pati, R. Rezaiifar, P. S. Krishnaprasad, doi:10.1109/ACSSC.1993.342465 (OMP).
    S. Chen, S. A. Billings, W. Luo, doi:10.1080/00207178908953472 (OLS). J. A. Tropp,
    doi:10.1109/TIT.2004.834793. R. Rubinstein, M. Zibulevsky, M. Elad, Technion CS-2008-08 (Gram
    form). H. Zhu et al., doi:10.3390/electronics9091507 (comparison of forms).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> atoms = rng.standard_normal((50, 20))
    >>> signals = 3.0 * atoms[[7, 11]] - atoms[[30, 2]]
    >>> codes = orthola.omp(signals, atoms, n_nonzero=2)
    >>> codes.indices
    array([[ 7, 30],
           [11,  2]])
    >>> codes.coefficients
    array([[ 3., -1.],
           [ 3., -1.]])
    >>> bool((codes.residual_norm < 1e-13).all()), codes.status.tolist()
    (True, [0, 0])

    `sklearn.linear_model.orthogonal_mp(X, y)` has signals and atoms as columns, and its `tol` is
    absolute and squared: ``omp(y.T, X.T, tol=sqrt(tol) / norm(y))``.
    """
    options = Options(
        n_nonzero, tol, gram, normalize, exclude, selection, nonnegative, search_dtype,
        dependence_tol, max_memory, check_finite,
    )  # fmt: skip
    if is_compiling():
        from ..adapters import _torch_graph

        return OMPResult(*_torch_graph.omp(signals, dictionary, *options))
    return OMPResult(*omp_parts(signals, dictionary, *options))


def omp_parts(signals: Any, dictionary: Any, *options: Any) -> tuple[Any, ...]:
    """The calculation behind `omp`, with every option given."""
    given, space, call, arrays, shape = prepare("omp", signals, dictionary, Options(*options))
    if space.name == "jax" and call.check_finite and not any(map(is_traced, arrays)):
        check_values(space, arrays[0], arrays[1], arrays[2] if call.gram else None)
    x, norm, indices, used, status = autodiff.apply(OMP, space, call, *arrays)
    xp = space.xp
    if given.dtype_name != space.dtype_name:
        x, norm = xp.astype(x, given.dtype), xp.astype(norm, given.real_dtype)
    codes = (*shape, indices.shape[-1])
    indices, x = xp.reshape(indices, codes), xp.reshape(x, codes)
    return (indices, x, *(xp.reshape(z, shape) for z in (used, norm, status)))
