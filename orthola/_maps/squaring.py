"""exp by scaling and squaring, on jets: the text of `skew_exp` and of its derivatives.

Every squaring doubles the distance from unitarity that rounding has left, so 2^s of it would
be left after s squarings. For skew-Hermitian arguments the iterate is therefore brought back by
Q (3I - Q^H Q)/2, which squares that distance and leaves eigenvectors and angles alone: after a few
squarings, and at the end. Derivatives need no such step, as it is the identity to first order.
"""

from __future__ import annotations

from math import ceil, frexp, log2
from typing import Any, NamedTuple

from .._core.linalg import adjoint, products, sums_of_squares, wide
from .._core.loops import counted_loop
from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space
from .jets import Jet, mapped, times
from .pade import approximant, degree_for, largest_degree

__all__ = ["Plan", "exponential", "free_squarings", "most_squarings", "plan_for", "spacing"]


class Plan(NamedTuple):
    """Static choices; None for what the values decide."""

    unitary: bool  # the arguments are skew-Hermitian
    degree: int | None = None
    squarings: int | None = None
    bound: float | None = None


def plan_for(space: Space, norm_bound: float | None, *, unitary: bool) -> Plan:
    """Degree and number of squarings for all matrices up to a norm."""
    if norm_bound is None:
        return Plan(unitary)
    squarings = max(0, frexp(norm_bound / largest_degree(space)[1])[1])
    squarings = min(squarings, most_squarings(space.eps))
    return Plan(unitary, degree_for(space, norm_bound * 2.0**-squarings), squarings, norm_bound)


def most_squarings(eps: float) -> int:
    """Squarings after which an angle of the largest argument is known to no digit."""
    return ceil(-log2(eps / 2))


def free_squarings(order: int) -> int:
    """Squarings that need no correction: they leave a defect of at most about 4 n u."""
    return 1 + max(1, order.bit_length() // 2)


def spacing(eps: float) -> int:
    """Squarings between two corrections."""
    return 8 if eps < 1e-10 else 3


def exponential(space: Space, plan: Plan, x: Jet) -> Jet:
    """Exponential of the jet; items whose matrix is not finite are NaN."""
    xp, a = space.xp, x[0]
    if 0 in a.shape:
        return mapped(xp.zeros_like, x)
    size = largest_entry(space, products(space).constant(a))
    finite = xp.isfinite(size)
    if space.eager and bool(xp.all(finite)):
        return _of_finite(space, plan, x, size)
    x = (xp.where(wide(finite), a, xp.zeros_like(a)), *x[1:])
    q = _of_finite(space, plan, x, xp.where(finite, size, xp.zeros_like(size)))
    nan = xp.full_like(a, float("nan"))
    return mapped(lambda part: xp.where(wide(finite), part, nan), q)


def _of_finite(space: Space, plan: Plan, x: Jet, size: Any) -> Jet:
    if plan.degree is not None and plan.squarings is not None:
        down = 2.0**-plan.squarings
        b = mapped(lambda part: part * down, x) if plan.squarings else x
        q = approximant(space, b, [times(b, b)], 1.0, plan.degree)
        return _squared(space, plan, q, None, plan.squarings)
    xp = space.xp
    # B = 2^-e A is not above 1 in norm, so that its powers are in range.
    exponent = power_of_two_exponent(space, size) + (x[0].shape[-1] - 1).bit_length()
    exponent = xp.where(exponent > 0, exponent, xp.zeros_like(exponent))
    b = mapped(lambda part: scale_by_power_of_two(space, part, -exponent), x)
    squares = [times(b, b)]
    if plan.unitary:
        squares.append(times(squares[0], squares[0]))
        norm = _norm_by_fourth_power(space, products(space).constant(squares[1][0]))
    else:
        norm = xp.max(xp.sum(xp.abs(products(space).constant(b[0])), axis=-2), axis=-1)
    degree, top = largest_degree(space)
    wanted = exponent + power_of_two_exponent(space, norm / top)
    wanted = xp.where(norm > 0, wanted, xp.zeros_like(wanted))
    # f B with f = 2^(e - s) has a norm in range; beyond the limit of s, all angles are noise.
    rest = exponent - xp.where(wanted > 0, wanted, xp.zeros_like(wanted))
    s = xp.clip(wanted, 0, most_squarings(space.eps))
    ones = xp.ones((*x[0].shape[:-2], 1, 1), dtype=space.real_dtype, device=space.device)
    factor = scale_by_power_of_two(space, ones, rest)
    if not space.eager:
        return _squared(space, plan, approximant(space, b, squares, factor, degree), s, xp.max(s))
    degree = degree_for(space, float(xp.max(norm * factor[..., 0, 0])))
    most, same = int(xp.max(s)), bool(xp.all(s == xp.max(s)))
    q = approximant(space, b, squares, factor, degree)
    return _squared(space, plan, q, None if same else s, most)


def _norm_by_fourth_power(space: Space, b4: Any) -> Any:
    """Upper bound of ||B||_2 for skew-Hermitian B, at most n^(1/8) times as large.

    The eigenvalues of B^4 are t^4; those of real B come in pairs it, -it.
    """
    total = sums_of_squares(space.xp, b4)
    return (total if space.is_complex else 0.5 * total) ** 0.125


def _squared(space: Space, plan: Plan, q: Jet, each: Any, most: Any) -> Jet:
    """Q^(2^s), s = `most` for all items, or `each` with maximum `most`."""

    def square(j: Any, q: Jet) -> Jet:
        return _where(space, each, j, times(q, q), q)

    def group(g: Any, q: Jet) -> Jet:
        start = free + g * apart
        q = counted_loop(space, lambda i, q: square(start + i, q), q, most - start, limit=apart)
        if not plan.unitary:
            return q
        closer = _nearer_to_unitary(space, q[0])
        return (_where(space, each, start, (closer,), q[:1])[0], *q[1:])

    free, apart = free_squarings(q[0].shape[-1]), spacing(space.eps)
    q = counted_loop(space, square, q, most, limit=free)
    groups = (most - free + apart - 1) // apart
    limit = ceil((most_squarings(space.eps) - free) / apart)
    return counted_loop(space, group, q, groups, limit=limit)


def _where(space: Space, each: Any, j: Any, yes: Jet, no: Jet) -> Jet:
    """`yes` for the items that want more than j squarings."""
    if each is None:
        return yes
    more = wide(each > j)
    return tuple(
        None if p is None else space.xp.where(more, p, q) for p, q in zip(yes, no, strict=True)
    )


def _nearer_to_unitary(space: Space, q: Any) -> Any:
    """Q (3I - Q^H Q)/2 (Higham 2008, doi:10.1137/1.9780898717778, ch. 8)."""
    return 1.5 * q - 0.5 * (q @ (adjoint(space.xp, q) @ q))
