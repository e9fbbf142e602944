"""Which version of the Cayley frame and of its pull-back runs: a kernel, or the text."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._core.dispatch import Kernel, find_kernel, load
from .._core.options import current
from .._core.shared_memory import as_numpy, as_tensor, ordinary, recorded
from .._core.space import Space, resolve
from .frame_columns import ACCEPTED, frame_columns
from .frame_coordinates import frame_coordinates, judged
from .frame_derivatives import frame_pullback

__all__ = ["pull_back", "run", "run_inverse"]


class Facts(NamedTuple):
    """What the choice depends on."""

    in_main_memory: bool
    traced: bool


def run(space: Space, scale: float, x: Any) -> Any:
    """Q of X. What overflows is seen in the numbers: no warnings are needed."""
    if 0 in x.shape:
        return space.xp.zeros_like(x)
    kernel = _kernel_of("cayley_frame", space)
    if kernel is None:
        with np.errstate(all="ignore"):
            return frame_columns(space, scale, x)
    items = _stack(space, x)
    q, doubtful = load(kernel.target)(
        items, scale=scale, accepted=ACCEPTED, threads=current().threads
    )
    if doubtful.any():
        host, (again,) = resolve("cayley_frame", items[doubtful])
        with np.errstate(all="ignore"):
            q[doubtful] = frame_columns(host, scale, again)
    return _given_back(space, q, x)


def run_inverse(
    space: Space, scale: float, tolerance: float, q: Any, signs: Any | None
) -> tuple[Any, Any, Any]:
    """(X, signs, status) of Q; the kernel chooses the signs itself."""
    kernel = None
    if signs is None and 0 not in q.shape:
        kernel = _kernel_of("cayley_frame_inverse", space)
    if kernel is None:
        return frame_coordinates(space, scale, tolerance, q, signs)
    x, d, size = load(kernel.target)(_stack(space, q), scale=scale, threads=current().threads)
    *batch, _, k = q.shape
    return judged(
        space, tolerance, q, x.reshape(q.shape), d.reshape(*batch, k), size.reshape(batch)
    )


def pull_back(space: Space, scale: float, x: Any, q: Any, qbar: Any) -> Any:
    """Cotangent of X; by a kernel unless it is to be differentiated itself."""
    kernel = _kernel_of("cayley_frame_pullback", space)
    arrays = (x, q, qbar)
    if kernel is None or 0 in x.shape or not ordinary(*arrays) or recorded(*arrays):
        return frame_pullback(space, scale, *arrays)
    stacks = (_stack(space, array) for array in arrays)
    xbar = load(kernel.target)(*stacks, scale=scale, threads=current().threads)
    return _given_back(space, xbar, x)


def _kernel_of(operation: str, space: Space) -> Kernel | None:
    if not current().kernels or space.traced:
        return None
    return _found(operation, space.name, space.name == "numpy" or str(space.device) == "cpu")


@lru_cache(maxsize=64)
def _found(operation: str, library: str, in_main_memory: bool) -> Kernel | None:
    return find_kernel(operation, library, Facts(in_main_memory, False))


def _stack(space: Space, x: Any) -> Any:
    """One batch axis, in NumPy."""
    host = as_numpy(x) if space.name == "torch" else x
    return host[None] if host.ndim == 2 else host.reshape(-1, *host.shape[-2:])


def _given_back(space: Space, out: Any, like: Any) -> Any:
    out = out.reshape(like.shape)
    return as_tensor(out) if space.name == "torch" else out
