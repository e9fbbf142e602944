"""Which code runs for which input: the search in the kernel table, and `explain`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

__all__ = ["Explanation", "Kernel", "explain", "explained_by", "find_kernel", "load"]

F = TypeVar("F", bound=Callable[..., Any])


class Kernel(NamedTuple):
    """One registration: where a special version of an operation lives and when it applies."""

    operation: str
    backend: str
    target: str  # "module:function", imported on first use
    applies: Callable[[Any], bool]  # of static facts only: dtype, shape, device, options
    reason: str


def find_kernel(operation: str, backend: str, facts: Any) -> Kernel | None:
    """First registered kernel whose predicate holds, in the table's order."""
    from .._kernels.table import KERNELS

    for kernel in KERNELS:
        if kernel.operation == operation and kernel.backend == backend and kernel.applies(facts):
            return kernel
    return None


@lru_cache(maxsize=64)
def load(target: str) -> Any:
    """Import the object that ``"module:name"`` names."""
    module, name = target.split(":")
    return getattr(import_module(module), name)


@dataclass(frozen=True)
class Explanation:
    """What a call would do, and why. Print it."""

    function: str
    facts: tuple[tuple[str, str], ...]

    def __getitem__(self, key: str) -> str:
        return dict(self.facts)[key]

    def __str__(self) -> str:
        width = max(len(key) for key, _ in self.facts)
        lines = [f"{self.function}"]
        lines += [f"  {key:<{width}}  {value}" for key, value in self.facts]
        return "\n".join(lines)

    __repr__ = __str__


def explained_by(planner: Callable[..., Explanation]) -> Callable[[F], F]:
    """Decorator: `explain` of the function calls `planner` with the same arguments."""

    def mark(function: F) -> F:
        function.__orthola_explain__ = planner  # type: ignore[attr-defined]
        return function

    return mark


def explain(function: Callable[..., Any], /, *arrays: Any, **options: Any) -> Explanation:
    """Say which method and kernel a call would use, and why, without running it.

    Parameters
    ----------
    function : callable
        A public orthola function, for example `orthola.polar`.
    *arrays : array
        The arrays that would be passed. Only shape, dtype, library and device are read.
    **options
        The options that would be passed.

    Returns
    -------
    Explanation
        Prints as a short table; single entries by key, as in ``explain(...)["method"]``. A
        function without a plan of its own says so under ``"method"``, and names its kernels.

    Raises
    ------
    TypeError
        If `function` is none of orthola's.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> plan = orthola.explain(orthola.polar, np.ones((10_000, 3, 3)))
    >>> plan["method"], plan["kernel"]
    ('small', 'orthola._kernels.numba.polar_small:polar_stack')
    """
    planner = getattr(function, "__orthola_explain__", None)
    if planner is not None:
        return planner(*arrays, **options)  # type: ignore[no-any-return]
    name = getattr(function, "__name__", repr(function))
    if getattr(import_module(__package__.partition(".")[0]), name, None) is not function:
        raise TypeError(
            "explain expected a public orthola function, got "
            f"{getattr(function, '__qualname__', function)!r}"
        )
    return Explanation(name, (("method", _NO_PLAN), ("kernels", _kernels_of(name))))


_NO_PLAN = "no plan of its own: the method is what its options say"
# Where the operation in the table has another name than the functions that it is part of.
_PARTS = {
    "skew_exp": "exponential",
    "skew_exp_frame": "exponential",
    "householder_vectors": "frame_vectors",
    "orthogonal_dictionary": "dictionary_update",
}


def _kernels_of(name: str) -> str:
    """Special versions of the operation, and for what they are."""
    from .._kernels.table import KERNELS

    operation = _PARTS.get(name, name)
    found = [f"{k.backend}: {k.reason}" for k in KERNELS if k.operation == operation]
    return "; ".join(dict.fromkeys(found)) or "none: Array-API calls on every library"
