"""Which version of the Cayley map and its inverse runs: a kernel for the arrays, or the text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.dispatch import Kernel, find_kernel, load
from .._core.options import current
from .._core.shared_memory import as_numpy, as_tensor, ordinary, recorded
from .._core.space import Space, resolve
from . import cayley_text
from .cayley_inverse_text import InversePlan, inverse_transform
from .cayley_plan import Facts, Plan

__all__ = ["kernel_of", "pull_back", "run", "run_inverse"]


_LITTLE = 2**14  # numbers up to which NumPy's lower overhead outweighs PyTorch's faster products


def kernel_of(operation: str, space: Space, x: Any) -> Kernel | None:
    """The special version for these arrays, if there is one and kernels are in use."""
    if not current().kernels or 0 in x.shape:
        return None
    batch = 1 if space.traced else math.prod(x.shape[:-2])  # traced, it may be a symbol
    in_main_memory = str(space.device) == "cpu"
    facts = Facts(space.dtype_name, batch, x.shape[-1], in_main_memory, space.traced)
    return find_kernel(operation, space.name, facts)


def run(space: Space, plan: Plan, a: Any, signs: Any | None) -> Any:
    """Q of the Cayley map."""
    if 0 in a.shape:
        return space.xp.zeros_like(a)
    kernel = kernel_of("cayley", space, a) if plan.method == "solve" else None
    if kernel is None:
        return cayley_text.transform(space, plan, a, signs)
    x, d = _flat(_hosted(space, a), _hosted(space, signs))
    q, lost = load(kernel.target)(x, d, scale=plan.scale, threads=current().threads)
    if lost.any():
        host, (some,) = resolve("cayley", x[lost])
        plan = plan._replace(method="svd")
        q[lost] = cayley_text.transform(host, plan, some, None if d is None else d[lost])
    q = q.reshape(a.shape)
    return as_tensor(q) if space.name == "torch" else q


def run_inverse(space: Space, plan: InversePlan, q: Any, signs: Any | None) -> tuple[Any, Any, Any]:
    """(A, signs, status) of the inverse."""
    hosted = space.name == "torch" and kernel_of("cayley_inverse", space, q) is not None
    if not hosted:
        return inverse_transform(space, plan, q, signs, _way_back)
    host, (x,) = resolve("cayley_inverse", _hosted(space, q))
    a, d, status = inverse_transform(host, plan, x, _hosted(space, signs), _way_back)
    return as_tensor(a), as_tensor(d), as_tensor(status)


def _way_back(space: Space, q: Any, signs: Any | None) -> tuple[Any, Any, Any, Any]:
    kernel = kernel_of("cayley_inverse", space, q)
    if kernel is None:
        return cayley_text.way_back(space, q, signs)
    x, d = _flat(q, signs)
    t, d, size, dropped = load(kernel.target)(x, d, threads=current().threads)
    *batch, n, _ = q.shape
    return t.reshape(q.shape), d.reshape(*batch, n), size.reshape(batch), dropped.reshape(batch)


def pull_back(
    space: Space, pullback: Callable[..., Any], scale: float, x: Any, signs: Any | None, bar: Any
) -> Any:
    """A cotangent from that of the result x; small CPU tensors take NumPy's cheaper operations."""
    tensors = [array for array in (x, signs, bar) if array is not None]
    if space.name != "torch" or kernel_of("cayley", space, x) is None:
        return pullback(space, scale, x, signs, bar)
    if math.prod(x.shape) > _LITTLE or not ordinary(*tensors) or recorded(*tensors):
        return pullback(space, scale, x, signs, bar)
    host, (value,) = resolve("cayley", _hosted(space, x))
    with np.errstate(all="ignore"):
        return as_tensor(pullback(host, scale, value, _hosted(space, signs), _hosted(space, bar)))


def _hosted(space: Space, x: Any) -> Any:
    """CPU tensors as the NumPy arrays that share their memory."""
    return as_numpy(x) if x is not None and space.name == "torch" else x


def _flat(x: Any, signs: Any | None) -> tuple[Any, Any]:
    """One axis for all items."""
    flat = x.reshape(-1, *x.shape[-2:])
    return flat, None if signs is None else signs.reshape(-1, x.shape[-1])
