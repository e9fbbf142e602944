"""The one door through which kernels are compiled.

No explicit signatures, since those compile at import; no ``fastmath``, since kernels detect NaN
and promise bits; no ``parallel``, since Numba's default thread layer is not safe under Python
threads: threads are those of `orthola._core.threads`, hence ``nogil``.

Numba sees a changed function only in its own file: after editing something that other kernels
call, delete the ``__pycache__`` of this folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["jit", "jit_part"]

_OPTIONS = {"nogil": True, "error_model": "numpy"}


def jit(function: Callable[..., Any]) -> Any:
    """Compile a kernel that Python calls; its machine code is kept between runs where possible."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        # Numba finds no folder that it may write to: then every process compiles anew.
        return numba.njit(**_OPTIONS)(function)


def jit_part(function: Callable[..., Any]) -> Any:
    """Compile a function that only kernels call: it is kept as a part of their machine code."""
    return numba.njit(**_OPTIONS)(function)
