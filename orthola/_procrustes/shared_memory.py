"""PyTorch tensors in main memory, fitted as the NumPy arrays that share it."""

from __future__ import annotations

from typing import Any

from .._core.dispatch import find_kernel
from .._core.shared_memory import as_numpy, as_tensor
from .._core.space import Space, resolve
from .moments import Points
from .plan import Plan, facts_of

__all__ = ["fit_of_tensors"]


def fit_of_tensors(space: Space, plan: Plan, points: Points) -> Any:
    """`fit` of CPU tensors."""
    arrays = [as_numpy(x) for x in points[:3] if x is not None]
    host, _ = resolve("procrustes", arrays[0])
    # Looked for again: under torch.func.vmap the stack was not known when the plan was made.
    facts = facts_of(host, arrays[0])._replace(dtype_name=plan.work)
    kernel = find_kernel("procrustes", "numpy", facts)
    plan = plan._replace(kernel=None if kernel is None else kernel.target, host=True)
    from .fit import fit  # which reaches this file through the table of kernels

    return tuple(as_tensor(x) for x in fit(host, plan, arrays))
