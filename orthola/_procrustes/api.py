"""`procrustes`: the best orthogonal map, with scale and shift, between two sets of points."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import autodiff, checks
from .._core.dispatch import Explanation, explained_by
from .._core.options import current
from .._core.space import Space, is_compiling, is_traced, resolve
from .._core.tuning import planned
from .fit import FIT, check_values, fit
from .plan import Plan, facts_of, plan_fit
from .transform import OrthogonalTransform

__all__ = ["ProcrustesResult", "Uniqueness", "procrustes"]


class Uniqueness(NamedTuple):
    """How far the rotation is determined by the points."""

    rank: Any  # integer (...): singular values of M = A^H W B above rounding
    gap: Any  # (...) s_(n-1) + s_n of M, s_n with the sign that it took: ||dR|| <= 2 ||dM|| / gap
    reflection_gain: Any  # (...) what a reflection would take off the squared residual
    unique: Any  # bool (...)


class ProcrustesResult(NamedTuple):
    """What `procrustes` returns."""

    transform: OrthogonalTransform  # b ~ transform.apply(a)
    residual: Any  # (...), weighted Frobenius norm of transform.apply(a) - b
    uniqueness: Uniqueness  # rank, gap, reflection_gain, unique
    status: Any  # integer per item, see orthola.Status


def _explain(
    a: Any, b: Any, /, *, rotation_only: bool = False, scaling: bool = False,
    translation: bool = False, weights: Any | None = None, refine: int = 1,
    accumulate: str = "auto", completion: str = "nearest", check_finite: bool = True,
) -> Explanation:  # fmt: skip
    given, _, arrays, plan = _prepare(
        a, b, weights, rotation_only, scaling, translation, refine, accumulate, completion,
        check_finite,
    )  # fmt: skip
    shape = tuple(arrays[0].shape)
    facts = [
        ("input", f"{given.name} {given.dtype_name} of shape {shape} on {given.device}"),
        ("summed in", plan.work + (", over blocks of rows" if plan.split else "")),
        ("method", "small" if plan.small else "svd"),
        ("because", plan.reason),
        ("kernel", plan.kernel or "none: Array-API text"),
        ("refinement", f"{plan.refine} steps at most" if plan.refine else "none"),
    ]
    return Explanation("procrustes", tuple(facts))


@explained_by(_explain)
def procrustes(
    a: Any,
    b: Any,
    /,
    *,
    rotation_only: bool = False,
    scaling: bool = False,
    translation: bool = False,
    weights: Any | None = None,
    refine: int = 1,
    accumulate: str = "auto",
    completion: str = "nearest",
    check_finite: bool = True,
) -> ProcrustesResult:
    r"""Orthogonal map that carries one set of points to another best, in the least-squares sense.

    The model is ``b ~ scale * a @ rotation + translation``: rows are points.

    Parameters
    ----------
    a, b : array (..., m, n)
        Points, row by row, and their images; real or complex, any m. Batch axes broadcast.
        Never written to.
    rotation_only : bool, optional
        Only rotations (det = 1) instead of all orthogonal matrices. Real arrays only.
    scaling, translation : bool, optional
        Fit a factor >= 0, or a shift. Otherwise they are 1 and 0 in the result.
    weights : array (..., m), optional
        Weights >= 0 of the points, taken in the precision of `a` and `b`: a weight of 2 counts
        like the same row twice.
    refine : int, optional
        Newton steps with the residual formed from the points; they win back what summing M lost.
        Eager NumPy arrays and CPU tensors take them only for items with s_1 > 100 gap and a
        residual below ||B||/8. Skipped where single precision is summed in double.
    accumulate : {"auto", "same", "float64"}, optional
        Precision of sums and small matrices. ``"auto"``: float64 where the device has it, else
        the precision of the points with sums over blocks of rows; ``"same"``: the precision of
        the points, plainly summed.
    completion : {"nearest", "none"}, optional
        Where the points leave the rotation free (fewer points than dimensions, points in a
        plane): of all best ones the nearest to the identity, or whatever the decomposition gives.
    check_finite : bool, optional
        Raise on NaN, infinity or a negative weight. Otherwise (and inside ``jax.jit``,
        ``torch.compile``) such an item is told by its status, NaN or infinity as NaN, and the
        other items are unaffected.

    Returns
    -------
    ProcrustesResult
        ``transform``, an `OrthogonalTransform` with rotation (..., n, n), scale (...) and
        translation (..., n); ``residual`` (...), the square root of
        ``sum(weights * norm(scale * a @ rotation + translation - b, axis=1)**2)``;
        ``uniqueness`` with ``rank``, ``gap``, ``reflection_gain`` and ``unique``; ``status``:
        ``OK``; ``RANK_DEFICIENT`` (the rotation is not unique, see `completion`);
        ``BOUND_VIOLATED`` (negative weights); ``NONFINITE``. See `orthola.check`.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on shapes that do not match, complex
        arrays with ``rotation_only=True``, unknown options, ``accumulate="float64"`` on a device
        without it; and on values as said under `check_finite`.

    Notes
    -----
    **Solution.** With means taken off if there is a translation, M = A^H W B = U S V^H gives
    R = U V^H; rotations flip the direction of the smallest singular value if det(U V^H) < 0. The
    scale is Re tr(R^H M)/||W^(1/2) A||^2; it is 0 if all points are equal, and if the images of
    points on a line run the other way and the reflection is forbidden. The residual is formed from
    the points, or from the norms where that costs three digits at most.

    **Uniqueness.** A singular value counts as zero up to max(m, n) u ||A||_F ||B||_F, u the unit
    roundoff of the sums, which its rounding cannot exceed; `completion` replaces directions up to
    n u ||A||_F ||B||_F, where no digit is left. `gap` bounds the sensitivity: to first order
    ||dR||_F <= 2 ||dM||_F/gap for real arrays, ||dM||_F/s_n for complex ones. `reflection_gain` is
    4 s_n if a reflection would fit better (for ``scaling=False``), else 0.

    **Accuracy**, with u the unit roundoff of the points and k the condition of the centred A, while
    nothing counts as zero: the rotation is orthogonal within 50 n u. Its distance from the exact
    one is 50 n u k after one step for an exact fit; unrefined it is n u k^2. Single precision
    summed in double reaches its own rounding for k up to 1e4, and points 1e4 from the origin do
    no harm. 2^k a and 2^k b give the same rotation, from 1e-300 to 1e300.

    **Cost**: two products m x n x n (the sums and the residual) and one SVD of order n; a Newton
    step takes two more products. Stacks of order up to 16 run in one fused Numba kernel.

    **Derivatives** with respect to a, b and weights are closed forms of the rotation, scale,
    translation and residual, first and second order, in PyTorch (reverse mode, `torch.func.vmap`,
    `torch.compile`) and JAX (both modes, vmap, Hessians), finite at repeated singular values.
    Directions with s_i + s_j = 0 to rounding contribute 0 (`unique` says whether there are any).
    The residual of an exact fit has derivative 0, and `uniqueness` counts as constant.

    References
    ----------
    P. H. Schoenemann, doi:10.1007/BF02289451. S. Umeyama, doi:10.1109/34.88573.
    W. Kabsch, doi:10.1107/S0567739476001873. R.-C. Li, doi:10.1137/S0895479893258999
    (sensitivity). T. F. Chan, G. H. Golub, R. J. LeVeque, doi:10.1080/00031305.1983.10483115.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> a = rng.standard_normal((20, 3))
    >>> quarter = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> b = 2.0 * a @ quarter + np.array([1.0, 2.0, 3.0])
    >>> fit = orthola.procrustes(a, b, scaling=True, translation=True, rotation_only=True)
    >>> np.allclose(fit.transform.rotation, quarter), round(float(fit.transform.scale), 12)
    (True, 2.0)
    >>> bool(fit.residual < 1e-13), bool(fit.uniqueness.unique)
    (True, True)

    Points that were not among the anchors:

    >>> fit.transform.apply(np.array([[1.0, 0.0, 0.0]]))
    array([[1., 4., 3.]])

    `scipy.linalg.orthogonal_procrustes` and `scipy.spatial.transform.Rotation.align_vectors`
    answer the same question; the latter returns the transpose, for columns instead of rows:

    >>> from scipy.linalg import orthogonal_procrustes
    >>> np.allclose(orthola.procrustes(a, b).transform.rotation, orthogonal_procrustes(a, b)[0])
    True
    """
    options = (
        rotation_only, scaling, translation, refine, accumulate, completion, check_finite
    )  # fmt: skip
    if is_compiling():
        from ..adapters import _torch_graph

        parts = _torch_graph.procrustes(a, b, weights, *options)
    else:
        parts = procrustes_parts(a, b, weights, *options)
    rotation, scale, row, residual, gap, gain, rank, unique, status = parts
    return ProcrustesResult(
        OrthogonalTransform(rotation, scale, row),
        residual,
        Uniqueness(rank, gap, gain, unique),
        status,
    )


def procrustes_parts(a: Any, b: Any, weights: Any, *options: Any) -> tuple[Any, ...]:
    """The calculation behind `procrustes`, with every option given."""
    given, data, arrays, plan = _prepare(a, b, weights, *options)
    parts: tuple[Any, ...]
    if data.name == "numpy":
        parts = fit(data, plan, arrays)
    else:
        if data.name == "jax" and plan.check_finite and not any(map(is_traced, arrays)):
            check_values(data, arrays)
        parts = autodiff.apply(FIT, data, plan, *arrays)
    if plan.work == given.dtype_name:
        return parts
    whole, real = given.dtype, given.real_dtype
    kinds = (whole, real, whole, real, real, real)
    if given.name == "numpy":  # directly: half of the time
        rounded = [x.astype(kind) for x, kind in zip(parts, kinds, strict=False)]
    else:
        rounded = [given.xp.astype(x, kind) for x, kind in zip(parts, kinds, strict=False)]
    return (*rounded, *parts[len(kinds) :])


def _prepare(
    a: Any, b: Any, weights: Any, *options: Any
) -> tuple[Space, Space, tuple[Any, ...], Plan]:
    """Check everything static: (space given, space of the points, points and weights, plan)."""
    if type(a) is np.ndarray and type(b) is np.ndarray and weights is None:
        ready = _numpy_plan(a.dtype, b.dtype, a.shape, b.shape, options, current().kernels)
        if ready is not None:
            return *ready[:2], (a, b), ready[2]
    given, (a, b) = resolve("procrustes", a, b)
    if a.shape != b.shape or a.ndim < 2 or weights is not None:
        checks.is_matrix("procrustes", a)
        checks.is_matrix("procrustes", b, name="b")
        if a.shape[-2:] != b.shape[-2:]:
            raise ValueError(
                "procrustes: expected points and images of one shape (..., m, n), got "
                f"{tuple(a.shape)} and {tuple(b.shape)}; rows are points, and both sets have one "
                "row for each"
            )
    data = checks.compute_space("procrustes", given, None)
    if data is not given:
        a, b = data.xp.astype(a, data.dtype), data.xp.astype(b, data.dtype)
    arrays: tuple[Any, ...] = a, b
    if weights is not None:
        arrays = a, b, _weights(given, data, a, weights)
    if weights is not None or a.shape != b.shape:
        arrays = _broadcast(data.xp, arrays)
    plan = plan_fit(facts_of(data, arrays[0]), *options, current().kernels)
    return given, data, arrays, plan


@planned(1024)
def _numpy_plan(
    of_a: Any, of_b: Any, shape: Any, other: Any, options: tuple[Any, ...], kernels: bool
) -> tuple[Space, Space, Plan] | None:
    """What `_prepare` finds out, for the most common input; it is a fifth of a small fit's time."""
    if of_a != of_b or shape != other or len(shape) < 2:
        return None
    like = np.broadcast_to(np.zeros((), of_a), shape)
    space, _ = resolve("procrustes", like)
    if space.is_half or space.dtype != of_a:
        return None
    return space, space, plan_fit(facts_of(space, like), *options, kernels)


