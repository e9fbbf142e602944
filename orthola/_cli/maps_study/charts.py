"""The contenders: ways to keep a matrix orthonormal while a gradient moves it.

A parametrisation trains a free array and maps it; a retraction moves the matrix itself. Values
come from the public functions, as any user would call them, gradients from the rules beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import (
    cayley,
    cayley_frame,
    cayley_frame_inverse,
    cayley_inverse,
    householder_product,
    householder_vectors,
    polar,
    project_tangent,
    retract,
    skew_exp,
)
from ..._core.space import Space, resolve
from ..._maps.cayley_derivatives import cayley_pullback
from ..._maps.exponential import skew_part
from ..._maps.exponential_derivatives import exponential_derivative
from ..._maps.frame_engine import pull_back as frame_pullback
from ..._maps.reflector_rules import PRODUCT, ProductOptions
from ..._maps.squaring import plan_for
from ..._polar.tangent import polar_pullback

__all__ = ["CHARTS", "Chart", "charts_for"]

Array = np.ndarray[Any, Any]
_SCALE = 0.5  # of both Cayley maps, their default


class Chart(NamedTuple):
    """One contender, begun at one matrix."""

    start: Array  # what is trained
    value: Callable[[Array], Array]  # Q of it
    gradient: Callable[[Array, Array, Array], Array]  # of it, of Q, and of the gradient in Q
    moved: Callable[[Array, Array], Array] = np.add  # it, after a step


def _householder(q: Array, space: Space) -> Chart:
    vectors, _, signs, _ = householder_vectors(q)
    static = ProductOptions(q.shape[1], False, True)

    def gradient(v: Array, _: Array, qbar: Array) -> Array:
        (vbar,) = PRODUCT.pullback(space, static, (v,), (), (qbar * signs,))
        return np.asarray(vbar)

    return Chart(vectors, lambda v: householder_product(v) * signs, gradient)


def _cayley(q: Array, space: Space) -> Chart:
    skew, signs, _ = cayley_inverse(q)

    def gradient(_: Array, q: Array, qbar: Array) -> Array:
        return np.asarray(cayley_pullback(space, _SCALE, q, signs, qbar))

    return Chart(skew, lambda a: cayley(a, signs=signs), gradient)


def _cayley_frame(q: Array, space: Space) -> Chart:
    x, signs, _ = cayley_frame_inverse(q)
    rows = np.ones((q.shape[0], 1), q.dtype)
    rows[: signs.size, 0] = signs

    def gradient(x: Array, q: Array, qbar: Array) -> Array:
        return np.asarray(frame_pullback(space, _SCALE, x, rows * q, rows * qbar))

    return Chart(x, lambda x: cayley_frame(x, signs=signs), gradient)


def _exponential(q: Array, space: Space) -> Chart:
    plan = plan_for(space, None, unitary=True)

    def gradient(a: Array, _: Array, qbar: Array) -> Array:
        # The adjoint of L(A; .) is L(A^T; .), and A^T = -A.
        turned = exponential_derivative(space, plan, -skew_part(space, a), qbar)
        return np.asarray(skew_part(space, turned))

    # It has determinant 1 only, so it begins at I whatever was asked for.
    return Chart(np.zeros_like(q), skew_exp, gradient)


def _polar(q: Array, space: Space) -> Chart:
    def gradient(x: Array, q: Array, qbar: Array) -> Array:
        h = q.T @ x
        return np.asarray(polar_pullback(space, "nan", x, q, (h + h.T) / 2, qbar, None))

    return Chart(q, lambda x: polar(x).unitary, gradient)


def _retraction(method: str) -> Callable[[Array, Space], Chart]:
    def begun(q: Array, _: Space) -> Chart:
        return Chart(
            q,
            lambda x: x,
            lambda _, q, qbar: project_tangent(q, qbar),
            lambda x, step: retract(x, step, method=method),
        )

    return begun


CHARTS: dict[str, Callable[[Array, Space], Chart]] = {
    "householder": _householder,
    "cayley": _cayley,
    "cayley-frame": _cayley_frame,
    "skew-exp": _exponential,
    "polar": _polar,
    "retract-cayley": _retraction("cayley"),
    "retract-polar": _retraction("polar"),
    "retract-qr": _retraction("qr"),
}
_SQUARE_ONLY = {"cayley", "skew-exp"}
_TALL_ONLY = {"cayley-frame"}


def charts_for(q: Array) -> dict[str, Chart]:
    """Every contender that has a matrix of this shape, begun at it."""
    n, k = q.shape
    without = _TALL_ONLY if n == k else _SQUARE_ONLY
    space, _ = resolve("study", q)
    return {name: begin(q, space) for name, begin in CHARTS.items() if name not in without}
