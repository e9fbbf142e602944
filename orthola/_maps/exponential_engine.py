"""Which version of exp and its derivatives runs: a kernel for the arrays, or the text."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .._core.dispatch import Kernel, find_kernel, load
from .._core.options import current
from .._core.shared_memory import as_numpy, as_tensor
from .._core.space import Space, resolve
from .._core.tuning import planned
from .jets import Jet
from .pade import APPROXIMANTS
from .squaring import Plan, exponential, free_squarings, most_squarings, spacing

__all__ = ["Facts", "run"]


class Facts(NamedTuple):
    """What the table of kernels looks at."""

    batch: int
    order: int


def run(space: Space, plan: Plan, x: Jet) -> Any:
    """The last component of exp of a jet: exp(A), or its derivative along all the directions."""
    if space.name == "torch" and not space.traced and str(space.device) == "cpu":
        # NumPy's overhead is a fifth, and no derivative passes through here.
        host, (a, *_) = resolve("exponential", as_numpy(x[0]))
        parts = tuple(None if part is None else as_numpy(part) for part in x[1:])
        return as_tensor(run(host, plan, (a, *parts)))
    kernel = _kernel_of(space, plan, x)
    if kernel is None:
        return exponential(space, plan, x)[-1]
    n = x[0].shape[-1]
    a, *directions = (part.reshape(-1, n, n) for part in x)
    out = load(kernel.target)(
        a,
        directions[0] if directions else None,
        bound=plan.bound,
        approximants=APPROXIMANTS,
        limits=(free_squarings(n), spacing(space.eps), most_squarings(space.eps)),
        threads=current().threads,
    )
    return out.reshape(x[0].shape)


def _kernel_of(space: Space, plan: Plan, x: Jet) -> Kernel | None:
    """A kernel knows skew-Hermitian matrices and one direction at most."""
    a = x[0]
    if not plan.unitary or len(x) > 2 or 0 in a.shape or not current().kernels:
        return None
    if space.name != "numpy":
        return None
    return _found(math.prod(a.shape[:-2]), a.shape[-1])


@planned(256)
def _found(batch: int, order: int) -> Kernel | None:
    return find_kernel("exponential", "numpy", Facts(batch, order))
