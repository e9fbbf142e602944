"""`merge_weights`: fine-tuned weight matrices merged, the rotations apart from the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.errors import Status
from .._core.linalg import wide
from .._core.space import Space, in_full_precision, resolve
from .api import procrustes
from .mean_rotation import mean_rotation

__all__ = ["MergeResult", "merge_weights"]

_NAME = "merge_weights"


class MergeResult(NamedTuple):
    """What `merge_weights` returns."""

    merged: Any  # (..., m, n): turned + the merged rest
    turned: Any  # (..., m, n): base @ rotation, with the singular values of the base
    rotation: Any  # (..., n, n), the mean of the rotations of the tasks
    rotations: Any  # (..., T, n, n)
    rest: Any  # (..., T, m, n): tuned - base @ rotations
    status: Any  # integer (..., T), of every task, see orthola.Status


@np.errstate(all="ignore")
@in_full_precision
def merge_weights(
    base: Any,
    tuned: Any,
    /,
    *,
    rest: str | Callable[[Any], Any] = "mean",
    conflicts_only: bool = False,
) -> MergeResult:
    r"""Merge fine-tuned versions of one weight matrix by orthogonal-residual decoupling.

    Each version is taken apart into ``base @ rotation + rest``, with the rotation that leaves the
    smallest rest. The rotations are merged among rotations (`mean_rotation`), the rests as plain
    arrays: ``merged = base @ mean_rotation + merge(rests)``.

    Parameters
    ----------
    base : array (..., m, n)
        The weights before fine-tuning; rotations act on the last axis. Never written to.
    tuned : array (..., T, m, n)
        The weights of T tasks.
    rest : {"mean", "sum"} or callable, optional
        How the rests are merged; a function of an array (..., T, m, n) returns one (..., m, n).
    conflicts_only : bool, optional
        Fit the rotations to those rows alone whose change points away from the mean change of all
        tasks (negative cosine); the other rows count as unchanged, and what they changed goes
        into the rest.

    Returns
    -------
    MergeResult
        ``merged``, ``turned``, ``rotation``, ``rotations``, ``rest``; ``status`` (..., T): ``OK``;
        ``RANK_DEFICIENT``: the rotation is not unique (fewer rows than columns, for one) and the
        nearest to the identity was taken, which is harmless here; ``BOUND_VIOLATED``: the rotation
        turns something by 180 degrees, has no coordinates, and the whole change of this task was
        left in its rest; ``NONFINITE``: this task is NaN, and so is what it is merged into.

    Raises
    ------
    TypeError, ValueError
        On input that is no floating or integer array, on shapes that do not match, and unknown
        words for `rest`.

    Notes
    -----
    ``turned`` has the singular values of the base, whatever the tasks are: merging rotations does
    not shrink them, as averaging weights does. One task is returned as it is, and so are equal
    tasks with ``rest="mean"``; the order of the tasks does not matter. Complex weights are turned
    by unitary matrices.

    **Accuracy**: ``base @ rotations + rest`` is ``tuned`` to n u of its norm, u the unit roundoff.
    **Cost**: T fits of order n, T inverse Cayley maps, and T + 1 products. Derivatives as
    `procrustes` and `cayley`.

    References
    ----------
    Yang et al., arXiv:2602.05943 (orthogonal model merging).

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> base = np.random.default_rng(0).standard_normal((6, 4))
    >>> skew = 0.3 * np.random.default_rng(1).standard_normal((3, 4, 4))
    >>> tuned = base @ orthola.skew_exp(skew - skew.mT)
    >>> found = orthola.merge_weights(base, tuned)
    >>> np.linalg.svd(base, compute_uv=False).round(4)
    array([3.0361, 2.0335, 1.8563, 0.8954])
    >>> np.linalg.svd(found.merged, compute_uv=False).round(4)
    array([3.0361, 2.0335, 1.8563, 0.8954])
    >>> np.linalg.svd(tuned.mean(0), compute_uv=False).round(4)
    array([2.3531, 1.887 , 1.4739, 0.7339])
    """
    given, (w0, w) = resolve(_NAME, base, tuned)
    if w0.ndim < 2 or w.ndim < 3 or w0.shape[-2:] != w.shape[-2:]:
        raise ValueError(
            f"{_NAME}: expected a base (..., m, n) and tuned weights (..., T, m, n), got shapes "
            f"{tuple(w0.shape)} and {tuple(w.shape)}"
        )
    if not callable(rest):
        checks.one_of(_NAME, "rest", rest, ("mean", "sum"))
    work = checks.compute_space(_NAME, given, None)
    xp = work.xp
    w0, w = (xp.astype(x, work.dtype, copy=False) for x in (w0[..., None, :, :], w))
    target = w0 + _conflicting(work, w - w0) if conflicts_only else w
    fit = procrustes(w0, target, rotation_only=not work.is_complex, check_finite=False)
    mean = mean_rotation(fit.transform.rotation)
    violated = mean.status == int(Status.BOUND_VIOLATED)
    eye = xp.eye(w.shape[-1], dtype=work.dtype, device=work.device)
    rotations = xp.where(wide(violated), eye, fit.transform.rotation)
    remains = w - w0 @ rotations
    turned = (w0 @ mean.rotation[..., None, :, :])[..., 0, :, :]
    merged = turned + _merged(work, rest, remains)
    status = xp.where(violated, mean.status, fit.status)
    return MergeResult(
        xp.astype(merged, given.dtype, copy=False),
        xp.astype(turned, given.dtype, copy=False),
        xp.astype(mean.rotation, given.dtype, copy=False),
        xp.astype(rotations, given.dtype, copy=False),
        xp.astype(remains, given.dtype, copy=False),
        status,
    )


def _conflicting(work: Space, change: Any) -> Any:
    """The rows that point away from the mean change, others 0."""
    xp = work.xp
    inner = xp.conj(change) * xp.mean(change, axis=-3, keepdims=True)
    inner = xp.real(inner) if work.is_complex else inner
    return xp.where(xp.sum(inner, axis=-1, keepdims=True) < 0, change, xp.zeros_like(change))


def _merged(work: Space, rest: str | Callable[[Any], Any], remains: Any) -> Any:
    xp, shape = work.xp, (*remains.shape[:-3], *remains.shape[-2:])
    if callable(rest):
        found = rest(remains)
        if tuple(getattr(found, "shape", ())) != shape:
            got = checks.describe(found) if hasattr(found, "shape") else type(found).__name__
            raise ValueError(
                f"{_NAME}: expected rest to return an array of shape {shape}, the rests "
                f"{tuple(remains.shape)} of the tasks as one, got {got}"
            )
        return found
    return xp.mean(remains, axis=-3) if rest == "mean" else xp.sum(remains, axis=-3)
