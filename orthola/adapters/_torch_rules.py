"""A `Rule` as a `torch.autograd.Function`: reverse mode, any order, vmap, `torch.compile`.

There is no `jvp`: PyTorch then refuses forward mode with a clear message instead of returning
a wrong tangent. For compilers the primal is an operator of its own: one opaque node with known
shapes, and the algorithm behind it may look at values. Ordinary tensors go to it directly.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import torch
from torch import library

from .._core.autodiff import Rule
from .._core.shared_memory import ordinary, recorded
from .._core.space import Space, resolve

__all__ = ["attach"]


@lru_cache(maxsize=64)
def attach(rule: Rule) -> Any:
    """The callable ``(space, static, *tensors) -> outputs`` of a rule."""
    operator = _operator(rule)

    def call(space: Space, static: Any, *tensors: Any) -> Any:
        if not ordinary(*tensors):
            return attached.apply(static, *tensors)
        if recorded(*tensors):
            return recording.apply((space, static), *tensors)
        return _owned(rule.primal(space, static, tensors), tensors)

    def record(ctx: Any, how: Any, *tensors: Any) -> Any:
        space, static = how
        outputs = _owned(rule.primal(space, static, tensors), tensors)
        setup_context(ctx, (static, *tensors), outputs)
        return outputs

    def forward(static: Any, *tensors: Any) -> Any:
        if ordinary(*tensors):
            space, arrays = resolve(rule.name, *tensors)
            return _owned(rule.primal(space, static, arrays), tensors)
        return tuple(operator(json.dumps(static), list(tensors)))

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        static, *tensors = inputs
        ctx.static = static
        ctx.count = len(tensors)
        read = range(len(tensors)) if rule.reads is None else rule.reads
        kept = (t if i in read else None for i, t in enumerate(tensors))
        ctx.save_for_backward(*kept, *(output if rule.reads_outputs else ()))
        ctx.mark_non_differentiable(*output[rule.smooth :])
        # Zeros in the place of an unused output would meet its infinite derivative.
        ctx.set_materialize_grads(False)

    def backward(ctx: Any, *gradients: Any) -> Any:
        saved = ctx.saved_tensors
        inputs, outputs = saved[: ctx.count], saved[ctx.count :]
        given = gradients[: rule.smooth]
        if all(gradient is None for gradient in given):
            return (None,) * (1 + ctx.count)
        space, _ = resolve(rule.name, *(inputs if rule.reads is None else outputs[:1]))
        return None, *rule.pullback(space, ctx.static, inputs, outputs, given)

    def vmap(info: Any, in_dims: Any, static: Any, *tensors: Any) -> Any:
        moved = tuple(
            t.expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0)
            for t, dim in zip(tensors, in_dims[1:], strict=True)
        )
        out = attached.apply(static, *moved)
        return out, (0,) * len(out)

    attached = _function(
        rule, forward=forward, setup_context=setup_context, backward=backward, vmap=vmap
    )
    # Without setup_context PyTorch does not look at the signature at every call, for 30 us.
    recording = _function(rule, forward=record, backward=backward)
    return call


def _function(rule: Rule, **methods: Any) -> Any:
    body = {name: staticmethod(method) for name, method in methods.items()}
    return type(rule.name, (torch.autograd.Function,), body)


def _owned(outputs: Any, tensors: Any) -> tuple[Any, ...]:
    """The outputs; copies of those that are views or lie in the memory of an argument."""
    taken = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    return tuple(
        out.clone() if out._is_view() or out.untyped_storage().data_ptr() in taken else out
        for out in outputs
    )


def _operator(rule: Rule) -> Any:
    """``torch.ops.orthola.<name>(static, tensors)``; the static options travel as JSON."""

    def primal(static: str, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        space, arrays = resolve(rule.name, *tensors)
        outputs = rule.primal(space, rule.options(*json.loads(static)), arrays)
        # An operator may not return its argument or two views of one tensor.
        return [out.clone(memory_format=torch.contiguous_format) for out in outputs]

    def outline(static: str, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        space, arrays = resolve(rule.name, *tensors)
        options = (rule.options(*json.loads(static)),) if rule.shaped_by_static else ()
        return [out.new_empty(out.shape) for out in rule.outline(space, *options, arrays)]

    operator = library.custom_op(f"orthola::{rule.name}", primal, mutates_args=())
    operator.register_fake(outline)
    return operator
