"""PyTorch tensors in main memory as the NumPy arrays that share it: nothing is copied or moved.

BLAS in place and the Numba kernels serve tensors this way. Derivatives do not pass through here:
they are attached outside, in closed form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_numpy", "as_tensor", "ordinary", "recorded"]


def as_numpy(tensor: Any) -> Any:
    """The array in the memory of a CPU tensor; a copy only where a lazy conjugation is pending."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    return tensor.numpy()


def as_tensor(array: Any) -> Any:
    """The tensor in the memory of an array; a copy only where PyTorch has no such tensor."""
    import torch

    array = np.asarray(array)
    if not array.flags.writeable or any(step < 0 for step in array.strides):
        array = array.copy()
    return torch.from_numpy(array)


def ordinary(*tensors: Any) -> bool:
    """Whether nothing traces or transforms these tensors, so that code may look at their values.

    Under `torch.func` transformations and while graphs are traced there are stand-ins instead;
    forward mode attaches tangents that would be lost.
    """
    import torch
    from torch.autograd import forward_ad

    return (
        all(type(tensor) in (torch.Tensor, torch.nn.Parameter) for tensor in tensors)
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._len_torch_dispatch_stack()
        and not torch.jit.is_tracing()
        and forward_ad._current_level < 0
    )


def recorded(*tensors: Any) -> bool:
    """Whether operations on these tensors are being recorded for differentiation."""
    import torch

    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
