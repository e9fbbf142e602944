"""The kernels for reflectors in main memory: NumPy arrays, and CPU tensors as such.

A kernel takes stacks with one batch axis. Those on BLAS decline columns near overflow or underflow
when they are to find tau; these are then scaled, and given with their tau.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._core.dispatch import Kernel, find_kernel, load
from .._core.options import current
from .._core.shared_memory import as_numpy, as_tensor, ordinary, recorded
from .._core.space import Space, resolve
from .reflectors import explicit

__all__ = ["Facts", "facts_of", "find", "pull_back", "run"]

_SMALLEST, _LARGEST = 2.0**-60, 2.0**60  # of ||v||^2, for every dtype


class Facts(NamedTuple):
    """What the choice of a kernel depends on."""

    dtype_name: str
    batch: int
    rows: int  # m
    reflectors: int  # k
    columns: int  # of X, or of the part of Q
    in_main_memory: bool
    traced: bool


def facts_of(space: Space, v: Any, columns: int) -> Facts:
    """Static facts of a call in `space`."""
    *batch, m, k = v.shape
    host = space.name == "numpy" or (space.name == "torch" and not space.on_gpu)
    return Facts(space.dtype_name, math.prod(batch), m, k, columns, host, space.traced)


def find(operation: str, space: Space, facts: Facts) -> Kernel | None:
    """The kernel of an operation, if there is one for this call and kernels are in use."""
    return find_kernel(operation, space.name, facts) if current().kernels else None


def run(kernel: Kernel, space: Space, v: Any, tau: Any | None, x: Any, **options: Any) -> Any:
    """Call a kernel of `householder_product` (x: number of columns) or `householder_apply`."""
    function = load(kernel.target)
    columns, factors = _matrices(space, v), _vectors(space, tau)
    third = x if isinstance(x, int) else _matrices(space, x)
    options["threads"] = current().threads
    out = function(columns, factors, third, **options)
    if out is None:
        host, _ = resolve("householder", columns)
        r = explicit(host, columns, None, options["packed"])
        out = function(r.v, r.tau, third, **(options | {"packed": False}))
    return _given_back(space, out, v.shape[:-2])


def pull_back(
    operation: str,
    text: Callable[..., Any],
    space: Space,
    v: Any,
    tau: Any | None,
    *others: Any,
    **options: Any,
) -> tuple[Any, ...]:
    """Cotangents by a kernel, or by the text: in NumPy for tensors in main memory, if these are
    not to be differentiated again. `others` are X, if there is one, and the cotangent.
    """
    tensors = [array for array in (v, tau, *others) if array is not None]
    facts = facts_of(space, v, others[-1].shape[-2 if options.get("right") else -1])
    eager = space.name == "torch" and facts.in_main_memory and 0 not in v.shape
    if not eager or not ordinary(*tensors) or recorded(*tensors):
        return text(space, v, tau, *others, **options)  # type: ignore[no-any-return]
    kernel = find(operation, space, facts)
    if kernel is None:
        arrays = [None if array is None else as_numpy(array) for array in (v, tau, *others)]
        host, _ = resolve(operation, arrays[0])
        with np.errstate(all="ignore"):
            if tau is None:
                options["moderate"] = _are_moderate(arrays[0])
            return tuple(as_tensor(array) for array in text(host, *arrays, **options))
    matrices = [_matrices(space, array) for array in others]
    options["threads"] = current().threads
    out = load(kernel.target)(_matrices(space, v), _vectors(space, tau), *matrices, **options)
    return tuple(_given_back(space, array, v.shape[:-2]) for array in out)


def _are_moderate(v: Any) -> bool:
    """Whether the norms of all columns are far from overflow and underflow."""
    norm2 = np.sum(np.abs(v) ** 2 if v.dtype.kind == "c" else v * v, axis=-2)
    return bool(((norm2 > _SMALLEST) & (norm2 < _LARGEST)).all())


def _matrices(space: Space, x: Any) -> Any:
    """A stack of matrices with one batch axis, in NumPy."""
    host = as_numpy(x) if space.name == "torch" else x
    return host if host.ndim == 3 else host.reshape(-1, *host.shape[-2:])


def _vectors(space: Space, x: Any | None) -> Any | None:
    """The same for vectors."""
    if x is None:
        return None
    host = as_numpy(x) if space.name == "torch" else x
    return host.reshape(-1, host.shape[-1])


def _given_back(space: Space, x: Any, batch: tuple[int, ...]) -> Any:
    x = x.reshape(*batch, *x.shape[1:])
    return as_tensor(x) if space.name == "torch" else x