def _weights(given: Space, data: Space, a: Any, weights: Any) -> Any:
    own, (w,) = resolve("procrustes", weights)
    resolve("procrustes", a, w)  # one library, one device
    if own.is_complex:
        raise TypeError(f"procrustes: expected real weights, got {checks.describe(w)}")
    if w.ndim < 1 or w.shape[-1] != a.shape[-2]:
        raise ValueError(
            f"procrustes: expected weights of shape (..., {a.shape[-2]}), one for each row of the "
            f"points, got {checks.describe(w)}"
        )
    return data.xp.astype(w, data.real_dtype, copy=False)


def _broadcast(xp: Any, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """One batch shape for points (..., m, n) and weights (..., m)."""
    tails = (2, 2, 1)
    try:
        batch = np.broadcast_shapes(
            *(tuple(x.shape[: x.ndim - k]) for x, k in zip(arrays, tails, strict=False))
        )
    except ValueError:
        shapes = ", ".join(str(tuple(x.shape)) for x in arrays)
        raise ValueError(
            f"procrustes: expected batch axes that broadcast, got arrays of shapes {shapes}"
        ) from None
    return tuple(
        x
        if x.ndim == len(batch) + k and tuple(x.shape[: len(batch)]) == batch
        else xp.broadcast_to(x, (*batch, *x.shape[x.ndim - k :]))
        for x, k in zip(arrays, tails, strict=False)
    )
