"""PyTorch tensors in main memory, computed as the NumPy arrays that share it.

Nothing is copied or moved, and BLAS in place and the Numba kernels serve tensors too. Derivatives
do not pass through here: they are attached outside, in closed form.
"""

from __future__ import annotations

from typing import Any

from .._core.dispatch import find_kernel
from .._core.space import resolve
from .factors import factors
from .plan import Plan, facts_of

__all__ = ["polar_of_tensor"]


def polar_of_tensor(plan: Plan, x: Any) -> tuple[Any, ...]:
    """`factors` of a tall CPU tensor."""
    import torch

    host = x.detach().resolve_conj().resolve_neg().numpy()
    space, (host,) = resolve("polar", host)
    kernel = find_kernel("polar", "numpy", facts_of(space, host))
    small = plan.method == "small" and kernel is not None
    plan = plan._replace(kernel=kernel.target if small and kernel else None)
    return tuple(torch.from_numpy(space.xp.asarray(out)) for out in factors(space, plan, host))
