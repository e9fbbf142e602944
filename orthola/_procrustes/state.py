"""What a stream of points leaves behind: centred sums that can be joined, and taken apart again.

Sums of two sets about their own means are joined by the pairwise update of Chan, Golub and LeVeque
(1983, doi:10.1080/00031305.1983.10483115); taking one set out is the same update solved for the
other one. All functions are pure: state in, state out, batch axes first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import adjoint, sums_of_squares, wide
from .._core.scaling import scale_by_power_of_two
from .._core.space import Space
from .moments import Moments
from .units import Units, times_power

__all__ = ["State", "cancelled", "downdate", "empty", "merge", "of_moments"]


class State(NamedTuple):
    """Sums over points about their means, in the widest precision that the device has.

    In units 2**exponents of A, B and the weights, so that squares stay in range.
    """

    rows: Any  # (...) points seen; real
    weight: Any  # (...) sum of their weights
    mean_a: Any  # (..., n)
    mean_b: Any
    squares_a: Any  # (...) ||W^(1/2) A_c||_F^2
    squares_b: Any
    cross: Any  # (..., n, n), A_c^H W B_c
    most: Any  # (..., 3): the largest weight, squares_a and squares_b so far
    exponents: Any  # (..., 3) integers


def empty(space: Space, batch: tuple[int, ...], n: int) -> State:
    """No points yet."""
    xp, device = space.xp, space.device
    zero = xp.zeros(batch, dtype=space.real_dtype, device=device)
    row = xp.zeros((*batch, n), dtype=space.dtype, device=device)
    return State(
        zero, zero, row, row, zero, zero,
        xp.zeros((*batch, n, n), dtype=space.dtype, device=device),
        xp.zeros((*batch, 3), dtype=space.real_dtype, device=device),
        xp.zeros((*batch, 3), dtype=xp.int32, device=device),
    )  # fmt: skip


def of_moments(space: Space, rows: int, sums: Moments, units: Units | None) -> State:
    """The state of one set of points."""
    xp = space.xp
    weight, mean_a, mean_b, p, q, cross = sums
    most = xp.stack([weight, p, q], axis=-1)
    exponents = xp.zeros_like(most, dtype=xp.int32)
    if units is not None:
        whole = [xp.astype(e, xp.int32) for e in (units.a, units.b, units.weights)]
        exponents = xp.stack(whole, axis=-1)
    seen = xp.full_like(weight, float(rows))
    return State(seen, weight, mean_a, mean_b, p, q, cross, most, exponents)


def merge(space: Space, one: State, two: State) -> State:
    """The state of both sets together."""
    xp = space.xp
    one, two = _in_common_units(space, one, two)
    weight = one.weight + two.weight
    share = two.weight / xp.where(weight == 0, xp.ones_like(weight), weight)
    d_a, d_b = two.mean_a - one.mean_a, two.mean_b - one.mean_b
    f = one.weight * share
    p = one.squares_a + two.squares_a + f * _squared(xp, d_a)
    q = one.squares_b + two.squares_b + f * _squared(xp, d_b)
    most = xp.maximum(xp.maximum(one.most, two.most), xp.stack([weight, p, q], axis=-1))
    return State(
        one.rows + two.rows,
        weight,
        one.mean_a + share[..., None] * d_a,
        one.mean_b + share[..., None] * d_b,
        p,
        q,
        one.cross + two.cross + wide(f) * _outer(xp, d_a, d_b),
        most,
        one.exponents,
    )


def downdate(space: Space, total: State, part: State) -> State:
    """The state of what remains of `total` without `part`, which was merged into it before."""
    xp = space.xp
    total, part = _in_common_units(space, total, part)
    weight = total.weight - part.weight
    gone = weight <= 0  # False for NaN, which stays
    some = xp.where(gone, xp.ones_like(weight), weight)
    share = (part.weight / some)[..., None]
    mean_a = total.mean_a + share * (total.mean_a - part.mean_a)
    mean_b = total.mean_b + share * (total.mean_b - part.mean_b)
    d_a, d_b = part.mean_a - mean_a, part.mean_b - mean_b
    whole = xp.where(total.weight == 0, xp.ones_like(weight), total.weight)
    f = weight * (part.weight / whole)
    left = State(
        total.rows - part.rows,
        weight,
        mean_a,
        mean_b,
        total.squares_a - part.squares_a - f * _squared(xp, d_a),
        total.squares_b - part.squares_b - f * _squared(xp, d_b),
        total.cross - part.cross - wide(f) * _outer(xp, d_a, d_b),
        total.most,
        total.exponents,
    )
    fields = (_unless(xp, gone, x) for x in left)
    return State(*fields)


def cancelled(space: Space, state: State) -> Any:
    """Items of which so much was taken away that half of the digits are gone."""
    xp = space.xp
    now = xp.stack([state.weight, state.squares_a, state.squares_b], axis=-1)
    # Every sum carries rounding of the largest value it had: u against sqrt(u) leaves sqrt(u).
    return xp.any(now < (0.5 * space.eps) ** 0.5 * state.most, axis=-1)


def _unless(xp: Any, gone: Any, x: Any) -> Any:
    """Zero where `gone`."""
    shape = (*gone.shape, *(1,) * (x.ndim - gone.ndim))
    return xp.where(xp.reshape(gone, shape), xp.zeros_like(x), x)


def _in_common_units(space: Space, one: State, two: State) -> tuple[State, State]:
    """Both in the larger unit; an empty state has none of its own."""
    xp = space.xp
    some = xp.where((one.weight == 0)[..., None], two.exponents, one.exponents)
    other = xp.where((two.weight == 0)[..., None], some, two.exponents)
    common = xp.maximum(some, other)
    return _in_units(space, one, common), _in_units(space, two, common)


def _in_units(space: Space, state: State, exponents: Any) -> State:
    xp = space.xp
    shift = state.exponents - exponents
    if space.eager and not bool(xp.any(shift != 0)):
        return state
    # Further apart than the range is wide, nothing is left of the smaller number.
    most = -2 * space.smallest_exponent - 4
    a, b, w = (xp.clip(shift[..., k], -most, most) for k in range(3))
    p, q, both = (xp.clip(x, -most, most) for x in (2 * a + w, 2 * b + w, a + b + w))
    sizes = xp.stack([w, p, q], axis=-1)
    return State(
        state.rows,
        times_power(space, state.weight, w),
        times_power(space, state.mean_a, a[..., None]),
        times_power(space, state.mean_b, b[..., None]),
        times_power(space, state.squares_a, p),
        times_power(space, state.squares_b, q),
        scale_by_power_of_two(space, state.cross, both),
        times_power(space, state.most, sizes),
        exponents,
    )


def _squared(xp: Any, row: Any) -> Any:
    return sums_of_squares(xp, row[..., None, :])


def _outer(xp: Any, x: Any, y: Any) -> Any:
    """x^H y of rows."""
    return adjoint(xp, x[..., None, :]) @ y[..., None, :]
