"""Static options inside states that array libraries transform: structure, not leaves.

A state is a NamedTuple of arrays and one hashable options object. JAX and PyTorch take NamedTuples
apart by themselves; they must be told that the options are part of the structure, so that they
stay Python values under ``jit``, ``scan`` and ``vmap`` and states with other options do not mix.
"""

from __future__ import annotations

import sys
from functools import lru_cache

__all__ = ["register_static"]


def register_static(kind: type) -> None:
    """Make instances of a hashable class static in every library that is in use by now."""
    for library in ("jax", "torch"):
        if library in sys.modules:
            _register(kind, library)


@lru_cache(maxsize=64)
def _register(kind: type, library: str) -> None:
    if library == "jax":
        from jax import tree_util

        tree_util.register_static(kind)
    else:
        from torch.utils import _pytree

        _pytree.register_pytree_node(kind, lambda x: ([], x), lambda _, x: x)
