"""The Cayley map and its inverse as differentiable functions of arrays: (a) or (a, signs)."""

from __future__ import annotations

from typing import Any

from .._core.autodiff import Rule
from .._core.space import Space
from .cayley_derivatives import (
    cayley_pullback,
    cayley_tangent,
    inverse_pullback,
    inverse_tangent,
)
from .cayley_engine import pull_back, run, run_inverse
from .cayley_inverse_text import InversePlan
from .cayley_plan import Plan

__all__ = ["CAYLEY", "INVERSE"]


def _signs(arrays: Any) -> Any | None:
    return arrays[1] if len(arrays) > 1 else None


def _primal(space: Space, static: Any, arrays: Any) -> tuple[Any]:
    return (run(space, static, arrays[0], _signs(arrays)),)


def _outline(space: Space, arrays: Any) -> tuple[Any]:
    return (space.xp.empty_like(arrays[0]),)


def _tangent(space: Space, static: Any, inputs: Any, outputs: Any, t: Any) -> tuple[Any]:
    return (cayley_tangent(space, static.scale, outputs[0], _signs(inputs), t[0]),)


def _pullback(space: Space, static: Any, inputs: Any, outputs: Any, bars: Any) -> tuple[Any, ...]:
    arguments = static.scale, outputs[0], _signs(inputs), bars[0]
    abar = pull_back(space, cayley_pullback, *arguments)
    return (abar, *(None for _ in inputs[1:]))


def _inverse_primal(space: Space, static: Any, arrays: Any) -> tuple[Any, ...]:
    return run_inverse(space, static, arrays[0], _signs(arrays))


def _inverse_outline(space: Space, arrays: Any) -> tuple[Any, ...]:
    q, xp, device = arrays[0], space.xp, space.device
    signs = xp.empty(q.shape[:-1], dtype=q.dtype, device=device)
    return xp.empty_like(q), signs, xp.empty(q.shape[:-2], dtype=xp.int32, device=device)


def _inverse_tangent(space: Space, static: Any, inputs: Any, outputs: Any, t: Any) -> tuple[Any]:
    a, signs, _ = outputs
    return (inverse_tangent(space, static.scale, a, signs, t[0]),)


def _inverse_pullback(
    space: Space, static: Any, inputs: Any, outputs: Any, bars: Any
) -> tuple[Any, ...]:
    a, signs, _ = outputs
    qbar = pull_back(space, inverse_pullback, static.scale, a, signs, bars[0])
    return (qbar, *(None for _ in inputs[1:]))


CAYLEY = Rule("cayley", Plan, _primal, _outline, _pullback, _tangent, reads=(1,))
INVERSE = Rule(
    "cayley_inverse", InversePlan, _inverse_primal, _inverse_outline, _inverse_pullback,
    _inverse_tangent, reads=(),
)  # fmt: skip
