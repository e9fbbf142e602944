"""A `Rule` as a `torch.autograd.Function`: reverse mode, any order, vmap, `torch.compile`.

There is no `jvp`: PyTorch then refuses forward mode with a clear message instead of returning
a wrong tangent. The primal is an operator of its own, so compilers see one opaque node with known
shapes, and the algorithm behind it may look at values.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import torch

from .._core.autodiff import Rule
from .._core.space import resolve

__all__ = ["attach"]


@lru_cache(maxsize=64)
def attach(rule: Rule) -> Any:
    """The callable ``(static, *tensors) -> outputs`` of a rule."""
    operator = _operator(rule)

    def forward(static: Any, *tensors: Any) -> Any:
        return tuple(operator(json.dumps(static), list(tensors)))

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        static, *tensors = inputs
        ctx.static = static
        ctx.count = len(tensors)
        ctx.save_for_backward(*tensors, *output[: rule.smooth])
        ctx.mark_non_differentiable(*output[rule.smooth :])
        # Zeros in the place of an unused output would meet its infinite derivative.
        ctx.set_materialize_grads(False)

    def backward(ctx: Any, *gradients: Any) -> Any:
        saved = ctx.saved_tensors
        inputs, outputs = saved[: ctx.count], saved[ctx.count :]
        given = gradients[: rule.smooth]
        if all(gradient is None for gradient in given):
            return (None,) * (1 + ctx.count)
        space, _ = resolve(rule.name, *inputs)
        return None, *rule.pullback(space, ctx.static, inputs, outputs, given)

    def vmap(info: Any, in_dims: Any, static: Any, *tensors: Any) -> Any:
        moved = tuple(
            t.expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0)
            for t, dim in zip(tensors, in_dims[1:], strict=True)
        )
        out = attached.apply(static, *moved)
        return out, (0,) * len(out)

    attached: Any = type(
        rule.name,
        (torch.autograd.Function,),
        {
            "forward": staticmethod(forward),
            "setup_context": staticmethod(setup_context),
            "backward": staticmethod(backward),
            "vmap": staticmethod(vmap),
        },
    )
    return attached.apply


def _operator(rule: Rule) -> Any:
    """``torch.ops.orthola.<name>(static, tensors)``; the static options travel as JSON."""

    def primal(static: str, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        space, arrays = resolve(rule.name, *tensors)
        outputs = rule.primal(space, rule.options(*json.loads(static)), arrays)
        # An operator may not return its argument or two views of one tensor.
        return [out.clone() for out in outputs]

    def outline(static: str, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        space, arrays = resolve(rule.name, *tensors)
        return list(rule.outline(space, arrays))

    operator = torch.library.custom_op(f"orthola::{rule.name}", primal, mutates_args=())
    operator.register_fake(outline)
    return operator
