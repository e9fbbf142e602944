"""A `Rule` for JAX, under `jax.jit`: `custom_jvp`, or a custom linear solve for equations.

Both give forward and reverse mode, any order, vmap and Hessians. JAX may trace the texts long after
the call that they belong to, so they ask for full precision themselves.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from .._core.autodiff import Rule
from .._core.space import Space, in_full_precision, resolve

__all__ = ["attach"]


@lru_cache(maxsize=64)
def attach(rule: Rule) -> Any:
    """The callable ``(space, static, *arrays) -> outputs`` of a rule."""

    def call(space: Space, static: Hashable, *arrays: Any) -> Any:
        return _compiled(rule, static)(*arrays)

    return call


@lru_cache(maxsize=256)
def _compiled(rule: Rule, static: Hashable) -> Any:
    function = _with_tangent(rule, static) if rule.equation is None else _solve(rule, static)
    return jax.jit(function)


def _with_tangent(rule: Rule, static: Hashable) -> Any:
    assert rule.tangent is not None
    tangent = rule.tangent

    @in_full_precision
    def primal(*arrays: Any) -> Any:
        space, arrays = resolve(rule.name, *arrays)
        return tuple(rule.primal(space, static, arrays))

    @in_full_precision
    def moved_along(primals: Any, tangents: Any) -> Any:
        outputs = differentiable(*primals)
        space, _ = resolve(rule.name, *primals)
        moved = tangent(space, static, primals, outputs, tangents)
        return outputs, (*moved, *map(_still, outputs[rule.smooth :]))

    differentiable: Any = jax.custom_jvp(primal)
    differentiable.defjvp(moved_along)
    return differentiable


def _still(output: Any) -> Any:
    """The zero tangent of an output that does not move."""
    if jax.numpy.issubdtype(output.dtype, jax.numpy.inexact):
        return jax.numpy.zeros_like(output)
    return np.zeros(output.shape, jax.dtypes.float0)


def _solve(rule: Rule, static: Hashable) -> Any:
    """L(H, X) = M by implicit differentiation; the transpose of L(H, .) is L(conj H, .)."""
    assert rule.equation is not None
    equation = rule.equation

    @in_full_precision
    def function(h: Any, m: Any) -> Any:
        space, (h, m) = resolve(rule.name, h, m)
        x = jax.lax.custom_linear_solve(
            lambda x: equation(space, h, x),
            m,
            solve=lambda _, b: rule.primal(space, static, (h, b))[0],
            transpose_solve=lambda _, b: rule.primal(space, static, (h.conj(), b))[0],
        )
        return (x,)

    return function
