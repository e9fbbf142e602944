"""What stays the same while a consensus is looked for: centred points, weights, what solves for G.

A sweep needs A_i^H W_i G of every configuration and sum s_i W_i A_i R_i over them. With the
matrices conj(W_i A_i)^T on top of each other, one tall Q, these are the single products Q G and
Q^H (s_1 R_1; s_2 R_2; ...).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import inner_product, sums_of_squares, wide
from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space

__all__ = ["Centred", "Data", "Model", "centred", "collected"]


class Model(NamedTuple):
    """The options, static."""

    rotation_only: bool
    scaling: bool
    translation: bool
    tol: float
    max_steps: int


class Data(NamedTuple):
    """Configurations in units of 2**exponent, and what follows from the weights alone."""

    x: Any  # (..., N, m, n), a first guess where entries are missing
    mask: Any | None  # (..., N, m, n), bool; None: no single entries are missing
    weights: Any | None  # (..., N, m)
    totals: Any  # (..., N): sums of the weights, 1 where they are 0
    solver: Any  # (...), (..., m, 1) or (..., m, m): makes G of the sum of the configurations
    sizes: Any  # (..., N): squared norms that the scales are measured by
    exponent: Any  # (...) integer
    unit: Any  # (...) integer: exponent of the weights
    seen: Any  # (...) bool: every point is in one configuration at least


class Centred(NamedTuple):
    """Points about their means."""

    z: Any  # (..., N, m, n)
    mean: Any  # (..., N, 1, n)
    stacked: Any  # (..., N n, m): Q
    squares: Any  # (..., N): ||W_i^(1/2) Z_i||_F^2


def collected(
    space: Space, model: Model, x: Any, weights: Any | None, mask: Any | None
) -> tuple[Data, Centred]:
    """Everything that can be known before the first sweep."""
    xp = space.xp
    *batch, count, m, n = x.shape
    if mask is not None:
        x = xp.where(mask, x, xp.zeros_like(x))
    exponent = _exponent(space, largest_entry(space, xp.reshape(x, (*batch, count * m, n))))
    x = scale_by_power_of_two(space, x, exponent[..., None])
    unit = xp.zeros_like(exponent)
    if weights is not None:
        unit = _exponent(space, xp.max(xp.abs(weights), axis=(-2, -1)))
        weights = scale_by_power_of_two(space, weights, unit)
    column = None if weights is None else weights[..., None]
    if mask is not None:
        known = xp.astype(mask, x.dtype)
        known = known if column is None else column * known
        number = xp.sum(known, axis=-2, keepdims=True)
        mean = xp.sum(known * x, axis=-2, keepdims=True) / _nonzero(xp, number)
        x = xp.where(mask, x, mean)
    totals, solver, seen = _solver(space, model, x, weights, mask)
    data = Data(x, mask, weights, totals, solver, totals, -exponent, -unit, seen)
    points = centred(space, model, data, x)
    return data._replace(sizes=_sizes(space, data, points)), points


def centred(space: Space, model: Model, data: Data, x: Any) -> Centred:
    """The points `x`, those of `data` or with missing entries filled in, about their means."""
    xp, w = space.xp, data.weights
    *batch, count, m, n = x.shape
    mean = xp.zeros((*batch, count, 1, n), dtype=x.dtype, device=space.device)
    if model.translation:
        wx = x if w is None else w[..., None] * x
        mean = xp.sum(wx, axis=-2, keepdims=True) / wide(data.totals)
        x = x - mean
        # What rounding has left of the mean.
        rest = xp.sum(x if w is None else w[..., None] * x, axis=-2, keepdims=True)
        rest = rest / wide(data.totals)
        x, mean = x - rest, mean + rest
    wx = x if w is None else w[..., None] * x
    rows = xp.matrix_transpose(xp.conj(wx) if space.is_complex else wx)
    stacked = xp.reshape(rows, (*batch, count * n, m))
    return Centred(x, mean, stacked, _squares(space, wx, x))


def _squares(space: Space, wx: Any, x: Any) -> Any:
    return sums_of_squares(space.xp, x) if wx is x else inner_product(space.xp, wx, x)


def _sizes(space: Space, data: Data, points: Centred) -> Any:
    """Of the entries that are known: what is filled in changes, and scales must not follow it."""
    xp = space.xp
    if data.mask is None:
        return points.squares
    z = xp.where(data.mask, points.z, xp.zeros_like(points.z))
    return _squares(space, z if data.weights is None else data.weights[..., None] * z, z)


def _solver(
    space: Space, model: Model, x: Any, weights: Any | None, mask: Any | None
) -> tuple[Any, Any, Any]:
    """Sums of the weights, the inverse of the normal equations of G, and whether all is seen.

    Rows are solved one by one, unless unequal weights couple them through the translations:
    those eliminated, L G = sum s_i W_i A_i R_i with L = diag(sum_i w_i) - sum_i w_i w_i^T/|w_i|.
    """
    xp = space.xp
    *batch, count, m, _ = x.shape
    shape, device = tuple(batch), space.device
    seen = xp.ones(shape, dtype=xp.bool, device=device)
    if mask is not None:
        some = mask if weights is None else mask & (weights[..., None] > 0)
        seen = xp.all(xp.any(some, axis=(-3, -1)), axis=-1)
    if weights is None:
        totals = xp.full((*shape, count), float(m), dtype=space.real_dtype, device=device)
        share = xp.full(shape, 1.0 / count, dtype=space.real_dtype, device=device)
        return totals, wide(share), seen
    totals = _nonzero(xp, xp.sum(weights, axis=-1))
    by_row = xp.sum(weights, axis=-2)
    seen = seen & xp.all(by_row > 0, axis=-1)
    if not model.translation:
        return totals, xp.where(by_row > 0, 1 / _nonzero(xp, by_row), by_row)[..., None], seen
    eye = xp.eye(m, dtype=space.real_dtype, device=device)
    coupling = xp.matrix_transpose(weights) @ (weights / totals[..., None])
    finite = xp.isfinite(xp.sum(by_row, axis=-1))
    matrix = xp.where(wide(finite), by_row[..., None] * eye - coupling, eye)
    inverse = xp.linalg.pinv(matrix, rtol=m * space.eps)
    # Of all G that differ by a shift, the one of mean zero.
    means = (by_row[..., None, :] @ inverse) / wide(_nonzero(xp, xp.sum(by_row, axis=-1)))
    inverse = xp.astype(inverse - means, x.dtype)
    return totals, xp.where(wide(finite), inverse, xp.full_like(inverse, float("nan"))), seen


def _nonzero(xp: Any, x: Any) -> Any:
    return xp.where(x == 0, xp.ones_like(x), x)


def _exponent(space: Space, size: Any) -> Any:
    """Minus the power of two that takes `size` to about 1; 0 where it is 0 or not finite."""
    xp = space.xp
    regular = xp.isfinite(size) & (size > 0)
    return -power_of_two_exponent(space, xp.where(regular, size, xp.ones_like(size) / 2))
