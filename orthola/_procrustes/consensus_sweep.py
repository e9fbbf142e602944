"""One sweep of alternating least squares: rotations, scales, consensus, missing entries, in turn.

The objective f = sum_i ||W_i^(1/2) (s_i A_i R_i + 1 t_i - G)||^2 falls with every part of a sweep
(Gower 1975, doi:10.1007/BF02291478; ten Berge 1977, doi:10.1007/BF02294053):

* R_i is the polar factor of A_i^H W_i G, with A_i centred if there are translations t_i;
* G and all t_i together solve linear equations that do not change;
* with these eliminated f = sum s_i^2 d_i - s^T P s, P positive semidefinite and
  (P s)_i = Re <A_i R_i, W_i G>. One step of the power method for P + mu C - diag(d), where
  mu C >= diag(d), lowers f at constant sum c_i s_i^2: nothing can shrink to a point. C = diag(d)
  and mu = 1 unless entries are missing, which are filled in with what the others say about them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import adjoint, inner_product, real_part, wide
from .._core.space import Space
from .api import procrustes
from .consensus_data import Centred, Data, Model

__all__ = ["Found", "crosses_of", "first_scales", "shifts", "swept"]

# Below this share of sum s_i^2 d_i the objective is formed from the points.
_IDENTITY = 2.0**-13


class Found(NamedTuple):
    """The state of the iteration."""

    rotation: Any  # (..., N, n, n)
    scale: Any  # (..., N)
    consensus: Any  # (..., m, n)
    x: Any  # (..., N, m, n), missing entries filled in; a number unless there are any
    objective: Any  # (..., max_steps); from the present sweep on, the present value
    steps: Any  # (...) integer: sweeps made
    moving: Any  # (...) bool: the last sweep was worth its while


def swept(
    space: Space, model: Model, data: Data, points: Centred, eyes: Any, old: Found
) -> tuple[Found, Any]:
    """The state after one sweep, without the parts that tell of the iteration; the objective."""
    xp = space.xp
    crosses = crosses_of(xp, points, old.consensus)
    # The polar factor, completed and differentiable, is the fit of the unit vectors to M.
    rotation = procrustes(
        eyes, crosses, rotation_only=model.rotation_only, refine=0, accumulate="same",
        check_finite=False,
    ).transform.rotation  # fmt: skip
    scale = old.scale
    if model.scaling:
        consensus = _consensus(space, data, points, scale, rotation)[0]
        inner = inner_product(xp, rotation, crosses_of(xp, points, consensus))
        scale = _rescaled(xp, data, points, scale, inner)
    consensus, total = _consensus(space, data, points, scale, rotation)
    new = old._replace(rotation=rotation, scale=scale, consensus=consensus)
    if data.mask is not None:
        return _filled(space, model, data, points, new)
    return new, _objective(space, model, data, points, new, total)


def crosses_of(xp: Any, points: Centred, consensus: Any) -> Any:
    """A_i^H W_i G of all configurations."""
    n = consensus.shape[-1]
    return xp.reshape(points.stacked @ consensus, (*points.squares.shape, n, n))


def _consensus(
    space: Space, data: Data, points: Centred, scale: Any, rotation: Any
) -> tuple[Any, Any]:
    """G, and the sum s_i W_i A_i R_i that it is made of."""
    xp = space.xp
    factors = xp.reshape(wide(scale) * rotation, (*points.stacked.shape[:-1], rotation.shape[-1]))
    total = adjoint(xp, points.stacked) @ factors
    joint = data.solver.shape[-1] > 1
    return (data.solver @ total if joint else data.solver * total), total


def shifts(xp: Any, model: Model, data: Data, consensus: Any) -> Any:
    """(..., N, 1, n): the translations of the centred points."""
    if not model.translation:
        return xp.zeros_like(data.x[..., :1, :])
    if data.weights is None:
        mean = xp.mean(consensus, axis=-2, keepdims=True)[..., None, :, :]
        return mean + xp.zeros_like(data.x[..., :1, :])
    weights = xp.astype(data.weights / data.totals[..., None], consensus.dtype)
    return (weights @ consensus)[..., None, :]


def first_scales(xp: Any, model: Model, data: Data) -> Any:
    """Scales to begin with."""
    one = xp.ones_like(data.sizes)
    return _normalized(xp, data, 1 / xp.sqrt(_nonzero(xp, data.sizes))) if model.scaling else one


def _normalized(xp: Any, data: Data, scale: Any) -> Any:
    """At the sum c_i s_i^2 = sum c_i; 0 where all points are equal."""
    scale = xp.where(data.sizes > 0, scale, xp.zeros_like(scale))
    now = xp.sum(data.sizes * scale * scale, axis=-1)
    wanted = xp.sum(data.sizes, axis=-1)
    return scale * xp.sqrt(wanted / _nonzero(xp, now))[..., None]


def _rescaled(xp: Any, data: Data, points: Centred, scale: Any, inner: Any) -> Any:
    c, d = _nonzero(xp, data.sizes), points.squares
    if data.mask is not None:
        ratio = xp.max(xp.where(data.sizes > 0, d / c, xp.zeros_like(c)), axis=-1)
        inner = inner + (ratio[..., None] * c - d) * scale
    # No scale is below 0: only rotations of a line, of which there is one, could ask for it.
    return _normalized(xp, data, xp.where(inner < 0, xp.zeros_like(inner), inner) / c)


def _objective(
    space: Space, model: Model, data: Data, points: Centred, new: Found, total: Any
) -> Any:
    """From the norms where that loses few digits and can be looked at, else from the points."""
    xp = space.xp
    if space.eager:
        size = xp.sum(new.scale * new.scale * points.squares, axis=-1)
        value = size - inner_product(xp, new.consensus, total)
        if bool(xp.all(value >= _IDENTITY * size)):
            return value
    error = wide(new.scale) * (points.z @ new.rotation) + shifts(xp, model, data, new.consensus)
    return _weighted(xp, data, error - new.consensus[..., None, :, :])


def _filled(
    space: Space, model: Model, data: Data, points: Centred, new: Found
) -> tuple[Found, Any]:
    """Missing entries as the consensus has them, and the objective of the others."""
    xp = space.xp
    shift = shifts(xp, model, data, new.consensus)
    back = (new.consensus[..., None, :, :] - shift) @ adjoint(xp, new.rotation)
    zero = new.scale == 0
    guess = xp.where(wide(zero), xp.zeros_like(back), back / wide(_nonzero(xp, new.scale)))
    guess = guess + points.mean
    x = points.z + points.mean
    error = xp.where(data.mask, x - guess, xp.zeros_like(x))
    # A scale of 0 hides the points, not what they should be: then G itself is the error.
    error = xp.where(wide(zero), back, wide(new.scale) * error)
    return new._replace(x=xp.where(data.mask, data.x, guess)), _weighted(xp, data, error)


def _weighted(xp: Any, data: Data, error: Any) -> Any:
    squares = real_part(xp, xp.conj(error) * error)
    if data.weights is not None:
        squares = data.weights[..., None] * squares
    return xp.sum(squares, axis=(-3, -2, -1))


def _nonzero(xp: Any, x: Any) -> Any:
    return xp.where(x == 0, xp.ones_like(x), x)
