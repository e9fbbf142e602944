"""`generalized_procrustes`: many configurations of the same points, turned into one consensus."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.errors import Status
from .._core.linalg import wide
from .._core.scaling import scale_by_power_of_two
from .._core.space import Space, in_full_precision, resolve
from .consensus import alternated
from .consensus_data import Model, centred, collected
from .consensus_sweep import shifts
from .consensus_unique import unique_rotations
from .transform import OrthogonalTransform

__all__ = ["GPAResult", "generalized_procrustes"]

_NAME = "generalized_procrustes"
_WIDER = {"float32": "float64", "complex64": "complex128"}


class GPAResult(NamedTuple):
    """What `generalized_procrustes` returns."""

    transforms: OrthogonalTransform  # a stack (..., N): transforms.apply(x) ~ consensus
    consensus: Any  # (..., m, n)
    objective: Any  # (..., max_steps): after every sweep; the last value goes on to the end
    steps: Any  # integer (...): sweeps made
    status: Any  # integer (...), see orthola.Status


@in_full_precision
def generalized_procrustes(
    x: Any,
    /,
    *,
    rotation_only: bool = False,
    scaling: bool = False,
    translation: bool = False,
    weights: Any | None = None,
    mask: Any | None = None,
    start: Any | None = None,
    tol: float = 1e-10,
    max_steps: int = 200,
    check_finite: bool = True,
) -> GPAResult:
    r"""Consensus of many configurations of the same points, and the maps that bring them to it.

    Minimises the sum over i of ``norm(scale_i * x_i @ rotation_i + translation_i - consensus)**2``
    over all transforms and the consensus.

    Parameters
    ----------
    x : array (..., N, m, n)
        N configurations of m points in n dimensions, rows are points; real or complex. Never
        written to.
    rotation_only : bool, optional
        Only rotations (det = 1) instead of all orthogonal matrices. Real arrays only.
    scaling : bool, optional
        Fit a factor >= 0 for each configuration. The sum of the squared norms (about the means, if
        there are translations) stays what it is: shrinking everything to a point is no solution.
    translation : bool, optional
        Fit a shift for each configuration. The consensus then has mean zero.
    weights : array (..., N, m), optional
        Weights >= 0; 0 leaves a point out of a configuration.
    mask : bool array (..., N, m) or (..., N, m, n), optional
        False where a point, or a single coordinate, is missing; what stands there is not looked
        at, and may be NaN.
    start : array (..., m, n), optional
        Consensus to begin with. Default: the first configuration.
    tol : float, optional
        Stop when a sweep lowers the objective by less than this share of it.
    max_steps : int, optional
        Sweeps at most.
    check_finite : bool, optional
        Raise on NaN, infinity, a negative weight, and points that are in no configuration.
        Otherwise (and inside ``jax.jit``) they are told by the status, NaN and infinity as NaN.

    Returns
    -------
    GPAResult
        ``transforms``, an `OrthogonalTransform` with rotation (..., N, n, n), scale (..., N),
        translation (..., N, n); ``consensus`` (..., m, n), the weighted mean of the configurations
        moved; ``objective`` (..., max_steps), the value after each sweep (missing entries count
        nothing), which never rises: the last value is repeated to the end; ``steps``, the sweeps
        that were made; ``status``: ``OK``; ``RANK_DEFICIENT`` (a rotation is not unique beside
        the consensus, or a point is in no configuration); ``NOT_CONVERGED``; ``BOUND_VIOLATED``
        (negative weights); ``NONFINITE``. See `orthola.check`.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, shapes that do not match, complex arrays
        with ``rotation_only=True``, and on values as said under `check_finite`.

    Notes
    -----
    Every sweep fits all rotations at once, then scales, translations and consensus. It finds a
    local minimum; all configurations and the consensus can still be turned together, which is
    settled by `start`. Entries that are missing are filled in with what the others say about them
    (majorisation), which converges the slower the more of them there are; `weights` and whole
    missing points do not slow it down.

    **Accuracy**: float32 is calculated in float64 where the device has it. 2^k x gives the same
    rotations and scales, from 1e-300 to 1e300; the objective is a square and may leave the range.

    **Cost** of a sweep: two products (N n) x m x n (four with `scaling`), N polar factors of order
    n, and, where the objective is below 1e-4 of the squared norms, one more product. Unequal
    weights together with `translation` take the inverse of one m x m matrix first.

    **Derivatives** go through the sweeps: PyTorch in reverse mode (outside of `torch.compile`),
    JAX in forward mode. They are those of the minimum as far as the sweeps have converged.

    References
    ----------
    J. C. Gower, doi:10.1007/BF02291478. J. M. F. ten Berge, doi:10.1007/BF02294053.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> shape = rng.standard_normal((30, 3))
    >>> turned = shape @ orthola.haar(3, shape=(100,), rng=0)
    >>> found = orthola.generalized_procrustes(turned + 0.01 * rng.standard_normal((100, 30, 3)))
    >>> round(float(found.objective[-1] / (100 * 30 * 3)) ** 0.5, 3)
    0.01
    >>> moved = found.transforms.apply(turned)
    >>> bool(np.max(np.abs(moved - found.consensus)) < 0.02), int(found.status)
    (True, 0)
    """
    given, work, arrays = _checked(x, weights, mask, start)
    if rotation_only and given.is_complex:
        raise ValueError(
            f"{_NAME}: expected real arrays with rotation_only=True, got {given.dtype_name}; leave "
            "rotation_only=False for unitary matrices"
        )
    model = Model(
        bool(rotation_only), bool(scaling), bool(translation),
        max(checks.real_in(_NAME, "tol", tol, 0.0, 1.0, closed=True), 8 * work.eps),
        checks.count(_NAME, "max_steps", max_steps),
    )  # fmt: skip
    with np.errstate(all="ignore"):
        return _solved(given, work, model, *arrays, check_finite=check_finite)


def _checked(
    x: Any, weights: Any, mask: Any, start: Any
) -> tuple[Space, Space, tuple[Any, Any, Any, Any]]:
    given, (x,) = resolve(_NAME, x)
    if x.ndim < 3 or 0 in x.shape:
        raise ValueError(
            f"{_NAME}: expected configurations of shape (..., N, m, n), none of them zero, got "
            f"{checks.describe(x)}"
        )
    work = checks.compute_space(_NAME, given, None)
    if work.real_name == "float32" and work.has_double:
        work = work.with_dtype(_WIDER[work.dtype_name])
    xp, shape = work.xp, tuple(x.shape)
    x = xp.astype(x, work.dtype, copy=False)
    if weights is not None:
        weights = _fitting("weights", xp, x, weights, shape[:-1], work.real_dtype)
    if start is not None:
        start = _fitting("start", xp, x, start, (*shape[:-3], *shape[-2:]), work.dtype)
    if mask is not None:
        resolve(_NAME, x, xp.astype(mask, work.real_dtype))  # one library, one device
        if mask.dtype != xp.bool or tuple(mask.shape) not in (shape, shape[:-1]):
            raise ValueError(
                f"{_NAME}: expected a boolean mask of shape {shape[:-1]} or {shape}, got "
                f"{checks.describe(mask)}"
            )
        if mask.ndim < x.ndim:
            # A point that is missing altogether is one of weight zero.
            there = xp.astype(mask, work.real_dtype)
            weights = there if weights is None else xp.where(mask, weights, there)
            x, mask = xp.where(mask[..., None], x, xp.zeros_like(x)), None
    return given, work, (x, weights, mask, start)


def _fitting(name: str, xp: Any, x: Any, y: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    own, (y,) = resolve(_NAME, y)
    resolve(_NAME, x, y)  # one library, one device
    if tuple(y.shape) != shape or (own.is_complex and xp.isdtype(dtype, "real floating")):
        raise ValueError(
            f"{_NAME}: expected {name} of shape {shape} in {dtype}, got {checks.describe(y)}"
        )
    return xp.astype(y, dtype, copy=False)


def _solved(
    given: Space, work: Space, model: Model, x: Any, weights: Any, mask: Any, start: Any,
    *, check_finite: bool,
) -> GPAResult:  # fmt: skip
    xp = work.xp
    known = x if mask is None else xp.where(mask, x, xp.zeros_like(x))
    finite = xp.all(xp.isfinite(known), axis=(-3, -2, -1))
    negative = xp.zeros_like(finite)
    if weights is not None:
        finite = finite & xp.all(xp.isfinite(weights), axis=(-2, -1))
        negative = xp.any(weights < 0, axis=(-2, -1))
    if start is not None:
        finite = finite & xp.all(xp.isfinite(start), axis=(-2, -1))
    data, points = collected(work, model, x, weights, mask)
    if check_finite and not work.traced:
        _raise_unless("finite entries", xp.all(finite))
        _raise_unless("weights >= 0", xp.all(~negative))
        _raise_unless("every point in one configuration at least", xp.all(data.seen))
    if start is not None:
        start = scale_by_power_of_two(work, start, -data.exponent)
        if model.translation:
            start = start - xp.mean(start, axis=-2, keepdims=True)
    found = alternated(work, model, data, points, start)
    if mask is not None:
        points = centred(work, model, data, found.x)
    unique = unique_rotations(work, model, data, points, found)
    code = xp.full_like(found.steps, int(Status.RANK_DEFICIENT))
    code = xp.where(unique, xp.full_like(code, int(Status.OK)), code)
    code = xp.where(found.moving, xp.full_like(code, int(Status.NOT_CONVERGED)), code)
    code = xp.where(negative, xp.full_like(code, int(Status.BOUND_VIOLATED)), code)
    code = xp.where(finite, code, xp.full_like(code, int(Status.NONFINITE)))
    shift = shifts(xp, model, data, found.consensus)
    shift = shift - wide(found.scale) * (points.mean @ found.rotation)
    zero = xp.zeros_like(found.objective[..., 0])
    nan = xp.where(finite & ~negative, zero, zero + float("nan"))
    e = data.exponent
    consensus = scale_by_power_of_two(work, found.consensus, e)
    shift = scale_by_power_of_two(work, shift[..., 0, :], e)
    objective = scale_by_power_of_two(work, found.objective[..., None], 2 * e + data.unit)[..., 0]
    transforms = OrthogonalTransform(
        xp.astype(found.rotation + nan[..., None, None, None], given.dtype),
        xp.astype(found.scale + nan[..., None], given.real_dtype),
        xp.astype(shift + wide(nan), given.dtype),
    )
    return GPAResult(
        transforms,
        xp.astype(consensus + wide(nan), given.dtype),
        xp.astype(objective + nan[..., None], given.real_dtype),
        found.steps,
        xp.astype(code, xp.int32),
    )


def _raise_unless(what: str, true: Any) -> None:
    if not bool(true):
        raise ValueError(
            f"{_NAME}: expected {what}; mend the input, or pass check_finite=False to be told by "
            "the status"
        )
