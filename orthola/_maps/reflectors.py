"""Products of Householder reflectors in UT form: Q = H_1 ... H_k, H_j = I - tau_j v_j v_j^H.

    Q = I - V M^-1 D V^H,   M = I + D striu(V^H V),   D = diag(tau)

(Joffrain et al. 2006, doi:10.1145/1141885.1141886). M is unit upper triangular, tau_j = 0 is
allowed, and nothing is divided by tau. Many reflectors are taken in panels, the last one first:
one M for all of them would cost more and lose accuracy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core import tuning
from .._core.linalg import adjoint, adjoint_product, product, products
from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space
from .._core.triangular import solve_triangular

__all__ = [
    "Reflectors",
    "apply_reflectors",
    "coefficients",
    "explicit",
    "moved",
    "product_of_reflectors",
    "scaled_columns",
    "system",
    "times",
]


class Reflectors(NamedTuple):
    """What the formulas need."""

    v: Any  # columns v_j, explicit
    tau: Any
    exponent: Any | None  # integer per column: v_j is the given one divided by 2**exponent

    def part(self, top: int, start: int, stop: int) -> Reflectors:
        """Some of them, without rows that are known to be zero."""
        return Reflectors(self.v[..., top:, start:stop], self.tau[..., start:stop], None)


def explicit(
    space: Space, v: Any, tau: Any | None, packed: bool, moderate: bool = False
) -> Reflectors:
    """The columns as they act, and their factors: tau = 2/||v||^2 where None is given.

    A column is divided by a power of two near its largest entry before its norm is taken, which
    changes no reflector; a zero column has tau = 0, so H = I. `moderate` says that no column is
    near underflow or overflow, and none is zero.
    """
    xp = space.xp
    if packed:
        v = xp.tril(v, k=-1) + xp.eye(*v.shape[-2:], dtype=v.dtype, device=space.device)
    if tau is not None:
        return Reflectors(v, tau, None)
    if 0 in v.shape:
        return Reflectors(v, xp.sum(v, axis=-2), None)
    if moderate:
        return Reflectors(v, xp.astype(2 / _squared_norms(space, v), v.dtype, copy=False), None)
    columns = xp.matrix_transpose(v)[..., None]  # one m x 1 item each
    size = products(space).constant(largest_entry(space, columns))
    regular = xp.isfinite(size) & (size > 0)
    exponent = power_of_two_exponent(space, xp.where(regular, size, xp.ones_like(size)))
    v = scaled_columns(space, v, -exponent)
    norm2 = _squared_norms(space, v)
    zero = norm2 == 0
    tau = xp.where(zero, xp.zeros_like(norm2), 2 / xp.where(zero, xp.ones_like(norm2), norm2))
    return Reflectors(v, xp.astype(tau, v.dtype, copy=False), exponent)


def _squared_norms(space: Space, v: Any) -> Any:
    xp = space.xp
    return xp.sum(xp.real(v) ** 2 + xp.imag(v) ** 2 if space.is_complex else v * v, axis=-2)


def scaled_columns(space: Space, v: Any, exponent: Any) -> Any:
    """Columns of V times 2**exponent."""
    columns = space.xp.matrix_transpose(v)[..., None]
    return space.xp.matrix_transpose(scale_by_power_of_two(space, columns, exponent)[..., 0])


def system(space: Space, r: Reflectors) -> Any:
    """A matrix whose strict upper triangle is that of M; the rest is of no meaning."""
    return r.tau[..., :, None] * (adjoint(space.xp, r.v) @ r.v)


def times(space: Space, r: Reflectors, m: Any, z: Any, conjugate: bool) -> Any:
    """S = M^-1 D Z, or D^H M^-H Z for the adjoint of Q: then Q X = X - V S for Z = V^H X."""
    if conjugate:
        u = solve_triangular(space, m, z, lower=False, adjoint=True, unit=True)
        return _conj(space, r.tau)[..., :, None] * u
    return solve_triangular(space, m, r.tau[..., :, None] * z, lower=False, unit=True)


def coefficients(space: Space, v: Any, x: Any, right: bool) -> Any:
    """V^H X; with `right`, X is given by its adjoint."""
    return adjoint(space.xp, product(space, x, v)) if right else adjoint_product(space, v, x)


def moved(space: Space, x: Any, v: Any, s: Any, right: bool) -> Any:
    """X - V S; with `right`, X and the result are given by their adjoints."""
    step = product(space, v, s)
    return x - (adjoint(space.xp, step) if right else step)


def product_of_reflectors(space: Space, r: Reflectors, columns: int, trapezoid: bool) -> Any:
    """First `columns` columns of Q; `trapezoid` says that V is zero above its diagonal."""
    xp = space.xp
    m, k = r.v.shape[-2:]
    if trapezoid:  # later reflectors leave these columns alone
        k = min(k, columns)
    q = None
    for start, stop in reversed(_panels(k)):
        top = start if trapezoid else 0
        part = r.part(top, start, stop)
        if q is None:
            q = xp.eye(m - top, columns - top, dtype=space.dtype, device=space.device)
            z = adjoint(xp, part.v[..., : columns - top, :])  # V^H E
        else:
            q = _bordered(space, q, stop - start) if trapezoid else q
            z = adjoint(xp, part.v) @ q
        q = q - part.v @ times(space, part, system(space, part), z, False)
    if q is None:
        q = xp.eye(m, columns, dtype=space.dtype, device=space.device)
    return xp.broadcast_to(q, (*r.v.shape[:-2], m, columns))


def _bordered(space: Space, q: Any, width: int) -> Any:
    """Block diagonal [I, Q]."""
    xp, batch = space.xp, q.shape[:-2]
    m, n = q.shape[-2] + width, q.shape[-1]
    above = xp.zeros((*batch, width, n), dtype=q.dtype, device=space.device)
    eye = xp.eye(m, width, dtype=q.dtype, device=space.device)
    left = xp.broadcast_to(eye, (*batch, m, width))
    return xp.concat([left, xp.concat([above, q], axis=-2)], axis=-1)


def apply_reflectors(
    space: Space, r: Reflectors, x: Any, conjugate: bool, trapezoid: bool, right: bool
) -> Any:
    """Q X, or Q^H X with `conjugate`; with `right`, X and the result are stored as adjoints."""
    xp = space.xp
    panels = _panels(r.v.shape[-1])
    for start, stop in panels if conjugate else reversed(panels):
        top = start if trapezoid else 0
        part = r.part(top, start, stop)
        rest = x[..., :, top:] if right else x[..., top:, :]
        z = coefficients(space, part.v, rest, right)
        s = times(space, part, system(space, part), z, conjugate)
        rest = moved(space, rest, part.v, s, right)
        if top == 0:
            x = rest
        elif right:
            x = xp.concat([x[..., :, :top], rest], axis=-1)
        else:
            x = xp.concat([x[..., :top, :], rest], axis=-2)
    return x


def _panels(k: int) -> list[tuple[int, int]]:
    limits = tuning.householder_limits()
    width = k if k <= limits.one_panel else limits.panel
    return [(start, min(start + width, k)) for start in range(0, k, max(width, 1))]


def _conj(space: Space, x: Any) -> Any:
    return space.xp.conj(x) if space.is_complex else x
